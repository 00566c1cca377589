"""Train every network on one data set, same split, and write one row a network and seed:
benchmarks/accuracy.csv.

    python benchmarks/accuracy.py --data ../shared/data/coast_train.npz --seeds 0,1,2 python
    benchmarks/accuracy.py --data ../shared/data/coast_train.npz --split province:SD --networks
    fcn,patchnet python benchmarks/accuracy.py --data ../shared/data/coast_train.npz --split
    province:SD --networks patchnet --adapt python benchmarks/accuracy.py --data
    ../shared/data/coast_train.npz --split later --networks patchnet --seeds 0,1,2

Each training is a run of run.py under benchmarks/runs/, taken up again where it was interrupted and
not repeated when it is there. One thread each: the results are then repeatable, and the CPU minutes
are those of one core.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
from data_loader import load_samples, save_samples, split_samples

HERE = Path(__file__).parent
PAPER = ("fcn",)  # trained as published; the others by the modern recipe
SCORES = (
    "OA",
    "mIoU",
    "sequence_accuracy",
    "spatial_F1",
    "temporal_F1",
    "spatial_change_F1",
    "temporal_change_F1",
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", default="dataset/urban.npz", help="samples")
    parser.add_argument(
        "--split",
        default="site",
        help="as run.py takes it; or later: test on the last fifth of the "
        "series of every site, as the authors did, and draw a tenth of the others for validation",
    )
    parser.add_argument(
        "--networks", default="fcn,unet,deeplab,transformer,patchnet", help="with commas"
    )
    parser.add_argument(
        "--seeds", default="0", help="with commas; of the weights, the order and the split"
    )
    parser.add_argument(
        "--adapt", action="store_true", help="then fit to the test series, without labels"
    )
    parser.add_argument(
        "--out", default=HERE / "accuracy.csv", type=Path, help="table of all runs so far"
    )
    args = parser.parse_args()
    for seed in args.seeds.split(","):
        for network in args.networks.split(","):
            train(args.data, args.split, network, seed)
            if args.adapt:
                adapt(args.data, args.split, network, seed)
            table = collect()
            table.to_csv(args.out, index=False)
    columns = ["data", "split", "network", "seed", *SCORES, "cpu_minutes"]
    print(table[columns].to_string(index=False, float_format="{:.4f}".format))


def train(data, split, network, seed):
    """One run of run.py; nothing is done for one that is finished."""
    name = name_of(data, split, network, seed)
    folder = HERE / "runs" / name
    if (folder / "scores.json").exists():
        return
    if (folder / "config.json").exists():
        flags = ["--data", data, "--model", network, "--resume"]
    else:
        recipe = "paper" if network in PAPER else "modern"
        split = str(write_later(data, seed)) if split == "later" else split
        flags = [
            "--data",
            data,
            "--model",
            network,
            "--recipe",
            recipe,
            "--split",
            split,
            "--seed",
            seed,
        ]
    run(flags, name, folder)


def write_later(data, seed):
    """A split file for run.py: the last fifth of every site is the test part, a tenth of the others
    chooses.
    """
    samples = load_samples(data)
    late = np.zeros(len(samples.y), bool)
    for site in np.unique(samples.site):
        rows = np.flatnonzero(samples.site == site)
        late[rows] = np.arange(len(rows)) / len(rows) >= 0.8
    chooses = np.random.default_rng(int(seed)).random(len(late)) < 0.1
    table = pd.DataFrame(
        {"sample": samples.ids, "part": np.select([late, chooses], ["test", "validation"], "train")}
    )
    path = later_path(data, seed)
    path.parent.mkdir(exist_ok=True)
    table.to_csv(path, index=False)
    return path


def later_path(data, seed):
    return HERE / "runs" / f"{Path(data).stem}-later-{seed}.csv"


def split_name(options):
    """The split of a run as this script was told it: 'later' for a file that `write_later` made."""
    later = str(later_path(options["data"], options["seed"]))
    return "later" if options["split"] == later else options["split"]


def adapt(data, split, network, seed):
    """Fit the weights of a finished run to the series of its test part, which has labels for the
    scores alone.
    """
    first = HERE / "runs" / name_of(data, split, network, seed)
    folder = first.with_name(f"{first.name}-adapted")
    if not (folder / "scores.json").exists():
        samples = load_samples(data)
        save_samples(
            first / "area.npz", samples.take(split_samples(samples, split, seed=int(seed))["test"])
        )
        start = [
            "--adapt",
            str(first / "area.npz"),
            "--start",
            str(first / "weights.safetensors"),
            "--seed",
            seed,
        ]
        run(start, folder.name, folder)


def name_of(data, split, network, seed):
    return f"{Path(data).stem}-{split.replace(':', '_')}-{network}-{seed}"


def run(flags, name, folder):
    command = [
        sys.executable,
        str(HERE.parent / "run.py"),
        *flags,
        "--name",
        name,
        "--runs",
        str(HERE / "runs"),
        "--weights",
        str(folder),
        "--threads",
        "1",
    ]
    subprocess.run(command, check=True)


def collect():
    """All finished runs as a table."""
    rows = []
    for path in sorted(HERE.glob("runs/*/scores.json")):
        found = json.loads(path.read_text())
        adapted = "adapted" in found
        first = Path(str(path.parent).removesuffix("-adapted"))
        options = json.loads((first / "config.json").read_text())["options"]
        training = json.loads((first / "scores.json").read_text())["training"]
        rows.append(
            {
                "data": Path(options["data"]).name,
                "split": split_name(options),
                "network": options["model"] + " --adapt" * adapted,
                "recipe": options["recipe"],
                "seed": options["seed"],
                **(found["after"] if adapted else found["test"]),
                **{
                    name: training[name]
                    for name in ("parameters", "best_epoch", "epochs", "cpu_minutes")
                },
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
