"""How many labels bfloat16 changes, and how much faster it is: benchmarks/precision.csv.

    python run.py --data ../shared/data/coast_train.npz --name coast
    python benchmarks/precision.py --weights model_data/coast.safetensors \
        --data ../shared/data/coast_train.npz

map.py and models.label choose the precision by a short measurement (`fastest_precision`).
The bar: bfloat16 may change fewer than 0.1 % of the labels.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples
from training.card import TrainingCard
from utils.errors import run_main
from utils.flags import Parser, whole_number

HERE = Path(__file__).parent
BAR = 0.001  # share of the labels that may differ


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--weights", default="model_data/urban.safetensors", help="a network")
    parser.add_argument("--data", default="dataset/urban.npz", help="samples of its bands")
    parser.add_argument("--threads", type=whole_number(at_least=1), default=1, help="of the CPU")
    parser.add_argument(
        "--repeat", type=whole_number(at_least=1), default=5, help="rounds; the best counts"
    )
    parser.add_argument("--out", type=Path, default=HERE / "precision.csv", help="table")
    return parser


def main():
    options = make_parser().parse_args()
    torch.set_num_threads(options.threads)
    net = models.load(options.weights)
    samples = load_samples(options.data, bands=net.card["bands"])
    card = TrainingCard.from_card(net.card)
    names = {"data": Path(options.data).name, "weights": Path(options.weights).name}
    parts = {"all series": np.arange(len(samples))}
    if card.parts and Path(card.data).name == names["data"]:
        parts["test part"] = card.rows("test", samples)
    rates = rates_of(net, samples.x, options.repeat)
    rows = []
    for part, chosen in parts.items():
        row = difference(net, samples.x[chosen], samples.y[chosen])
        rows.append(names | {"part": part} | row | rates | {"threads": options.threads})
    table = pd.DataFrame(rows)
    table.to_csv(options.out, index=False)
    print(table.T.to_string(header=False))
    print(f"chosen here: {models.fastest_precision(net, samples.x)}")
    print(f"bar of {BAR:.1%}: {'kept' if (table['labels_differ'] < BAR).all() else 'BROKEN'}")


def difference(net, x, y):
    """How labels and confidence differ between the precisions, and the accuracy of each."""
    exact, sure = models.label(net, x, precision="float32")
    lower, less_sure = models.label(net, x, precision="bfloat16")
    known = y >= 0
    return {
        "series": len(x),
        "labels_differ": (exact != lower).mean(),
        "series_differ": (exact != lower).any(axis=1).mean(),
        "OA_float32": (exact == y)[known].mean(),
        "OA_bfloat16": (lower == y)[known].mean(),
        "confidence_differs_mean": np.abs(sure - less_sure).mean(),
        "confidence_differs_most": np.abs(sure - less_sure).max(),
    }


def rates_of(net, x, rounds):
    """Series per second in each precision, in turns, the best of several rounds."""
    best = dict.fromkeys(("float32", "bfloat16"), np.inf)
    for _ in range(rounds):
        for precision in best:
            started = time.perf_counter()
            models.label(net, x, precision=precision)
            best[precision] = min(best[precision], time.perf_counter() - started)
    rates = {f"{name}_series_per_second": round(len(x) / used) for name, used in best.items()}
    return rates | {"ratio": round(best["float32"] / best["bfloat16"], 2)}


if __name__ == "__main__":
    run_main(main)
