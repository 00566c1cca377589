"""Figures of the data card: what each class looks like over the months, and a few series that
change.
"""

from pathlib import Path

import numpy as np

from utils.errors import InputError
from utils.files import written_whole
from utils.legend import URBAN

MISSING = -32768


def read(path):
    """The arrays of a set: x (N, 10, T) reflectance with NaN, y (N, T), and the months (T,)."""
    try:
        with np.load(path, allow_pickle=False) as file:
            x, y, first = file["x"], file["y"], str(file["first_month"][0])
    except (OSError, KeyError, ValueError) as problem:
        raise InputError(
            f"{path}: expected a set made by dataset/simulate.py, found {type(problem).__name__}"
        ) from None
    x = np.where(x == MISSING, np.nan, x / 1e4)
    return x, y, np.datetime64(first, "M") + np.arange(y.shape[1])


def draw(data, folder):
    """Draw simulated_classes.png and simulated_changes.png into `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    x, y, months = read(data)
    folder = Path(folder)
    for name, figure in (("simulated_classes.png", classes), ("simulated_changes.png", changes)):
        with written_whole(folder / name) as path:
            figure(x, y, months).savefig(path, dpi=90)
        print(folder / name)


def classes(x, y, months):
    """Median and 5-95 % of each class by calendar month: four bands and NDVI."""
    import matplotlib.pyplot as plt

    calendar = months.astype(int) % 12
    ndvi = (x[:, 6] - x[:, 2]) / (x[:, 6] + x[:, 2])
    rows = [
        ("blue B2", x[:, 0]),
        ("red B4", x[:, 2]),
        ("near infrared B8", x[:, 6]),
        ("short-wave infrared B11", x[:, 8]),
        ("NDVI", ndvi),
    ]
    figure, axes = plt.subplots(
        5, 6, figsize=(15, 11), sharex=True, sharey="row", layout="constrained"
    )
    for row, (name, values) in zip(axes, rows, strict=True):
        for c, axis in enumerate(row):
            spread = np.array(
                [
                    np.nanpercentile(
                        values[:, calendar == m][y[:, calendar == m] == c], [5, 50, 95]
                    )
                    for m in range(12)
                ]
            )
            axis.fill_between(
                np.arange(1, 13),
                spread[:, 0],
                spread[:, 2],
                color=URBAN.colours[c],
                alpha=0.35,
                lw=0,
            )
            axis.plot(np.arange(1, 13), spread[:, 1], color="black", lw=1.2)
            axis.set_title(URBAN.names[c], fontsize=10)
            axis.set_xticks([1, 4, 7, 10], ["Jan", "Apr", "Jul", "Oct"])
        row[0].set_ylabel(name)
    figure.suptitle(
        "Simulated set: median and 5-95 % of each class by calendar month (reflectance; all sites)"
    )
    return figure


def changes(x, y, months, seed=3):
    """Eight changing series: blue, red, near and short-wave infrared over the dates, the labels as
    a strip below.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    number = (y[:, 1:] != y[:, :-1]).sum(1)
    rng = np.random.default_rng(seed)
    wanted = {1: 3, 2: 2, 3: 2, 4: 1}  # number of changes: how many such series
    chosen = [
        i
        for k, count in wanted.items()
        for i in rng.permutation(np.flatnonzero(number == k))[:count]
    ]
    dates = months.astype("M8[D]")
    figure, axes = plt.subplots(4, 2, figsize=(15, 10.4), sharex=True, layout="constrained")
    for axis, i in zip(axes.ravel(), chosen, strict=False):
        for band, (name, colour) in LINES.items():
            axis.plot(dates, x[i, band], ".-", color=colour, lw=1, ms=4, label=name)
        axis.pcolormesh(np.append(dates, dates[-1] + 31), [-0.06, -0.01], URBAN_COLOURS[y[i]][None])
        for t in np.flatnonzero(y[i, 1:] != y[i, :-1]) + 1:
            axis.axvline(dates[t], color="black", lw=0.8, ls=":")
            text = f" {months[t]} {URBAN.names[y[i, t - 1]]} \u2192 {URBAN.names[y[i, t]]}"
            axis.text(
                dates[t],
                0.98,
                text,
                fontsize=7,
                rotation=90,
                va="top",
                transform=axis.get_xaxis_transform(),
                bbox={"color": "white", "alpha": 0.7, "pad": 0.5},
            )
        axis.set_ylim(-0.06, max(0.45, np.nanmax(x[i][list(LINES)]) * 1.05))
    axes[0, 0].legend(ncols=4, fontsize=8, loc="upper left")
    patches = [
        Patch(color=colour, label=name)
        for name, colour in zip(URBAN.names, URBAN.colours, strict=True)
    ]
    figure.legend(handles=patches, ncols=6, loc="outside lower center")
    return figure


LINES = {0: ("B2", "#4477aa"), 2: ("B4", "#cc3311"), 6: ("B8", "#882255"), 8: ("B11", "#997700")}


def _rgb(colours):
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])


URBAN_COLOURS = _rgb(URBAN.colours)
