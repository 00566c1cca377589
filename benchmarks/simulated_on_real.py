"""What weights trained on the simulated set alone say of real series: simulated_on_real.csv.

    python benchmarks/simulated_on_real.py --shared ../shared/data

Needs `pip install -r mapping/requirements.txt`. No pixel of these series has a monthly label, so
this is what should be found: the industrial block of Changsha is impervious surface without
change. The other block goes from vegetation to bare soil in 2021-08 to 2021-10, and to impervious
surface from about 2022-11. The forest of Rondonia is woodland, its pasture grassland, both
without change in their one year.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples
from stacks.stack import open_stack
from utils.bands import NO_OBSERVATION
from utils.changes import change_months
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser

HERE = Path(__file__).parent
PERIODS = {
    "changsha_stable": [("all months", "2019-02", "2024-05")],
    "changsha_development": [
        ("before", "2019-02", "2021-06"),
        ("cleared", "2021-10", "2022-09"),
        ("built", "2022-12", "2024-05"),
    ],
}


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument(
        "--shared", default="../shared/data", type=Path, help="folder of the real series"
    )
    parser.add_argument("--weights", default="model_data/urban.safetensors", help="network to ask")
    parser.add_argument("--out", default=HERE / "simulated_on_real.csv", type=Path, help="table")
    return parser


def main():
    options = make_parser().parse_args()
    net = models.load(options.weights)
    rows = []
    for name, periods in PERIODS.items():
        x, months = pixels(options.shared / f"{name}.tif")
        labels, confidence = models.label(net, x)
        for period, first, last in periods:
            when = (months >= np.datetime64(first)) & (months <= np.datetime64(last))
            rows.append(row(name, period, labels[:, when], confidence[:, when], net.card["legend"]))
    samples = load_samples(options.shared / "rondonia.npz")
    labels, confidence = models.label(net, samples.x)
    for k, kind in enumerate(samples.legend.names):
        own = (samples.y == k).any(1)
        rows.append(row("rondonia", kind, labels[own], confidence[own], net.card["legend"]))
    table = pd.DataFrame(rows)
    with written_whole(options.out) as path:
        table.to_csv(path, index=False)
    print(table.to_string(index=False, float_format="{:.3f}".format))


def pixels(path):
    """Series of all pixels with data of a stack: (N, C, T) int16, months."""
    stack = open_stack(path, first_month="2019-02")
    height, width = stack.geobox.shape
    cube = stack.read(slice(0, height), slice(0, width))  # (T, C, y, x)
    series = cube.reshape(*cube.shape[:2], -1).transpose(2, 1, 0)
    return series[(series != NO_OBSERVATION).any((1, 2))], stack.months


def row(what, part, labels, confidence, legend):
    """Shares of the classes, share of series that change, mean confidence."""
    share = np.bincount(labels.ravel(), minlength=len(legend)) / labels.size
    return {
        "series": what,
        "part": part,
        "count": len(labels),
        **dict(zip(legend.names, share.round(3))),
        "changing": round(float(change_months(labels).any(1).mean()), 3),
        "confidence": round(float(confidence.mean()), 3),
    }


if __name__ == "__main__":
    run_main(main)
