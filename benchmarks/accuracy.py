"""Train every network on one data set and one split; a row for each network and seed: accuracy.csv.

    python benchmarks/accuracy.py --data coast_train.npz --seeds 0,1,2
    python benchmarks/accuracy.py --data coast_train.npz --split province:SD --networks fcn,patchnet
    python benchmarks/accuracy.py --data coast_train.npz --split province:SD --adapt
    python benchmarks/accuracy.py --data coast_train.npz --split later --networks patchnet

Each training is a run of run.py in benchmarks/runs/. An interrupted one goes on, a finished one is
not repeated. Each has one thread: so the results are repeatable, and the CPU minutes are those of
one core.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
from benchmarks.table_forms import NAMES
from data_loader import load_samples, save_samples, split_samples
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser, names, whole_number

HERE = Path(__file__).parent
ADAPTED = "-adapted"  # ends the name of a run that was fitted to its test series
PAPER = ("fcn",)  # trained as published; the others by the modern recipe
WHICH = ["data", "split", "network", "seed"]  # tells a row from any other
FACTS = ("parameters", "best_epoch", "epochs", "cpu_minutes")  # of the training
SCORES = tuple(NAMES)


def seeds(text):
    """'0,1' -> [0, 1]."""
    return [whole_number(at_least=0)(part) for part in names(text) or ()]


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--data", default="dataset/urban.npz", help="samples")
    parser.add_argument(
        "--split",
        default="site",
        help="as run.py takes it; or later: test on the last fifth of the series of every site, "
        "as the authors did, and draw a tenth of the others for validation",
    )
    parser.add_argument(
        "--networks",
        type=names,
        default="fcn,unet,deeplab,transformer,patchnet",
        help="separated by commas",
    )
    parser.add_argument(
        "--seeds",
        type=seeds,
        default="0",
        help="separated by commas; of the weights, the order and the split",
    )
    parser.add_argument(
        "--adapt", action="store_true", help="then fit to the test series, without their labels"
    )
    parser.add_argument(
        "--out", default=HERE / "accuracy.csv", type=Path, help="table; its rows of other runs stay"
    )
    return parser


def main():
    options = make_parser().parse_args()
    for seed in options.seeds:
        for network in options.networks:
            train(options.data, options.split, network, seed)
            if options.adapt:
                adapt(options.data, options.split, network, seed)
            table = with_earlier(collect(), options.out)
            with written_whole(options.out) as path:
                table.to_csv(path, index=False)
    columns = [*WHICH, *SCORES, "cpu_minutes"]
    print(table[columns].to_string(index=False, float_format="{:.4f}".format))


def train(data, split, network, seed):
    """Make one run of run.py; nothing is done for one that is finished."""
    name = name_of(data, split, network, seed)
    folder = HERE / "runs" / name
    if (folder / "scores.json").exists():
        return
    flags = ["--data", data, "--model", network]
    if (folder / "config.json").exists():
        flags += ["--resume"]
    else:
        recipe = "paper" if network in PAPER else "modern"
        parts = str(write_later(data, seed)) if split == "later" else split
        flags += ["--recipe", recipe, "--split", parts, "--seed", str(seed)]
    run(flags, name, folder)


def write_later(data, seed):
    """Write a split file for run.py: the last fifth of a site tests, a tenth of the rest chooses.

    Returns its path.
    """
    samples = load_samples(data)
    late = np.zeros(len(samples.y), bool)
    for site in np.unique(samples.site):
        rows = np.flatnonzero(samples.site == site)
        late[rows] = np.arange(len(rows)) / len(rows) >= 0.8
    chooses = np.random.default_rng(seed).random(len(late)) < 0.1
    part = np.select([late, chooses], ["test", "validation"], "train")
    path = later_path(data, seed)
    with written_whole(path) as place:
        pd.DataFrame({"sample": samples.ids, "part": part}).to_csv(place, index=False)
    return path


def later_path(data, seed):
    return HERE / "runs" / f"{Path(data).stem}-later-{seed}.csv"


def split_name(options):
    """The split of a run as this script was told it: 'later' for a file that `write_later` made."""
    later = str(later_path(options["data"], options["seed"]))
    return "later" if options["split"] == later else options["split"]


def adapt(data, split, network, seed):
    """Fit the weights of a finished run to the series of its test part.

    Their labels serve for the scores alone.
    """
    first = HERE / "runs" / name_of(data, split, network, seed)
    folder = first.with_name(f"{first.name}{ADAPTED}")
    if not (folder / "scores.json").exists():
        samples = load_samples(data)
        test = split_samples(samples, split, seed=seed)["test"]
        area, weights = first / "area.npz", first / "weights.safetensors"
        save_samples(area, samples.take(test))
        flags = ["--adapt", str(area), "--start", str(weights), "--seed", str(seed)]
        run(flags, folder.name, folder)


def name_of(data, split, network, seed):
    return f"{Path(data).stem}-{split.replace(':', '_')}-{network}-{seed}"


def run(flags, name, folder):
    """Call run.py in a process of its own, as a user does."""
    where = ["--name", name, "--runs", str(HERE / "runs"), "--weights", str(folder)]
    script = str(HERE.parent / "run.py")
    subprocess.run([sys.executable, script, *flags, *where, "--threads", "1"], check=True)


def finished_runs(*patterns):
    """Folders of the runs that are finished and match one of the patterns, without the adapted."""
    paths = {path for name in patterns for path in (HERE / "runs").glob(f"{name}/scores.json")}
    folders = sorted(path.parent for path in paths)
    return [folder for folder in folders if not folder.name.endswith(ADAPTED)]


def collect():
    """All finished runs as a table."""
    rows = []
    for path in sorted(HERE.glob("runs/*/scores.json")):
        found = json.loads(path.read_text())
        adapted = "adapted" in found
        first = Path(str(path.parent).removesuffix(ADAPTED))
        options = json.loads((first / "config.json").read_text())["options"]
        training = json.loads((first / "scores.json").read_text())["training"]
        run_of = {
            "data": Path(options["data"]).name,
            "split": split_name(options),
            "network": options["model"] + (" --adapt" if adapted else ""),
            "recipe": options["recipe"],
            "seed": options["seed"],
        }
        scores = found["after"] if adapted else found["test"]
        facts = {name: training[name] for name in FACTS}
        rows.append(run_of | scores | facts)
    return pd.DataFrame(rows)


def with_earlier(table, path):
    """The table, and the rows of an earlier one at `path` whose runs are not in the folder."""
    if not path.exists():
        return table
    both = pd.concat([pd.read_csv(path), table])
    return both.drop_duplicates(WHICH, keep="last").sort_values(WHICH, ignore_index=True)


if __name__ == "__main__":
    run_main(main)
