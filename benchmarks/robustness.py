"""Months missing, and calibration, of the runs that accuracy.py made: benchmarks/robustness.csv.

    python benchmarks/robustness.py

On the test part of each run: overall accuracy as it is, with 30 % and 50 % of the months missing at random, with six
months in a row missing in every series; and the expected calibration error of the monthly probabilities (15 bins).
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples, split_samples
from utils.metrics import expected_calibration_error

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", default=HERE / "robustness.csv", type=Path, help="table")
    args = parser.parse_args()
    rows = []
    for path in sorted(HERE.glob("runs/*-site-*/scores.json")):
        options = json.loads(path.with_name("config.json").read_text())["options"]
        samples = load_samples(options["data"])
        test = samples.take(split_samples(samples, options["split"], seed=options["seed"])["test"])
        net = models.load(path.with_name("weights.safetensors"))
        rows.append({"data": Path(options["data"]).name, "split": options["split"], "network": options["model"],
                     "seed": options["seed"], **accuracy_with_gaps(net, test, np.random.default_rng(0)),
                     "ECE": expected_calibration_error(models.predict(net, test.x), test.y)})
    table = pd.DataFrame(rows)
    table.to_csv(args.out, index=False)
    print(table.to_string(index=False, float_format="{:.4f}".format))


def accuracy_with_gaps(net, samples, random):
    """OA with no, 30 %, 50 % more months missing, and with six in a row; (N, T) drawn anew for each."""
    n, steps = samples.y.shape
    start = random.integers(0, steps - 5, (n, 1))
    month = np.arange(steps)
    missing = {"OA": np.zeros((n, steps), bool), "OA_6_in_a_row": (month >= start) & (month < start + 6),
               "OA_30_missing": random.random((n, steps)) < 0.3, "OA_50_missing": random.random((n, steps)) < 0.5}
    labelled = samples.y >= 0
    found = {}
    for name, gone in missing.items():
        x = np.where(gone[:, None], np.nan, samples.x)
        found[name] = float((models.label(net, x)[0] == samples.y)[labelled].mean())
    return found


if __name__ == "__main__":
    main()
