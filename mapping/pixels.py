"""Labels of a window -> the pixels of every raster of the map, and the counts of the summary.

A spatial filter sees the true neighbours beyond the window's edge, so no edge shows in the map.
"""

import numpy as np

from mapping.products import NO_CHANGE_MONTH, from_to, yyyymm
from mapping.unfinished import load_area
from utils.changes import spatial_majority_filter


def window_products(parts, windows, months, filter_width, n_classes, row_area, window):
    """Rasters of one window, name -> (bands, y, x), and its counts (see `count`), from the parts of
    `windows`.

    windows: top -> left -> Window; filter_width: of the spatial majority filter, pixels, 1 = none;
    row_area (Y,) int64: area of a pixel in each row of the stack.
    """
    area, (top, left) = load_area(parts, windows, window, halo=filter_width // 2)
    labels = area[:-2].view(np.int8)  # 255 becomes -1
    if filter_width > 1:
        labels = spatial_majority_filter(labels, filter_width)
    inner = (slice(None), slice(top, top + window.height), slice(left, left + window.width))
    labels, confidence, reason = labels[inner], area[-2:-1][inner], area[-1:][inner]
    found = transitions_of(labels)
    rasters = {"labels": labels.view(np.uint8), "confidence": confidence, "reason": reason}
    return rasters | change_rasters(labels, found, months), count(
        labels, found, n_classes, row_area[window.slices[0]]
    )


def transitions_of(labels):
    """Transitions of a window: pixel (row-major index), month (index), from-class, to-class, by
    month and pixel.

    labels (T, y, x): a pixel has a label in every month, or -1 in every month.
    `utils.changes.transitions` finds the same, and more slowly, where some months only are
    labelled.
    """
    flat = labels.reshape(len(labels), -1)
    month, pixel = np.divmod(np.flatnonzero(flat[1:] != flat[:-1]), flat.shape[1])
    return pixel, month + 1, flat[month, pixel], flat[month + 1, pixel]


def change_rasters(labels, found, months):
    """change_count, first_change, last_change and from_to, each (1, y, x), from the transitions of
    a window.
    """
    pixel, month, from_class, to_class = found
    shape = labels.shape[1:]
    labelled = (labels[0] >= 0).ravel()
    times = np.bincount(pixel, minlength=labelled.size)
    first = np.full(labelled.size, NO_CHANGE_MONTH, np.int32)
    last, kind = first.copy(), np.zeros(labelled.size, np.uint16)
    dates = yyyymm(months)
    first[pixel[::-1]] = dates[
        month[::-1]
    ]  # of several values for one pixel the last one written stays
    last[pixel] = dates[month]
    kind[pixel] = from_to(from_class.astype(np.uint16), to_class)
    filled = {
        "change_count": (times.astype(np.uint8), 255),
        "first_change": (first, -1),
        "last_change": (last, -1),
        "from_to": (kind, 65535),
    }
    return {
        name: np.where(labelled, values, nodata).astype(values.dtype).reshape(1, *shape)
        for name, (values, nodata) in filled.items()
    }


def count(labels, found, n_classes, row_area):
    """Pixels and area of a window for the summary, in whole numbers, so that no order of adding
    them up changes a sum.

    row_area (y,) int64: area of a pixel in each row. Returns classes (2, 1 + K, T), first those
    without a label, and transitions (2, T, K, K): month, from-class, to-class; pixels, then area,
    in int64.
    """
    pixel, month, from_class, to_class = found
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
