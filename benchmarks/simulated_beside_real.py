"""The simulated set beside real Sentinel-2 series: one table and one figure.

    python benchmarks/simulated_beside_real.py --shared ../shared/data

Real series: forest and pasture of Rondonia, mangrove ("Other vegetation") and Spartina marsh of
China's coast, roofs of Changsha. Beside each stands the simulated class nearest to it, from the
regions with the nearest climate.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from utils.errors import InputError, run_main
from utils.files import written_whole

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
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
    return np.where(x == -32768, np.nan, x / 1e4)


def rondonia(path, name):
    """Series (n, 10, 13) of one label, monthly medians of the 16-day looks, and the calendar month
    0-11 of each.
    """
    data = load(path)
    months = data["dates"].astype("M8[M]")
    x = missing_to_nan(data["x"][data["label"] == name])
    return np.stack(
        [np.nanmedian(x[..., months == m], -1) for m in np.unique(months)], -1
    ), np.unique(months).astype(int) % 12


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
    return x[np.nanmedian(index(x), 1) < 0.2], (
        np.datetime64("2019-02", "M").astype(int) + np.arange(64)
    ) % 12


def simulated(path, label, regions):
    """Series (n, 10, 48) that are `label` throughout, of the regions, and the calendar month of
    each.
    """
    data = load(path)
    rows = (data["y"] == label).all(1) & np.array(
        [site.startswith(regions) for site in data["site"]]
    )
    months = np.datetime64(str(data["first_month"][0]), "M").astype(int) + np.arange(
        data["y"].shape[1]
    )
    return missing_to_nan(data["x"][rows]), months % 12


def index(x):
    """NDVI, (n, T)."""
    return (x[:, 6] - x[:, 2]) / np.maximum(x[:, 6] + x[:, 2], 1e-3)


def by_month(values, months):
    """5, 50 and 95 % of (n, T) values in each calendar month, (12, 3); NaN where there is none."""
    months = np.broadcast_to(months, values.shape)
    none = [np.nan] * 3
    return np.array(
        [
            np.nanpercentile(values[months == m], [5, 50, 95])
            if np.isfinite(values[months == m]).any()
            else none
            for m in range(12)
        ]
    )


def measures(x, months):
    """What the table compares, {(measure, band): value}. Noise: spread of the second differences
    over the root of 6.
    """
    found = {}
    for b, band in enumerate(BANDS):
        for name, value in zip(
            ("5 %", "median", "95 %"), np.nanpercentile(x[:, b], [5, 50, 95]), strict=True
        ):
            found[name, band] = value
        found["noise", band] = 1.4826 * np.nanmedian(np.abs(np.diff(x[:, b], 2))) / np.sqrt(6)
    ndvi = index(x)
    median = by_month(ndvi, months)[:, 1]
    found["lowest monthly median", "NDVI"], found["highest monthly median", "NDVI"] = (
        np.nanmin(median),
        np.nanmax(median),
    )
    found["month of the highest median", "NDVI"] = np.nanargmax(median) + 1
    found["noise", "NDVI"] = 1.4826 * np.nanmedian(np.abs(np.diff(ndvi, 2))) / np.sqrt(6)
    found["missing months", "all"] = np.isnan(x[:, 0]).mean()
    found["series", "all"] = len(x)
    return found


def figure(groups):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plot, axes = plt.subplots(
        len(groups), len(SHOWN), figsize=(16, 2.6 * len(groups)), sharex=True, layout="constrained"
    )
    for row, (name, real, made) in zip(axes, groups, strict=True):
        for axis, band in zip(row, SHOWN, strict=True):
            for (x, months), colour, label in (
                (real, "#cc3311", "real"),
                (made, "#0077bb", "simulated"),
            ):
                spread = by_month(index(x) if band == "NDVI" else x[:, BANDS.index(band)], months)
                axis.fill_between(
                    np.arange(1, 13), spread[:, 0], spread[:, 2], color=colour, alpha=0.2, lw=0
                )
                axis.plot(np.arange(1, 13), spread[:, 1], color=colour, label=label)
            axis.set_title(band)
            axis.set_xticks([1, 4, 7, 10], ["Jan", "Apr", "Jul", "Oct"])
            axis.set_ylim(*((-0.2, 1) if band == "NDVI" else (0, None)))
        row[0].set_ylabel(name)
    axes[0, 0].legend()
    plot.suptitle(
        "Median and 5-95 % by calendar month: real series and the simulated class nearest to them"
    )
    return plot


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--shared", type=Path, default=Path("../shared/data"), help="folder of the real series"
    )
    files.add_argument(
        "--data", type=Path, default=Path("dataset/urban.npz"), help="the simulated set"
    )
    files.add_argument(
        "--table",
        type=Path,
        default=Path("benchmarks/simulated_beside_real.csv"),
        help="table to write",
    )
    files.add_argument(
        "--figure", type=Path, default=Path("img/simulated_beside_real.png"), help="figure to write"
    )
    args = parser.parse_args(argv)
    real = (
        rondonia(args.shared / "rondonia.npz", "Forest"),
        rondonia(args.shared / "rondonia.npz", "Pasture"),
        coast(args.shared / "coast_train.npz", 4),
        coast(args.shared / "coast_train.npz", 0),
        changsha(args.shared / "changsha_stable.tif"),
    )
    groups = [
        (name, series, simulated(args.data, label, regions))
        for (name, label, regions), series in zip(PAIRS, real, strict=True)
    ]
    with written_whole(args.table) as path, open(path, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["group", "measure", "band", "real", "simulated"])
        for name, series, made in groups:
            one, other = measures(*series), measures(*made)
            table.writerows(
                [name, *key, round(float(one[key]), 4), round(float(other[key]), 4)] for key in one
            )
            print(
                f"{name:22s} real / simulated  "
                + "  ".join(
                    f"{measure} {band} {one[measure, band]:.3f} / {other[measure, band]:.3f}"
                    for measure, band in (
                        ("median", "B4"),
                        ("median", "B8"),
                        ("median", "B11"),
                        ("noise", "B4"),
                        ("noise", "B8"),
                    )
                )
            )
    with written_whole(args.figure) as path:
        figure(groups).savefig(path, dpi=80)
    print(f"{args.table}, {args.figure}")


if __name__ == "__main__":
    run_main(main)
