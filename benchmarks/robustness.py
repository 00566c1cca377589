"""Months missing, and calibration, of the runs that accuracy.py made: benchmarks/robustness.csv.

    python benchmarks/robustness.py

On the test part of each run: overall accuracy as it is, with 30 % and 50 % of the months missing at
random, with six months in a row missing in every series; and the expected calibration error of the
monthly probabilities (15 bins).

The row 'nearest' is a reference, not a network. It is given the true labels of the remaining months
and copies the nearest one into each gap. Its loss shows what the gaps alone cost.
"""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from benchmarks.accuracy import finished_runs, split_name, with_earlier
from data_loader import load_samples
from training.card import TrainingCard
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser
from utils.metrics import expected_calibration_error

HERE = Path(__file__).parent


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument(
        "--out",
        default=HERE / "robustness.csv",
        type=Path,
        help="table; its rows of other runs stay",
    )
    return parser


def main():
    options = make_parser().parse_args()
    folders = finished_runs("*-site-*", "*-later-*")
    if not folders:
        raise InputError(f"{HERE / 'runs'}: no runs found; expected those of accuracy.py")
    rows = []
    for folder in folders:
        rows += rows_of(folder, with_nearest=rows)
    table = with_earlier(pd.DataFrame(rows), options.out)
    with written_whole(options.out) as place:
        table.to_csv(place, index=False)
    print(table.to_string(index=False, float_format="{:.4f}".format))


def rows_of(folder, with_nearest):
    """The row of one run, and the row 'nearest' of its test part where it is not there yet.

    with_nearest: the rows so far.
    """
    options = json.loads((folder / "config.json").read_text())["options"]
    net = models.load(folder / "weights.safetensors")
    samples = load_samples(options["data"])
    test = samples.take(TrainingCard.from_card(net.card).rows("test", samples))
    same = {
        "data": Path(options["data"]).name,
        "split": split_name(options),
        "seed": options["seed"],
    }
    error = expected_calibration_error(models.predict(net, test.x), test.y)
    lost = accuracy_with_gaps(test, partial(label_rest, net))
    rows = [same | {"network": options["model"], **lost, "ECE": error}]
    known = [row for row in with_nearest if row["network"] == "nearest"]
    if not any(same.items() <= row.items() for row in known):
        rows.append(same | {"network": "nearest", **accuracy_with_gaps(test, nearest)})
    return rows


def accuracy_with_gaps(samples, labels_of):
    """OA with all months, with six in a row missing, with 30 % and with 50 % missing.

    labels_of(samples, gone) gives labels (N, T) without a look at the months `gone` (N, T). The
    same months are gone for every network.
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
    """True labels; where a month is gone, that of the nearest month left, the earlier of two."""
    month = np.arange(gone.shape[1])
    labels = samples.y.copy()
    for row, left in zip(labels, ~gone):
        known = month[left]
        away = np.abs(month[:, None] - known)
        nearest = known[away.argmin(axis=1)]
        row[:] = row[nearest]
    return labels


if __name__ == "__main__":
    run_main(main)
