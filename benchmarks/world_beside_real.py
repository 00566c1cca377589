"""The simulated world beside real series: how green a year is, and how bright its driest month.

    python benchmarks/world_beside_real.py

Takes benchmarks/runs/world.npz, which dataset/simulate.py makes, and the real sets. Writes
benchmarks/world_beside_real.csv: medians over the series, real and simulated, of the lowest, median
and highest NDVI of 12 months, and of the reflectance in the month with the lowest NDVI.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from data_loader import load_samples
from training.mixture import YEAR, read_real
from utils.bands import BANDS
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser

HERE = Path(__file__).parent
RED, INFRARED = BANDS.index("B4"), BANDS.index("B8")
SHOWN = ("B4", "B8", "B11", "B12")
# Real set, class id, the climate that is nearest.
PAIRS = (
    ("flanders", 2, "ATL"),
    ("flanders", 4, "ATL"),
    ("flanders", 5, "ATL"),
    ("east_africa", 1, "SVN"),
    ("east_africa", 5, "SVN"),
    ("rondonia", 1, "EQU"),
    ("rondonia", 2, "EQU"),
    ("roraima", 1, "EQU"),
    ("roraima", 2, "EQU"),
)


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--shared", default="../shared/data", type=Path, help="real series")
    parser.add_argument("--simulated", default=HERE / "runs" / "world.npz", type=Path)
    parser.add_argument("--out", default=HERE / "world_beside_real.csv", type=Path, help="table")
    return parser


def main():
    options = make_parser().parse_args()
    world = load_samples(options.simulated)
    rows = []
    for name, kind, climate in PAIRS:
        x, own, _ = read_real(options.shared, name)
        pair = {"real": x[own == kind], "simulated": stable(world, kind, climate)}
        group = {"set": name, "class": world.legend.names[kind], "climate": climate}
        for source, series in pair.items():
            rows.append(group | {"source": source, "series": len(series)} | medians(series))
    table = pd.DataFrame(rows)
    with written_whole(options.out) as path:
        table.to_csv(path, index=False, float_format="%.3f")
    print(table.to_string(index=False, float_format="{:.2f}".format))


def stable(world, kind, climate):
    """The first year of the series of a climate that show one class in it, (n, 10, 12)."""
    there = np.char.startswith(world.site.astype(str), climate)
    one = (world.y[:, :YEAR] == kind).all(axis=1)
    return world.x[there & one, :, :YEAR]


def medians(series):
    """What the table shows of series (n, 10, T), each a median over the series."""
    series = series[..., :YEAR] / 1e4
    red, infrared = series[:, RED], series[:, INFRARED]
    ndvi = (infrared - red) / (infrared + red)  # (n, T)
    driest = np.where(np.isnan(ndvi), np.inf, ndvi).argmin(axis=1)
    found = {
        "NDVI low": np.nanmin(ndvi, axis=1),
        "NDVI median": np.nanmedian(ndvi, axis=1),
        "NDVI high": np.nanmax(ndvi, axis=1),
    }
    for band in SHOWN:
        found[band] = series[np.arange(len(series)), BANDS.index(band), driest]
    return {name: float(np.nanmedian(values)) for name, values in found.items()}


if __name__ == "__main__":
    run_main(main)
