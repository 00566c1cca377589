"""The weights for all land: each real set left out in turn, and the weights that ship.

    python dataset/simulate.py --region world --series 13800 --out benchmarks/runs/world.npz
    python benchmarks/world.py                      # scores of model_data/world.safetensors
    python benchmarks/world.py --leave-out          # train without each real set, one after another
    python benchmarks/world.py --train              # then make model_data/world.safetensors

Writes benchmarks/world.csv (weights that ship; world_NAME.csv for other --weights) and
benchmarks/world_left_out.csv. A set that is
left out is seen by no training and chooses nothing of its own network but the temperature and the
cost of a change, which are chosen over all sets together. The Landsat sets train nothing.
"""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples
from models.unfamiliar import learn, unfamiliarity
from stacks.stack import open_stack
from training.lacking import lost_without
from training.loop import best_row
from training.mixture import REAL, TEST_ONLY, read_real, real_samples, together
from training.world import (
    SETTINGS,
    choose_cost,
    choose_temperature,
    part_of,
    scores_of,
    series_scores,
    soften,
    train_world,
)
from utils.bands import NO_OBSERVATION
from utils.errors import run_main
from utils.flags import Parser, whole_number
from utils.metrics import filtered_scores

HERE = Path(__file__).parent
PARTS = ("train", "validation", "test")
# Rondonia was sampled twice: whoever leaves out one set leaves out the other.
FOLDS = (("flanders",), ("east_africa",), ("roraima",), ("rondonia", "rondonia_7bands"))


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--shared", default="../shared/data", type=Path, help="real series")
    parser.add_argument("--simulated", default=HERE / "runs" / "world.npz", type=Path)
    parser.add_argument("--weights", default="model_data/world.safetensors", type=Path)
    parser.add_argument("--leave-out", action="store_true", help="train without each real set")
    parser.add_argument("--train", action="store_true", help="train on all, and write --weights")
    parser.add_argument("--epochs", type=whole_number(at_least=1), default=SETTINGS.epochs)
    parser.add_argument("--width", type=whole_number(at_least=4), default=96)
    return parser


def main():
    args = make_parser().parse_args()
    if args.leave_out:
        leave_out(args)
    if args.train:
        train(args)
    if not args.leave_out:
        score(args)


def leave_out(args):
    """One network a fold; then the temperature and the cost over all of them."""
    simulated = [load_samples("dataset/urban.npz"), load_samples(args.simulated)]
    settings = replace(SETTINGS, epochs=args.epochs)
    labelled, stable, nets = [], [], []
    for fold in FOLDS:
        path = HERE / "runs" / f"world-without-{fold[0]}.safetensors"
        if not path.is_file():  # else taken up again after an interruption
            names = [name for name in REAL if name not in fold]
            net, _ = train_world(simulated, args.shared, names, settings=settings, width=args.width)
            models.save(path, net)
        net = models.load(path)
        nets.append(net)
        for name in fold:
            x, own, _ = read_real(args.shared, name)
            labelled.append((scores_of(net, x), own))
            stable.append((x, [labelled[-1][0]]))
    temperature = choose_temperature(labelled)
    roofs = changsha(args.shared, "changsha_stable")  # trains nothing: stable for every network
    stable.append((roofs, [scores_of(net, roofs) for net in nets]))
    cost = choose_cost(stable, temperature)
    rows = []
    for fold, net in zip(FOLDS, nets, strict=True):
        soften(net, temperature, cost)
        for name in fold:
            rows.append({"left out": name, **score_set(net, args.shared, name)})
        for name in TEST_ONLY:
            rows.append(
                {"left out": f"{name}, without {fold[0]}", **score_set(net, args.shared, name)}
            )
    table = pd.DataFrame(rows)
    show(table, HERE / "world_left_out.csv")
    chosen = {"temperature": temperature, "switch_cost": cost}
    (HERE / "world_chosen.json").write_text(json.dumps(chosen) + "\n")
    print(chosen)


def train(args):
    """Train on all sets that may train what ships, with what the folds chose."""
    simulated = [load_samples("dataset/urban.npz"), load_samples(args.simulated)]
    settings = replace(SETTINGS, epochs=args.epochs)
    net, history = train_world(
        simulated, args.shared, list(REAL), settings=settings, width=args.width
    )
    chosen = json.loads((HERE / "world_chosen.json").read_text())
    soften(net, chosen["temperature"], chosen["switch_cost"])
    test = part_of(simulated, "test")
    net.card["without"] = lost_without(net, test)
    net.card["familiar"] = learn(familiar_series(simulated, args.shared))
    labels, _ = models.label(net, test.x)
    metrics = {"test": filtered_scores(test.y, labels, len(test.legend))}
    training = {
        "data": "dataset/urban.npz",
        "also": f"dataset/simulate.py --region world, {len(simulated[1])} series",
        "real": list(REAL),
        "split": "site",
        "seed": 0,
        "parts": {part: part_of(simulated[:1], part).ids.tolist() for part in PARTS},
        "settings": vars(settings),
        "epochs": len(history),
        "best_epoch": int(history["epoch"].iloc[best_row(history, settings)]),
        "minutes": round(history["seconds"].sum() / 60, 2),
        "cpu_minutes": round(history["cpu_seconds"].sum() / 60, 2),
        "parameters": models.count_parameters(net),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    models.save(args.weights, net, training=training, metrics=metrics)


def familiar_series(simulated, folder):
    """The series that trained: simulated, and real ones as long as they."""
    train = part_of(simulated, "train")
    return together(train, real_samples(folder, list(REAL), train)).x


def score(args):
    """Scores of a weights file on every real set; those it was trained on are marked."""
    net = models.load(args.weights)
    trained = (net.card.get("training") or {}).get("real", [])
    rows = []
    for name in [*REAL, *TEST_ONLY]:
        rows.append(
            {"set": name, "trained on": name in trained, **score_set(net, args.shared, name)}
        )
    for name in ("changsha_stable", "changsha_development"):
        series = changsha(args.shared, name)
        labels, _ = models.label(net, series)
        moving = float((labels[:, 1:] != labels[:, :-1]).any(1).mean())
        row = {"set": name, "trained on": False, "series": len(labels), "changing": moving}
        rows.append(row | strange(net, series))
    other = "" if args.weights.stem == "world" else f"_{args.weights.stem}"
    show(pd.DataFrame(rows), HERE / f"world{other}.csv")


def score_set(net, folder, name):
    x, own, _ = read_real(folder, name)
    return series_scores(models.label(net, x)[0], own) | strange(net, x)


def strange(net, x):
    """Share of the series that are unlike training, where the weights can tell."""
    found = unfamiliarity(net, x)
    return {} if found is None else {"unfamiliar": float((found > 1).mean())}


def changsha(folder, name):
    """Series (N, 10, 64) float32 of the pixels with data of a block of Changsha."""
    stack = open_stack(folder / f"{name}.tif", first_month="2019-02")
    height, width = stack.geobox.shape
    cube = stack.read(slice(0, height), slice(0, width))  # (T, C, y, x)
    series = cube.reshape(*cube.shape[:2], -1).transpose(2, 1, 0)
    series = series[(series != NO_OBSERVATION).any((1, 2))]
    return np.where(series == NO_OBSERVATION, np.nan, series).astype(np.float32)


def show(table, path):
    table.to_csv(path, index=False, float_format="%.4f")
    print(table.to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    run_main(main)
