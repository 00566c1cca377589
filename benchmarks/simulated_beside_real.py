"""The simulated set beside real Sentinel-2 series: one table and one figure.

    python benchmarks/simulated_beside_real.py --shared ../shared/data

Real series: forest and pasture of Rondonia, mangrove ("Other vegetation") and Spartina marsh of
China's coast, roofs of Changsha. Beside each stands the simulated class nearest to it, from the
regions with the nearest climate.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser

ROOT = Path(__file__).resolve().parents[1]
PRINTED = [("median", "B4"), ("median", "B8"), ("median", "B11"), ("noise", "B4"), ("noise", "B8")]
SHOWN = ("B2", "B4", "B8", "B11", "NDVI")
# Real group, simulated class id, simulated regions (prefix of `site`).
PAIRS = (
    ("Rondonia forest", 1, ("S_",)),
    ("Rondonia pasture", 2, ("S_",)),
    ("coast mangrove", 1, ("S_",)),
    ("coast Spartina marsh", 2, ("E_",)),
    ("Changsha roofs", 4, ("E_", "S_", "SW_")),
)


def load(path):
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise InputError(
            f"{path}: cannot be read ({type(problem).__name__}), expected an .npz file"
        ) from None


def missing_to_nan(x):
    return np.where(x == NO_OBSERVATION, np.nan, x / 1e4)


def rondonia(path, name):
    """Series (n, 10, 13) of one label, as monthly medians, and the calendar month 0-11 of each."""
    data = load(path)
    months = data["dates"].astype("M8[M]")
    x = missing_to_nan(data["x"][data["label"] == name])
    each = np.unique(months)
    medians = [np.nanmedian(x[..., months == month], -1) for month in each]
    return np.stack(medians, -1), each.astype(int) % 12


def coast(path, label):
    """Series (n, 10, 60) that are `label` throughout, and the calendar months of each, (n, 60)."""
    data = load(path)
    rows = (data["y"] == label).all(1)
    first = data["first_month"][rows].astype("M8[M]").astype(int)
    return missing_to_nan(data["x"][rows]), (first[:, None] + np.arange(60)) % 12


def changsha(path):
    """Series (n, 10, 64) of the pixels with little vegetation, and the calendar month of each."""
    import rasterio

    try:
        with rasterio.open(path) as file:
            x = file.read().reshape(64, 10, -1).transpose(2, 1, 0)
    except rasterio.errors.RasterioIOError:
        raise InputError(f"{path}: cannot be read, expected the GeoTIFF of 640 bands") from None
    x = np.where((x == 0) | (x == 32767), np.nan, x / 1e4)
    months = np.datetime64("2019-02", "M").astype(int) + np.arange(64)
    return x[np.nanmedian(ndvi(x), 1) < 0.2], months % 12


def simulated(path, label, regions):
    """Series (n, 10, 48) of these regions, `label` throughout, and their calendar months."""
    data = load(path)
    inside = np.array([site.startswith(regions) for site in data["site"]])
    rows = (data["y"] == label).all(1) & inside
    first = np.datetime64(str(data["first_month"][0]), "M").astype(int)
    months = first + np.arange(data["y"].shape[1])
    return missing_to_nan(data["x"][rows]), months % 12


def ndvi(x):
    """NDVI of series (n, 10, T): (n, T)."""
    infrared, red = x[:, 6], x[:, 2]
    return (infrared - red) / np.maximum(infrared + red, 1e-3)


def by_month(values, months):
    """5, 50 and 95 % of (n, T) values in each calendar month, (12, 3); NaN where there is none."""
    months = np.broadcast_to(months, values.shape)
    found = np.full((12, 3), np.nan)
    for month in range(12):
        seen = values[months == month]
        if np.isfinite(seen).any():
            found[month] = np.nanpercentile(seen, [5, 50, 95])
    return found


def noise(values):
    """Spread of the second differences along time, over the root of 6."""
    bends = np.abs(np.diff(values, 2))
    return 1.4826 * np.nanmedian(bends) / np.sqrt(6)


def measures(x, months):
    """What the table compares: dict of (measure, band) -> value."""
    found = {}
    for place, band in enumerate(BANDS):
        low, median, high = np.nanpercentile(x[:, place], [5, 50, 95])
        found |= {("5 %", band): low, ("median", band): median, ("95 %", band): high}
        found["noise", band] = noise(x[:, place])
    greenness = ndvi(x)
    median = by_month(greenness, months)[:, 1]
    found["lowest monthly median", "NDVI"] = np.nanmin(median)
    found["highest monthly median", "NDVI"] = np.nanmax(median)
    found["month of the highest median", "NDVI"] = np.nanargmax(median) + 1
    found["noise", "NDVI"] = noise(greenness)
    found["missing months", "all"] = np.isnan(x[:, 0]).mean()
    found["series", "all"] = len(x)
    return found


def figure(groups):
    """A row for each group, a column for each band or index; real and simulated series."""
    size = (16, 2.6 * len(groups))
    plot = Figure(figsize=size, layout="constrained")
    axes = plot.subplots(len(groups), len(SHOWN), sharex=True)
    for row, (name, real, made) in zip(axes, groups, strict=True):
        for axis, band in zip(row, SHOWN, strict=True):
            draw(axis, band, real, "#cc3311", "real")
            draw(axis, band, made, "#0077bb", "simulated")
            axis.set_title(band)
            axis.set_xticks([1, 4, 7, 10], ["Jan", "Apr", "Jul", "Oct"])
            axis.set_ylim(*((-0.2, 1) if band == "NDVI" else (0, None)))
        row[0].set_ylabel(name)
    axes[0, 0].legend()
    plot.suptitle(
        "Median and 5-95 % by calendar month: real series and the simulated class nearest to them"
    )
    return plot


def draw(axis, band, series, colour, label):
    """The median and the spread of one group by calendar month."""
    x, months = series
    values = ndvi(x) if band == "NDVI" else x[:, BANDS.index(band)]
    low, median, high = by_month(values, months).T
    month = np.arange(1, 13)
    axis.fill_between(
        month,
        low,
        high,
        color=colour,
        alpha=0.2,
        lw=0,
    )
    axis.plot(
        month,
        median,
        color=colour,
        label=label,
    )


def make_parser():
    parser = Parser(__doc__)
    files = parser.add_argument_group("files")
    files.add_argument(
        "--shared", type=Path, default=Path("../shared/data"), help="folder of the real series"
    )
    files.add_argument(
        "--data", type=Path, default=ROOT / "dataset" / "urban.npz", help="the simulated set"
    )
    name = "simulated_beside_real"
    table = ROOT / "benchmarks" / f"{name}.csv"
    picture = ROOT / "img" / f"{name}.png"
    files.add_argument("--table", type=Path, default=table, help="table to write")
    files.add_argument("--figure", type=Path, default=picture, help="figure to write")
    return parser


def main():
    options = make_parser().parse_args()
    shared = options.shared
    real = (
        rondonia(shared / "rondonia.npz", "Forest"),
        rondonia(shared / "rondonia.npz", "Pasture"),
        coast(shared / "coast_train.npz", 4),
        coast(shared / "coast_train.npz", 0),
        changsha(shared / "changsha_stable.tif"),
    )
    groups = [
        (name, series, simulated(options.data, label, regions))
        for (name, label, regions), series in zip(PAIRS, real, strict=True)
    ]
    with written_whole(options.table) as path, open(path, "w", newline="") as file:
        write_table(csv.writer(file, lineterminator="\n"), groups)
    with written_whole(options.figure) as path:
        figure(groups).savefig(path, dpi=80)
    print(f"{options.table}, {options.figure}")


def write_table(table, groups):
    """Write all measures of all groups, and print some."""
    table.writerow(["group", "measure", "band", "real", "simulated"])
    for name, series, made in groups:
        real, simulated = measures(*series), measures(*made)
        for key, value in real.items():
            table.writerow([name, *key, round(float(value), 4), round(float(simulated[key]), 4)])
        shown = [f"{' '.join(key)} {real[key]:.3f} / {simulated[key]:.3f}" for key in PRINTED]
        print(f"{name:22s} real / simulated  " + "  ".join(shown))


if __name__ == "__main__":
    run_main(main)
