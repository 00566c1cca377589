"""Pairing of true and predicted change months that lie a few months apart."""

import numpy as np


def matched_months(true, predicted, tolerance):
    """True changes that find a partner: as many as one-to-one pairs within `tolerance` months
    allow.

    true, predicted: (T, N) integer codes, -1 = no change; only equal codes pair up. The tolerance
    is the same for all, so that each true change in order of time, taking the earliest partner
    left, gives the most pairs (Glover 1967). Returns (T, N) bool.
    """
    matched, left = np.zeros(true.shape, bool), predicted.copy()
    for month, codes in enumerate(true):
        waiting = codes.copy()
        for near in range(max(month - tolerance, 0), min(month + tolerance + 1, len(true))):
            pair = (waiting >= 0) & (left[near] == waiting)
            matched[month] |= pair
            np.copyto(waiting, -1, where=pair)
            np.copyto(left[near], -1, where=pair)
    return matched


def drawn_months(true, predicted, tolerance):
    """The published rule: true changes that are hit, and predicted ones that hit none.

    true, predicted: (T, N) bool. Each true change, in order of time, draws to itself all predicted
    ones within the tolerance, also those that an earlier one has drawn: several predicted ones may
    make one hit, and of true ones closer than the tolerance only the last can be hit. Returns hit,
    false_alarm: (T, N) bool.
    """
    hit, left = np.zeros_like(true), predicted.copy()
    for late in range(tolerance, -tolerance - 1, -1):  # of two true changes near, the earlier draws
        near, from_left = shifted(true, left, late)
        drawn = near & from_left
        shifted(hit, left, late)[0][...] |= drawn
        from_left &= ~drawn
    for month in range(len(true)):
        for later in range(month + 1, min(month + tolerance + 1, len(true))):
            drawn = hit[month] & true[later]
            hit[later] |= drawn
            hit[month] &= ~drawn
    return hit, left


def shifted(first, second, months):
    """Parts of two (T, N) arrays, as views: the second's rows lie `months` after the first's."""
    keep = max(len(first) - abs(months), 0)
    early, late = slice(0, keep), slice(len(first) - keep, None)
    return (first[early], second[late]) if months >= 0 else (first[late], second[early])
