"""How hard the simulated set is: a random forest on single months, and a network's learning curve.

    python benchmarks/simulated_difficulty.py                    # the random forest (some minutes)
    python benchmarks/simulated_difficulty.py --model unet       # a learning curve (about an hour)

Whole sites are held out: 8 of 80 for the test, 8 for the choice of the epoch. The table,
benchmarks/simulated_difficulty.csv, keeps the rows of other methods and replaces those of this one.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from data_loader import load_samples, split_samples
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser, whole_number

SIZES = (100, 300, 1000, 3000, 9600)  # training series


def months_of(samples, rows):
    """Every observed month of these series on its own: reflectance (M, bands) and label (M,)."""
    x = samples.x[rows].transpose(0, 2, 1).reshape(-1, samples.x.shape[1])
    y = samples.y[rows].ravel()
    observed = ~np.isnan(x).any(1) & (y >= 0)
    return x[observed], y[observed]


def forest(samples, parts, args):
    """Overall accuracy of a random forest that sees one month at a time.

    It learns from the validation part too.
    """
    from sklearn.ensemble import RandomForestClassifier

    rows = np.concatenate([parts["train"], parts["validation"]])
    x, y = months_of(samples, rows)
    order = np.random.default_rng(args.seed).permutation(len(x))
    chosen = order[: args.months]
    model = RandomForestClassifier(
        args.trees, min_samples_leaf=2, n_jobs=-1, random_state=args.seed
    )
    started = time.perf_counter()
    model.fit(x[chosen], y[chosen])
    test, truth = months_of(samples, parts["test"])
    predicted = model.predict(test)
    recall = {
        f"recall {name}": (predicted[truth == c] == c).mean()
        for c, name in enumerate(samples.legend.names)
    }
    return [
        {
            "method": "random forest, single months",
            "training": f"{len(chosen)} months of {len(rows)} series",
            "OA": (predicted == truth).mean(),
            "minutes": (time.perf_counter() - started) / 60,
            **recall,
        }
    ]


def curve(samples, parts, args):
    """Overall accuracy of a network after training on more and more series.

    Each training has about as many steps as the others.
    """
    import torch

    from models import build, label
    from training.loop import fit, seed_everything
    from training.recipe import settings_of

    rows = []
    order = np.random.default_rng(args.seed).permutation(parts["train"])
    for size in sorted({min(size, len(order)) for size in SIZES}):
        epochs = int(np.clip(args.epochs * len(order) / size, args.epochs, 10 * args.epochs))
        seed_everything(args.seed)
        net = build(args.model, bands=samples.bands, legend=samples.legend)
        net = net.to("cuda" if torch.cuda.is_available() else "cpu")
        started = time.perf_counter()
        net, _ = fit(
            net,
            samples.take(order[:size]),
            samples.take(parts["validation"]),
            settings_of("modern", args.model, epochs=epochs, seed=args.seed),
        )
        test = samples.take(parts["test"])
        labels, _ = label(net, test.x)
        rows.append(
            {
                "method": args.model,
                "training": f"{size} series, {epochs} epochs",
                "OA": (labels == test.y).mean(),
                "minutes": (time.perf_counter() - started) / 60,
            }
        )
        print(f"{args.model} {rows[-1]['training']}: OA {rows[-1]['OA']:.4f}", flush=True)
    return rows


def make_parser():
    parser = Parser(__doc__)
    files = parser.add_argument_group("files")
    files.add_argument(
        "--data", type=Path, default=Path("dataset/urban.npz"), help="the simulated set"
    )
    files.add_argument(
        "--table",
        type=Path,
        default=Path("benchmarks/simulated_difficulty.csv"),
        help="table to write",
    )
    what = parser.add_argument_group("what")
    what.add_argument(
        "--model", help="a network of models/: its learning curve instead of the random forest"
    )
    what.add_argument(
        "--epochs",
        type=whole_number(at_least=1),
        default=20,
        help="epochs of the largest part; smaller ones take more",
    )
    what.add_argument(
        "--trees", type=whole_number(at_least=1), default=300, help="trees of the random forest"
    )
    what.add_argument(
        "--months",
        type=whole_number(at_least=1),
        default=150_000,
        help="months that the random forest learns from, at most",
    )
    what.add_argument(
        "--seed", type=whole_number(at_least=0), default=0, help="of the split and of the training"
    )
    return parser


def main():
    args = make_parser().parse_args()
    samples = load_samples(args.data)
    parts = split_samples(samples, "site", validation=0.1, test=0.1, seed=args.seed)
    rows = pd.DataFrame(curve(samples, parts, args) if args.model else forest(samples, parts, args))
    if args.table.exists():
        old = pd.read_csv(args.table)
        rows = pd.concat([old[~old["method"].isin(rows["method"])], rows])
    with written_whole(args.table) as path:
        rows.round(4).to_csv(path, index=False)
    print(rows.round(4).to_string(index=False))


if __name__ == "__main__":
    run_main(main)
