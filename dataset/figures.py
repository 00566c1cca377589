"""Figures of the data card: what each class looks like over the months, and a few series that
change.
"""

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

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
    red, infrared = x[:, 2], x[:, 6]
    ndvi = (infrared - red) / (infrared + red)
    rows = [
        ("blue B2", x[:, 0]),
        ("red B4", red),
        ("near infrared B8", infrared),
        ("short-wave infrared B11", x[:, 8]),
        ("NDVI", ndvi),
    ]
    figure, axes = plt.subplots(
        5, 6, figsize=(15, 11), sharex=True, sharey="row", layout="constrained"
    )
    for row, (name, values) in zip(axes, rows, strict=True):
        for c, axis in enumerate(row):
            low, middle, high = _spread_by_month(values, y == c, calendar)
            month = np.arange(1, 13)
            axis.fill_between(month, low, high, color=URBAN.colours[c], alpha=0.35, lw=0)
            axis.plot(month, middle, color="black", lw=1.2)
            axis.set_title(URBAN.names[c], fontsize=10)
            axis.set_xticks([1, 4, 7, 10], ["Jan", "Apr", "Jul", "Oct"])
        row[0].set_ylabel(name)
    figure.suptitle(
        "Simulated set: median and 5-95 % of each class by calendar month (reflectance; all sites)"
    )
    return figure


def _spread_by_month(values, here, calendar):
    """5 %, median and 95 %, (3, 12), of the values (N, T) that are `here`, by calendar month."""
    spread = []
    for month in range(12):
        columns = calendar == month
        of_month = values[:, columns][here[:, columns]]
        spread.append(np.nanpercentile(of_month, [5, 50, 95]))
    return np.transpose(spread)


def changes(x, y, months, seed=3):
    """Eight changing series: blue, red, near and short-wave infrared over the dates, the labels as
    a strip below.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    changed = y[:, 1:] != y[:, :-1]
    number = changed.sum(1)
    rng = np.random.default_rng(seed)
    wanted = {1: 3, 2: 2, 3: 2, 4: 1}  # number of changes: how many such series
    chosen = []
    for changes_of_series, count in wanted.items():
        found = np.flatnonzero(number == changes_of_series)
        chosen.extend(rng.permutation(found)[:count])
    dates = months.astype("M8[D]")
    figure, axes = plt.subplots(4, 2, figsize=(15, 10.4), sharex=True, layout="constrained")
    for axis, i in zip(axes.ravel(), chosen, strict=False):
        for band, (name, colour) in LINES.items():
            axis.plot(dates, x[i, band], ".-", color=colour, lw=1, ms=4, label=name)
        edges = np.append(dates, dates[-1] + 31)
        axis.pcolormesh(edges, [-0.06, -0.01], URBAN_COLOURS[y[i]][None])
        for t in np.flatnonzero(changed[i]) + 1:
            axis.axvline(dates[t], color="black", lw=0.8, ls=":")
            before, after = URBAN.names[y[i, t - 1]], URBAN.names[y[i, t]]
            text = f" {months[t]} {before} \u2192 {after}"
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
        highest = np.nanmax(x[i][list(LINES)])
        axis.set_ylim(-0.06, max(0.45, highest * 1.05))
    axes[0, 0].legend(ncols=4, fontsize=8, loc="upper left")
    patches = [
        Patch(color=colour, label=name)
        for name, colour in zip(URBAN.names, URBAN.colours, strict=True)
    ]
    figure.legend(handles=patches, ncols=6, loc="outside lower center")
    return figure


LINES = {0: ("B2", "#4477aa"), 2: ("B4", "#cc3311"), 6: ("B8", "#882255"), 8: ("B11", "#997700")}


def _rgb(colours):
    return np.array([to_rgb(colour) for colour in colours])


URBAN_COLOURS = _rgb(URBAN.colours)
