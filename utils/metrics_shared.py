"""What all scores share: checks of the labels, months that count, ratios, tables of classes."""

import numpy as np

from utils.errors import InputError


def checked_labels(true, predicted, classes=None, tolerance=0):
    """Return the two as arrays (N, T). Raises InputError where they cannot be scored.

    classes: number of classes; None: any number. tolerance: whole months.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim != 2 or true.shape != predicted.shape:
        raise InputError(
            f"labels: found true {true.shape} and predicted {predicted.shape}, "
            "expected one shape (series, months)"
        )
    if true.size == 0:
        raise InputError(
            f"labels: found none, shape {true.shape}, expected at least one series and one month"
        )
    check_range("true", true, classes)
    check_range("predicted", predicted, classes)
    if not isinstance(tolerance, int | np.integer) or tolerance < 0:
        raise InputError(f"tolerance: found {tolerance}, expected whole months, 0 or more")
    return true, predicted


def check_range(name, labels, classes):
    """Raise InputError for labels that are no signed integers from -1 to classes - 1."""
    if not np.issubdtype(labels.dtype, np.signedinteger):
        raise InputError(f"{name} labels: found {labels.dtype}, expected signed integers")
    lowest, highest = labels.min(), labels.max()
    if lowest < -1 or (classes is not None and highest >= classes):
        last = "any class" if classes is None else classes - 1
        raise InputError(
            f"{name} labels: found {lowest} to {highest}, expected -1 (not labelled) to {last}"
        )


def in_labelled_months(true, predicted):
    """Return both in the months that `true` labels, and -1 in the others."""
    return true, np.where(true >= 0, predicted, predicted.dtype.type(-1))


def ratio(part, whole):
    """Return part / whole, nan where whole is 0."""
    part = np.asarray(part, float)
    whole = np.asarray(whole, float)
    part, whole = np.broadcast_arrays(part, whole)
    nothing = np.full(whole.shape, np.nan)
    return np.divide(part, whole, out=nothing, where=whole > 0)


def mean_of_known(values):
    """Return the mean of the values that are not nan; nan if all are."""
    return ratio(np.nansum(values), np.isfinite(values).sum())


def class_table(true, predicted, classes):
    """Return counts (K, K + 1) by true and predicted class; the last column is predicted -1.

    True labels of -1 are left out.
    """
    side = classes + 1  # -1 becomes the last row and the last column
    row = np.where(true >= 0, true, classes).astype(np.intp)
    column = np.where(predicted >= 0, predicted, classes)
    counts = np.bincount((row * side + column).ravel(), minlength=side * side)
    return counts.reshape(side, side)[:classes]
