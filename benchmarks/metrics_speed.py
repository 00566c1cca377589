"""Seconds to filter and score a million label series: python benchmarks/metrics_speed.py"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utils.changes import change_months, majority_filter  # noqa: E402
from utils.errors import InputError, run_main  # noqa: E402
from utils.metrics import scores, transition_scores  # noqa: E402


def simulated_labels(series, months, classes, seed):
    """True labels with a change in 2 % of the months, and predicted ones with 5 % of the months
    wrong: (N, T) int8.
    """
    random = np.random.default_rng(seed)
    true = np.empty((series, months), np.int8)
    true[:, 0] = random.integers(classes, size=series)
    for month in range(1, months):
        change = random.random(series, np.float32) < 0.02
        true[:, month] = np.where(change, random.integers(classes, size=series), true[:, month - 1])
    wrong = random.random(true.shape, np.float32) < 0.05
    return true, np.where(wrong, random.integers(classes, size=true.shape, dtype=np.int8), true)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    group = parser.add_argument_group("simulated labels")
    group.add_argument("--series", type=int, default=1_000_000, help="number of series")
    group.add_argument("--months", type=int, default=48, help="length of a series, months")
    group.add_argument("--classes", type=int, default=6, help="number of classes")
    group.add_argument("--seed", type=int, default=0, help="seed of the simulation")
    options = parser.parse_args()
    if (
        min(options.series, options.months, options.classes) < 1
        or options.classes > 127
        or options.seed < 0
    ):
        raise InputError(
            "simulated labels: found a count out of range, expected 1 or more, and 127 classes at most"
        )

    true, predicted = simulated_labels(
        options.series, options.months, options.classes, options.seed
    )
    print(f"{options.series:,} series of {options.months} months, {options.classes} classes")
    jobs = {
        "change_months": lambda: change_months(predicted),
        "majority_filter, 3 months": lambda: majority_filter(predicted),
        "scores": lambda: scores(true, predicted, options.classes),
        "transition_scores": lambda: transition_scores(true, predicted, options.classes),
    }
    for name, job in jobs.items():
        start = time.perf_counter()
        job()
        print(f"{name:28}{time.perf_counter() - start:8.2f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
    print(f"{'peak memory, labels included':28}{peak:8.2f} GiB")


if __name__ == "__main__":
    run_main(main)
