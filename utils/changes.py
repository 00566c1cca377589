"""Change months, segments, transitions and majority filters of label series.

A change month is the FIRST month of the new class; the published code names the month before it,
one less. A label of -1 means not labelled: it is skipped over, so 0 -1 1 changes once, at its third
month, and 0 -1 0 never.
"""

from typing import NamedTuple

import numpy as np

from utils.errors import InputError

# series worked on at a time: a few MB, so that temporary arrays stay in the processor's cache
CHUNK = 65_536


class Segments(NamedTuple):
    """Runs of one label, in order of series and time: arrays of one length (S,).

    start is the first month of a run, stop the month after its last one.
    """

    series: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    label: np.ndarray


class Transitions(NamedTuple):
    """Changes of class, in order of series and time: arrays of one length (M,).

    month is the place in the series of the first month of the new class.
    """

    series: np.ndarray
    month: np.ndarray
    from_class: np.ndarray
    to_class: np.ndarray


def chunks(count, size=None):
    """Return slices that cut `count` series into parts of at most `size`, CHUNK if not given."""
    size = size or CHUNK
    return [slice(start, start + size) for start in range(0, count, size)]


def change_months(labels):
    """Return the months at which a new class begins: (N, T) bool.

    labels: (N, T) integers, -1 = not labelled. The change month is the first of the new class.
    """
    labels = _series(labels)
    return _change_months(labels, _previous(labels))


def segments(labels):
    """Return the Segments of every series: one more than its changes, none without any label.

    labels: (N, T) integers, -1 = not labelled. Unlabelled months at the end of a segment are not
    part of it; those between two months of one class are.
    """
    labels = _series(labels)
    previous = _previous(labels)
    starts = (labels >= 0) & (labels != previous)
    series, start = np.nonzero(starts)
    # Seen from the end of the series, the last month of a segment is where a new class begins.
    following = _previous(labels[:, ::-1])[:, ::-1]
    stop = np.nonzero((labels >= 0) & (labels != following))[1] + 1
    return Segments(series, start, stop, labels[starts])


def transitions(labels):
    """Return the Transitions: month, from-class and to-class of every change.

    labels: (N, T) integers, -1 = not labelled.
    """
    labels = _series(labels)
    previous = _previous(labels)
    changes = _change_months(labels, previous)
    series, month = np.nonzero(changes)
    return Transitions(series, month, previous[changes], labels[changes])


def majority_filter(labels, width=3):
    """Replace each label by the one with the most votes among `width` months centred on it.

    labels: (N, T) integers, -1 = not labelled: it does not vote, and it stays. width: months, odd.
    At both ends the window is cut. A tie for the most votes keeps the month's own label.
    Returns (N, T). Raises InputError for an even width.
    """
    labels = _series(labels)
    _check_width(width)
    filtered = np.empty_like(labels)
    for part in chunks(len(labels)):
        filtered[part] = _majority(labels[part], width, axes=(1,))
    return filtered


def spatial_majority_filter(labels, width=3):
    """Replace each label by the one with the most votes in the square of pixels around it.

    labels: (..., Y, X) integers; each leading index, such as a month, is filtered for itself.
    width: side of the square in pixels, odd. -1, edges and ties are as in `majority_filter`.
    Returns (..., Y, X). Raises InputError for an even width.
    """
    labels = np.asarray(labels)
    if labels.ndim < 2 or not np.issubdtype(labels.dtype, np.signedinteger):
        raise InputError(
            f"labels: found {labels.dtype} of shape {labels.shape}, "
            "expected signed integers (..., Y, X)"
        )
    _check_width(width)
    filtered = np.empty_like(labels)
    for index in np.ndindex(labels.shape[:-2]):
        filtered[index] = _majority(labels[index], width, axes=(0, 1))
    return filtered


def _series(labels):
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.signedinteger):
        raise InputError(
            f"labels: found {labels.dtype} of shape {labels.shape}, "
            "expected signed integers (series, months)"
        )
    return labels


def _check_width(width):
    if not isinstance(width, int | np.integer) or width < 1 or width % 2 == 0:
        raise InputError(f"filter width: found {width}, expected an odd whole number, such as 3")


def _previous(labels):
    """Return the last label before each month, -1 where there is none yet: (N, T)."""
    previous = np.full_like(labels, -1)
    previous[:, 1:] = labels[:, :-1]
    for part in chunks(len(labels)):
        filled = previous[part]
        if (filled[:, 1:] < 0).any():
            for month in range(1, filled.shape[1]):
                here = filled[:, month]
                before = filled[:, month - 1]
                np.copyto(here, before, where=here < 0)
    return previous


def _change_months(labels, previous):
    return (labels >= 0) & (previous >= 0) & (labels != previous)


def _majority(labels, width, axes):
    """Return labels after one vote over a window of `width` along `axes`."""
    if labels.size == 0:
        return labels.copy()
    votes_type = np.min_scalar_type(width ** len(axes))
    most = np.zeros(labels.shape, votes_type)
    tied = np.zeros(labels.shape, bool)
    winner = labels.copy()
    for label in range(labels.max() + 1):
        votes = (labels == label).astype(votes_type)
        for axis in axes:
            votes = _window_sum(votes, width, axis)
        more = votes > most
        tied |= votes == most
        tied &= ~more
        np.copyto(winner, label, where=more)
        np.maximum(most, votes, out=most)
    # A tie keeps the month's own label. It is one of the tied labels, or none of them is better.
    np.copyto(winner, labels, where=tied | (labels < 0))
    return winner


def _window_sum(values, width, axis):
    """Return the sum over a window centred on each element, cut at the ends."""
    total = values.copy()
    source = np.moveaxis(values, axis, 0)
    target = np.moveaxis(total, axis, 0)
    for shift in range(1, min(width // 2, len(source) - 1) + 1):
        target[shift:] += source[:-shift]
        target[:-shift] += source[shift:]
    return total
