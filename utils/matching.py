"""Pairing of true and predicted change months that lie a few months apart."""

import numpy as np


def matched_months(true, predicted, tolerance):
    """Return the true changes that find a partner, in the most one-to-one pairs there can be.

    true, predicted: (T, N) integer codes, -1 = no change; only equal codes pair up, at most
    `tolerance` months apart. Each true change, in order of time, takes the earliest partner left.
    As the tolerance is the same for all changes, no other way gives more pairs (Glover 1967).
    Returns (T, N) bool.
    """
    matched = np.zeros(true.shape, bool)
    left = predicted.copy()
    for month, codes in enumerate(true):
        waiting = codes.copy()
        for near in range(max(month - tolerance, 0), min(month + tolerance + 1, len(true))):
            pair = (waiting >= 0) & (left[near] == waiting)
            matched[month] |= pair
            np.copyto(waiting, -1, where=pair)
            np.copyto(left[near], -1, where=pair)
    return matched


def drawn_months(true, predicted, tolerance):
    """Return the true changes that are hit, and the predicted ones that hit none, as published.

    The published code moves every predicted change within the tolerance onto the true change, one
    true change after another. Several predictions can therefore count as one hit, and of two true
    changes closer than the tolerance only the later one can be hit.
    true, predicted: (T, N) bool. Returns hit, false_alarm: (T, N) bool.
    """
    hit, left = np.zeros_like(true), predicted.copy()
    for late in range(tolerance, -tolerance - 1, -1):  # of two true changes near, the earlier draws
        true_near, predicted_left = shifted(true, left, late)
        hit_near, _ = shifted(hit, left, late)
        drawn = true_near & predicted_left
        hit_near |= drawn
        predicted_left &= ~drawn
    for month in range(len(true)):
        for later in range(month + 1, min(month + tolerance + 1, len(true))):
            drawn = hit[month] & true[later]
            hit[later] |= drawn
            hit[month] &= ~drawn
    return hit, left


def shifted(first, second, months):
    """Return parts of two (T, N) arrays as views: the second's rows are `months` later."""
    keep = max(len(first) - abs(months), 0)
    early = slice(0, keep)
    late = slice(len(first) - keep, None)
    if months < 0:
        return first[late], second[early]
    return first[early], second[late]
