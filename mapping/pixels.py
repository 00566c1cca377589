"""Labels of a window -> the pixels of every raster of the map, and the counts of the summary.

A spatial filter sees the true neighbours beyond the window's edge, so no edge shows in the map.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mapping.products import NO_CHANGE_MONTH, from_to, yyyymm
from mapping.unfinished import load_area
from utils.changes import spatial_majority_filter
from utils.words import BESIDE

HIGHEST = 99  # percent: 100 would claim more than any probability can


@dataclass(frozen=True)
class Drawing:
    """What it takes to draw the rasters of any window from the finished windows.

    parts: work folder; lines: top -> left -> Window, all of the stack; months (T,); filter_width:
    of the spatial majority filter, pixels, 1 = none; row_area (Y,) int64: area of a pixel in each
    row of the stack.
    """

    parts: object
    lines: dict
    months: np.ndarray
    filter_width: int
    n_classes: int
    row_area: np.ndarray


class Changes(NamedTuple):
    """Changes of class in a window, by month, then by pixel. Arrays of one length.

    pixel: index, row by row; month: index of the first month of the new class; confidence: uint8
    percent, see `change_confidence`.
    """

    pixel: np.ndarray
    month: np.ndarray
    from_class: np.ndarray
    to_class: np.ndarray
    confidence: np.ndarray


class Drawn(NamedTuple):
    """A drawn window: name -> raster (bands, y, x); its counts (see `count`); its Changes."""

    rasters: dict
    counts: tuple
    changes: Changes


def draw_window(drawing, window):
    """Drawn of one window, which may be any part of the area."""
    halo = drawing.filter_width // 2
    area, (top, left) = load_area(drawing.parts, drawing.lines, window, halo=halo)
    months = len(drawing.months)
    labels = area[:months].view(np.int8)  # 255 becomes -1
    filtered = spatial_majority_filter(labels, drawing.filter_width) if halo else labels
    down = slice(top, top + window.height)
    across = slice(left, left + window.width)
    inner = (slice(None), down, across)
    monthly = monthly_confidence(area[months : 2 * months], labels, filtered)[inner]
    labels = filtered[inner]
    single = area[2 * months : 2 * months + 4][inner]
    confidence, reason, second, unfamiliar = single[:, None]
    changes = changes_of(labels, monthly)
    rasters = {
        "labels": labels.view(np.uint8),
        "confidence": confidence,
        "reason": reason,
        "second": second,
        "unfamiliar": unfamiliar,
        "probabilities": area[2 * months + 4 :][inner],
    }
    rasters |= change_rasters(labels, changes, drawing.months)
    counts = count(labels, changes, drawing.n_classes, drawing.row_area[window.slices[0]])
    return Drawn(rasters, counts, changes)


def monthly_confidence(monthly, labels, filtered):
    """Percent (T, y, x) that the network gives the filtered labels.

    Only the probability of the network's own label is kept. Where the filter put another label in
    its place, that one gets what is left to it at most: 100 less that probability.
    """
    return np.where(labels == filtered, monthly, 100 - monthly)


def changes_of(labels, monthly):
    """Changes of a window.

    labels (T, y, x) int8: a pixel has a label in every month, or -1 in every month; monthly
    (T, y, x) uint8: percent of each label. `utils.changes.transitions` finds the same, and more
    slowly, where some months only are labelled.
    """
    flat = labels.reshape(len(labels), -1)
    changed = np.flatnonzero(flat[1:] != flat[:-1])
    before, pixel = np.divmod(changed, flat.shape[1])
    month = before + 1
    sure = change_confidence(monthly.reshape(flat.shape), pixel, month)
    return Changes(pixel, month, flat[before, pixel], flat[month, pixel], sure)


def change_confidence(monthly, pixel, month):
    """Percent (changes,) uint8 of each change: `utils.words.change_confidence`, for many series.

    monthly (T, P) percent of each label; pixel, month: of each change. Two means are taken: of the
    old class over the last 3 months before the change, and of the new class over the first 3 months
    from the change on. A shorter segment has fewer months. The lower mean counts, at most 99.
    """
    order = np.lexsort((month, pixel))
    pixel, month = pixel[order], month[order]
    same = pixel[1:] == pixel[:-1]  # the change before it is of the same pixel
    start = np.zeros_like(month)
    stop = np.full_like(month, len(monthly))
    start[1:][same] = month[:-1][same]
    stop[:-1][same] = month[1:][same]
    before = mean_of_months(monthly, pixel, np.maximum(start, month - BESIDE), month)
    after = mean_of_months(monthly, pixel, month, np.minimum(stop, month + BESIDE))
    found = np.empty(len(pixel), np.uint8)
    found[order] = np.rint(np.minimum(before, after)).clip(0, HIGHEST)
    return found


def mean_of_months(monthly, pixel, start, stop):
    """Mean over the months start .. stop (excluded), at most BESIDE of them, for each pixel."""
    total = np.zeros(len(pixel), np.float32)
    for step in range(BESIDE):
        at = start + step
        inside = at < stop
        total[inside] += monthly[at[inside], pixel[inside]]
    return total / (stop - start)


def change_rasters(labels, changes, months):
    """The rasters of change of a window, name -> (1, y, x)."""
    pixel, month, from_class, to_class, sure = changes
    shape = labels.shape[1:]
    labelled = (labels[0] >= 0).ravel()
    times = np.bincount(pixel, minlength=labelled.size)
    first = np.full(labelled.size, NO_CHANGE_MONTH, np.int32)
    last = first.copy()
    kind = np.zeros(labelled.size, np.uint16)
    confidence = np.full(labelled.size, 255, np.uint8)
    dates = yyyymm(months)
    # Of several values for one pixel the last one written stays.
    first[pixel[::-1]] = dates[month[::-1]]
    last[pixel] = dates[month]
    kind[pixel] = from_to(from_class.astype(np.uint16), to_class)
    confidence[pixel] = sure
    filled = {
        "change_count": (times.astype(np.uint8), 255),
        "first_change": (first, -1),
        "last_change": (last, -1),
        "from_to": (kind, 65535),
        "change_confidence": (confidence, 255),
    }
    return {
        name: np.where(labelled, values, nodata).astype(values.dtype).reshape(1, *shape)
        for name, (values, nodata) in filled.items()
    }


def count(labels, changes, n_classes, row_area):
    """Pixels and area of a window for the summary, in whole numbers: no order of adding changes a
    sum.

    row_area (y,) int64: area of a pixel in each row. Returns classes (2, 1 + K, T), first those
    without a label, and transitions (2, T, K, K): month, from-class, to-class; pixels, then area,
    in int64.
    """
    pixel, month, from_class, to_class, _ = changes
    row = pixel // labels.shape[2]
    # Pixels of each class in the first month; from then on only what changes is counted.
    per_row = np.zeros((len(labels), 1 + n_classes, labels.shape[1]), np.int64)
    for k in range(-1, n_classes):
        per_row[0, 1 + k] = (labels[0] == k).sum(axis=1)
    np.add.at(per_row, (month, 1 + to_class, row), 1)
    np.subtract.at(per_row, (month, 1 + from_class, row), 1)
    per_row = per_row.cumsum(axis=0)
    classes = np.stack([per_row.sum(axis=2).T, (per_row @ row_area).T])
    transitions = np.zeros((2, len(labels), n_classes, n_classes), np.int64)
    np.add.at(transitions[0], (month, from_class, to_class), 1)
    np.add.at(transitions[1], (month, from_class, to_class), row_area[row])
    return classes, transitions
