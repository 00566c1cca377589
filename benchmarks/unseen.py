"""On land that a network never saw: how sure it is, and whether it knows that the land is strange.

    python benchmarks/world.py --leave-out          # first: one network for each set left out
    python benchmarks/unseen.py                     # writes benchmarks/unseen.csv
    python benchmarks/unseen.py --adapt             # writes benchmarks/unseen_adapt.csv

Each real set is labelled by the network that never saw it. Written are the expected calibration
error of the monthly probabilities, the temperature with the least loss on the set itself, that of
all other sets, and what both make of the error. `unfamiliar` is the share of the series that are
unlike training, `AUC` how well it tells wrong series from right ones (0.5 = not at all). The last
row is the simulated test part.

--adapt: scores of the class of most months before and after the weights are adapted to the
series of the set, without its labels: of the network that never saw the set, and of
`urban.safetensors`, which saw no real series at all. The blocks of Changsha have no labels: roofs
that should not change, and a block that was cleared and built on.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from benchmarks.world import FOLDS, HERE, changsha, show
from data_loader import load_samples
from models.unfamiliar import learn, unfamiliarity
from training.adapt import adapt
from training.mixture import REAL, TEST_ONLY, read_real, real_samples, together
from training.recipe import settings_of
from training.world import (
    changing,
    choose_temperature,
    part_of,
    scores_of,
    series_scores,
    soften,
)
from utils.errors import run_main
from utils.flags import Parser
from utils.metrics import expected_calibration_error

SCORES = ("OA", "macro_F1", "changing")
TEMPERATURES = np.round(np.geomspace(0.3, 6, 60), 2)  # below 1 a network is not sure enough


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--shared", default="../shared/data", type=Path, help="real series")
    parser.add_argument("--simulated", default=HERE / "runs" / "world.npz", type=Path)
    parser.add_argument("--adapt", action="store_true", help="scores before and after adapting")
    return parser


def main():
    args = make_parser().parse_args()
    simulated = [load_samples("dataset/urban.npz"), load_samples(args.simulated)]
    cases = list(cases_of(simulated, args.shared))
    if args.adapt:
        show(pd.DataFrame(adapted_rows(cases, args.shared)), HERE / "unseen_adapt.csv")
        return
    rows = [row_of(number, cases) for number in range(len(cases))]
    rows.append(simulated_row(cases, part_of(simulated, "test")))
    show(pd.DataFrame(rows), HERE / "unseen.csv")


def cases_of(simulated, folder):
    """(set, network that never saw it, series, class) of each real set."""
    train = part_of(simulated, "train")
    for fold in FOLDS:
        net = models.load(HERE / "runs" / f"world-without-{fold[0]}.safetensors")
        names = [name for name in REAL if name not in fold]
        net.card["familiar"] = learn(together(train, real_samples(folder, names, train)).x)
        # The Landsat sets are in no training: the first network labels them.
        for name in (*fold, *(TEST_ONLY if fold == FOLDS[0] else ())):
            x, own, _ = read_real(folder, name)
            yield name, net, x, own


def row_of(number, cases):
    """Row of the table of one of the cases."""
    name, net, x, own = cases[number]
    every = [(scores_of(each, series), labels) for _, each, series, labels in cases]
    scores = every[number][0]
    best = choose_temperature([every[number]], TEMPERATURES)
    others = choose_temperature(every[:number] + every[number + 1 :], TEMPERATURES)
    found = unfamiliarity(net, x)
    wrong = most_months(scores) != own
    return {
        "set": name,
        "series": len(own),
        **calibration(scores, np.repeat(own[:, None], x.shape[-1], axis=1)),
        "temperature": best,
        "ECE, own temperature": error_at(scores, own, best),
        "temperature of the others": others,
        "ECE, of the others": error_at(scores, own, others),
        "unfamiliar": float((found > 1).mean()),
        "AUC": area_under_curve(found, wrong),
    }


def simulated_row(cases, test):
    """The same of the simulated test part, by the last network."""
    net = cases[-1][1]
    scores = scores_of(net, test.x)
    found = unfamiliarity(net, test.x)
    wrong = (scores.argmax(dim=1).numpy() != test.y).mean(axis=1) > 0.5
    return {
        "set": "simulated test part",
        "series": len(test),
        **calibration(scores, test.y),
        "unfamiliar": float((found > 1).mean()),
        "AUC": area_under_curve(found, wrong),
    }


def adapted_rows(cases, folder):
    """Rows of scores before and after adapting, of two weights for each of the cases."""
    chosen = json.loads((HERE / "world_chosen.json").read_text())
    urban = models.load("model_data/urban.safetensors")
    for net in {id(net): net for _, net, _, _ in cases}.values():
        soften(net, chosen["temperature"], chosen["switch_cost"])
    for name, net, x, own in cases:
        for weights, before in {"without the set": net, "urban": urban}.items():
            yield {"set": name, "weights": weights, **before_and_after(before, x, own)}
    world = models.load("model_data/world.safetensors")
    for name in ("changsha_stable", "changsha_development"):
        for weights, before in {"world": world, "urban": urban}.items():
            row = before_and_after(before, changsha(folder, name))
            yield {"set": name, "weights": weights, **row}


def before_and_after(net, x, own=None):
    """Scores of a network before and after it is adapted; own: class (N,) of each series."""
    row = {"series": len(x)}
    after = adapt(net, x, settings_of("adapting", "patchnet"), progress=False)
    for when, each in {"before": net, "after": after}.items():
        labels, _ = models.label(each, x, precision="float32")
        if own is None:
            scores = {"changing": changing(torch.from_numpy(labels))}
        else:
            scores = series_scores(labels, own)
        row |= {f"{score} {when}": scores.get(score, np.nan) for score in SCORES}
    return row


def calibration(scores, y):
    """OA, mean probability of the likeliest class, and calibration error; y (N, T)."""
    probability = scores.softmax(dim=1).numpy()
    return {
        "OA of months": float((probability.argmax(axis=1) == y).mean()),
        "confidence": float(probability.max(axis=1).mean()),
        "ECE": expected_calibration_error(probability, y),
    }


def error_at(scores, own, temperature):
    """Calibration error of scores (N, K, T), softened, where each series has one class (N,)."""
    y = np.repeat(own[:, None], scores.shape[-1], axis=1)
    return expected_calibration_error((scores / temperature).softmax(dim=1).numpy(), y)


def most_months(scores):
    """Class of most months (N,) of scores (N, K, T), each month by itself."""
    each = torch.nn.functional.one_hot(scores.argmax(dim=1), scores.shape[1])  # (N, T, K)
    return each.sum(dim=1).argmax(dim=1).numpy()


def area_under_curve(score, positive):
    """Probability that a positive one scores higher than another; NaN where all are alike."""
    rank = pd.Series(score).rank().to_numpy()
    count = positive.sum()
    if count in (0, len(positive)):
        return np.nan
    least = count * (count + 1) / 2
    pairs = count * (len(positive) - count)
    return float((rank[positive].sum() - least) / pairs)


if __name__ == "__main__":
    run_main(main)
