"""Months missing, and calibration, of the runs that accuracy.py made: benchmarks/robustness.csv.

    python benchmarks/robustness.py

On the test part of each run: overall accuracy as it is, with 30 % and 50 % of the months missing at
random, with six months in a row missing in every series; and the expected calibration error of the
monthly probabilities (15 bins).

The row 'nearest' is no network: it knows the true label of every month that is left and gives the
missing ones that of the nearest. What it loses is lost to whoever does not guess better than that
in which missing month a change was.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
from accuracy import split_name

import models
from data_loader import load_samples, split_samples
from utils.metrics import expected_calibration_error

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", default=HERE / "robustness.csv", type=Path, help="table")
    args = parser.parse_args()
    rows = []
    for path in sorted(
        [*HERE.glob("runs/*-site-*/scores.json"), *HERE.glob("runs/*-later-*/scores.json")]
    ):
        options = json.loads(path.with_name("config.json").read_text())["options"]
        samples = load_samples(options["data"])
        test = samples.take(split_samples(samples, options["split"], seed=options["seed"])["test"])
        net = models.load(path.with_name("weights.safetensors"))
        same = {
            "data": Path(options["data"]).name,
            "split": split_name(options),
            "seed": options["seed"],
        }
        rows.append(
            same
            | {
                "network": options["model"],
                **accuracy_with_gaps(test, partial(label_rest, net)),
                "ECE": expected_calibration_error(models.predict(net, test.x), test.y),
            }
        )
        if not any(row["network"] == "nearest" and same.items() <= row.items() for row in rows):
            rows.append(same | {"network": "nearest", **accuracy_with_gaps(test, nearest)})
    table = pd.DataFrame(rows)
    table.to_csv(args.out, index=False)
    print(table.to_string(index=False, float_format="{:.4f}".format))


def accuracy_with_gaps(samples, labels_of):
    """OA with no, 30 %, 50 % more months missing, and with six in a row.

    labels_of(samples, gone) gives labels (N, T) without a look at the months `gone` (N, T), the
    same for every network.
    """
    random = np.random.default_rng(0)
    n, steps = samples.y.shape
    start = random.integers(0, steps - 5, (n, 1))
    month = np.arange(steps)
    missing = {
        "OA": np.zeros((n, steps), bool),
        "OA_6_in_a_row": (month >= start) & (month < start + 6),
        "OA_30_missing": random.random((n, steps)) < 0.3,
        "OA_50_missing": random.random((n, steps)) < 0.5,
    }
    labelled = samples.y >= 0
    return {
        name: float((labels_of(samples, gone) == samples.y)[labelled].mean())
        for name, gone in missing.items()
    }


def label_rest(net, samples, gone):
    """Labels of a network."""
    return models.label(net, np.where(gone[:, None], np.nan, samples.x))[0]


def nearest(samples, gone):
    """True labels, where the months are gone that of the nearest month left, the earlier of two."""
    month = np.arange(gone.shape[1])
    labels = samples.y.copy()
    for row, left in zip(labels, ~gone):
        known = month[left]
        row[:] = row[known[np.abs(month[:, None] - known).argmin(axis=1)]]
    return labels


if __name__ == "__main__":
    main()
