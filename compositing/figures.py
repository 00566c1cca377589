"""The picture beside a stack: how many clear looks each month has, and what each month shows."""

from pathlib import Path

import numpy as np
import zarr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from compositing.store import existing
from utils.bands import BANDS, NO_OBSERVATION
from utils.files import written_whole

SIDE = 96  # pixels of the longer side of a small image
TRUE_COLOUR = [BANDS.index(band) for band in ("B4", "B3", "B2")]
EMPTY = (0.85, 0.85, 0.85)  # colour of no observation
COLUMNS = 12  # one year a row


def figure_path(stack):
    """Picture of a stack: city.zarr -> city.png."""
    return Path(stack).with_suffix(".png")


def thumbnails(path, months):
    """Small true-colour images (T, y, x, 3) int16 and the mean number of looks (T,).

    Read strip by strip, so that memory does not grow with the area.
    """
    root = zarr.open_group(str(path), mode="r")
    values, looks = root["reflectance"], root["looks"]
    height, width = looks.shape[1:]
    step = max(1, -(-max(height, width) // SIDE))
    strip = values.chunks[2]
    strips = [slice(top, top + strip) for top in range(0, height, strip)]
    images, means = [], []
    for month in range(len(months)):
        parts, seen = [], 0
        for rows in strips:
            parts.append(thinned(values, month, rows, step))
            seen += int(looks[month, rows].sum(dtype=np.int64))
        images.append(np.concatenate(parts, axis=0))
        means.append(seen / (height * width))
    return np.stack(images), np.array(means)


def thinned(values, month, rows, step):
    """Every `step`-th pixel of some rows in true colour, (y, x, 3)."""
    blue_to_red = slice(TRUE_COLOUR[-1], TRUE_COLOUR[0] + 1)
    part = values[month, blue_to_red, rows].transpose(1, 2, 0)
    red_to_blue = part[..., ::-1]
    first_row = -rows.start % step
    first_column = step // 2
    return red_to_blue[first_row::step, first_column::step]


def true_colour(images):
    """Images as colours from 0 to 1, all months stretched alike, so that they can be compared."""
    seen = (images != NO_OBSERVATION).all(axis=-1)
    if not seen.any():
        return np.full(images.shape, EMPTY[0])
    low, high = np.percentile(images[seen], (1, 98))
    stretched = (images - low) / max(1, high - low)
    colours = stretched.clip(0, 1) ** 0.8
    return np.where(seen[..., None], colours, EMPTY)


def draw_stack(stack):
    """Draw the picture of a stack beside it."""
    _, months, _ = existing(stack)
    images, means = thumbnails(stack, months)
    colours = true_colour(images)
    years = months.astype("datetime64[Y]")
    rows = (years[-1] - years[0]).astype(int) + 1
    tall = 1.15 * rows  # inches of the images
    figure = Figure(figsize=(12, 2.65 + tall), layout="constrained")
    top, below = figure.subfigures(2, 1, height_ratios=[2.2, tall + 0.45])
    draw_bars(top.subplots(), months, means, Path(stack).name)
    draw_images(below, months, colours)
    with written_whole(figure_path(stack)) as file:
        figure.savefig(file, dpi=120)


def draw_images(figure, months, colours):
    """An image of each month, a row for each year."""
    figure.suptitle(
        "True colour of each month (grey: no observation), all months with the same stretch",
        fontsize=10,
    )
    years = months.astype("datetime64[Y]")
    row = (years - years[0]).astype(int)
    column = (months - years).astype(int)
    axes = figure.subplots(row[-1] + 1, COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, month in zip(axes[row, column], colours, months):
        axis.imshow(image, interpolation="nearest")
        axis.set_title(str(month), fontsize=7, pad=2)


def draw_bars(axis, months, means, name):
    """Clear looks of each month as bars."""
    axis.bar(np.arange(len(months)), means, width=0.8, color="#3b6ea5")
    axis.set_title(f"{name}: clear looks of a pixel in each month (mean of the area)", fontsize=10)
    axis.set_ylabel("clear looks")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    every = max(1, len(months) // 16)
    places = np.arange(0, len(months), every)
    axis.set_xticks(places, months[places].astype(str), fontsize=7)
    axis.set_xlim(-0.6, len(months) - 0.4)
    axis.spines[["top", "right"]].set_visible(False)
