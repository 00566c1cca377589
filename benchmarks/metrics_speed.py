"""Seconds to filter and score a million label series.

    python benchmarks/metrics_speed.py

It prints the seconds of each step and the peak of memory; it writes no file. The aim is 30 s.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from utils.changes import change_months, majority_filter
from utils.errors import run_main
from utils.flags import Parser, whole_number
from utils.metrics import scores, transition_scores


def simulated_labels(series, months, classes, seed):
    """Made-up labels (N, T) int8: 2 % of the true months change, 5 % of the predicted are wrong."""
    random = np.random.default_rng(seed)
    true = np.empty((series, months), np.int8)
    true[:, 0] = random.integers(classes, size=series)
    for month in range(1, months):
        change = random.random(series, np.float32) < 0.02
        new = random.integers(classes, size=series)
        true[:, month] = np.where(change, new, true[:, month - 1])
    wrong = random.random(true.shape, np.float32) < 0.05
    others = random.integers(classes, size=true.shape, dtype=np.int8)
    return true, np.where(wrong, others, true)


def make_parser():
    parser = Parser(__doc__)
    group = parser.add_argument_group("simulated labels")
    count = whole_number(at_least=1)
    group.add_argument("--series", type=count, default=1_000_000, help="number of series")
    group.add_argument("--months", type=count, default=48, help="length of a series, months")
    group.add_argument(
        "--classes", type=whole_number(at_least=1, at_most=127), default=6, help="number of classes"
    )
    group.add_argument("--seed", type=whole_number(at_least=0), default=0, help="of the simulation")
    return parser


def main():
    options = make_parser().parse_args()
    classes = options.classes
    true, predicted = simulated_labels(options.series, options.months, classes, options.seed)
    print(f"{options.series:,} series of {options.months} months, {classes} classes")
    jobs = {
        "change_months": lambda: change_months(predicted),
        "majority_filter, 3 months": lambda: majority_filter(predicted),
        "scores": lambda: scores(true, predicted, classes),
        "transition_scores": lambda: transition_scores(true, predicted, classes),
    }
    for name, job in jobs.items():
        start = time.perf_counter()
        job()
        print(f"{name:28}{time.perf_counter() - start:8.2f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
    print(f"{'peak memory, labels included':28}{peak:8.2f} GiB")


if __name__ == "__main__":
    run_main(main)
