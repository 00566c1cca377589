"""How many changes the networks for all land find, with one cost of a change and with breaks.

    python benchmarks/world.py --leave-out          # first: one network for each set left out
    python benchmarks/world_changes.py              # writes benchmarks/world_changes.csv

Two series of different classes of a real set are joined in a random month, and labelled by a
network that saw neither. `found`: shares of them with a single change, dated within a month.
`false`: shares of the stable series of the same sets that change. `roofs` and `built`: shares of
the pixels of two blocks of Changsha that change; no roof should, and the other block was built on.
Each way has the least cost of a change with which `training.world.STABLE` of the left-out stable
series change.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from benchmarks.world import FOLDS, HERE, changsha, show
from models.breaks import break_strength
from training.mixture import TEST_ONLY, lengthen, read_real
from training.world import changing, choose_cost, decode_at, scores_of
from utils.errors import run_main
from utils.flags import Parser

MONTHS = (12, 24, 48)
PAIRS = 600  # of series, in each set and of each length
STILL = 800  # series at most


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--shared", default="../shared/data", type=Path, help="real series")
    return parser


def main():
    folder = make_parser().parse_args().shared
    nets = {
        fold: models.load(HERE / "runs" / f"world-without-{fold[0]}.safetensors") for fold in FOLDS
    }
    blocks = {
        "roofs": changsha(folder, "changsha_stable"),
        "built": changsha(folder, "changsha_development"),
    }
    stable = stable_sets(nets, folder, blocks["roofs"])
    # Where no month is observed, no break is seen: one cost for all months.
    hidden = [(np.full_like(x, np.nan), scores) for x, scores in stable]
    costs = {"one cost": choose_cost(hidden, 1.0), "with breaks": choose_cost(stable, 1.0)}
    pairs = {months: list(joined_sets(nets, folder, months)) for months in MONTHS}
    rows = []
    for way, cost in costs.items():
        row = {"way": way, "cost": cost}
        for months, sets in pairs.items():
            each = [found_and_false(*one, cost, way == "with breaks") for one in sets]
            row[f"found in {months}"], row[f"false in {months}"] = np.mean(each, axis=0)
        for name, x in blocks.items():
            labels = [decoded(net, x, cost, way == "with breaks") for net in nets.values()]
            row[name] = np.mean([changing(each) for each in labels])
        rows.append(row)
    show(pd.DataFrame(rows), HERE / "world_changes.csv")


def stable_sets(nets, folder, roofs):
    """(series, scores of the networks that never saw them) of each left-out set and the roofs."""
    found = []
    for fold, net in nets.items():
        for name in fold:
            x, _, _ = read_real(folder, name)
            found.append((x, [scores_of(net, x)]))
    return [*found, (roofs, [scores_of(net, roofs) for net in nets.values()])]


def joined_sets(nets, folder, months):
    """(network, joined series, month of the change, stable series) of each set of two classes."""
    for fold, net in nets.items():
        for name in (*fold, *(TEST_ONLY if fold == FOLDS[0] else ())):
            rng = np.random.default_rng(0)
            x, own, first = read_real(folder, name)
            rows = rng.permutation(len(x))[:STILL]
            x, own = x[rows], own[rows]
            if len(np.unique(own)) > 1:
                x = x[..., :months] if months == 12 else lengthen(rng, x, first, months)
                yield net, *joined(rng, x, own), x


def joined(rng, x, own):
    """Pairs of series of different classes as one, and the month in which the second begins."""
    one, other = rng.integers(len(x), size=(2, PAIRS))
    differ = own[one] != own[other]
    one, other = one[differ], other[differ]
    month = rng.integers(3, x.shape[-1] - 2, len(one))
    late = np.arange(x.shape[-1]) >= month[:, None]
    return np.where(late[:, None], x[other], x[one]), month


def found_and_false(net, x, month, still, cost, with_breaks):
    """Shares of the joined series whose change is found, and of the stable ones that change."""
    labels = decoded(net, x, cost, with_breaks)
    changes = (labels[:, 1:] != labels[:, :-1]).numpy()
    right = np.abs(changes.argmax(axis=1) + 1 - month) <= 1
    found = (changes.sum(axis=1) == 1) & right
    return found.mean(), changing(decoded(net, still, cost, with_breaks))


def decoded(net, x, cost, with_breaks):
    """Labels (N, T) of series x with breaks or without."""
    strength = break_strength(torch.from_numpy(x))
    return decode_at(scores_of(net, x), strength if with_breaks else 0 * strength, cost)


if __name__ == "__main__":
    run_main(main)
