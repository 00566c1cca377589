"""How well the MONTH of change is known.

Each true change is paired with at most one change of the map: the closest pair first, then the next
closest, each change used once. What the change is from and to does not matter here; the accuracy of
transitions says that. Lag: the map's month minus the true month; positive = the map is late.
"""

from typing import NamedTuple

import numpy as np

from assessing.estimators import ratio
from utils.changes import change_months

WITHIN = (0, 1, 3)  # months


class Dates(NamedTuple):
    """Of each of n points: its true changes, the map's, and the lags of the pairs.

    true, mapped (n,): how many; near (n, 3): pairs at most 0, 1, 3 months apart; paired (n,): pairs
    at all; lag, distance (n,): sums of the lags and of their absolute values, months.
    """

    true: np.ndarray
    mapped: np.ndarray
    near: np.ndarray
    paired: np.ndarray
    lag: np.ndarray
    distance: np.ndarray


def pairs(true, mapped, apart):
    """Lags of the pairs of true and mapped change months, at most `apart` months apart."""
    lags = np.subtract.outer(mapped, true)  # (mapped, true)
    order = np.argsort(np.abs(lags), axis=None, kind="stable")
    used_mapped, used_true, found = set(), set(), []
    for one, other in zip(*np.unravel_index(order, lags.shape)):
        if abs(lags[one, other]) > apart:
            break
        if one not in used_mapped and other not in used_true:
            used_mapped.add(one)
            used_true.add(other)
            found.append(lags[one, other])
    return np.array(found, int)


def dates_of(mapped, reference, apart=12):
    """Dates of labels mapped and reference, (n, T)."""
    true, found = change_months(reference), change_months(mapped)
    near = np.zeros((len(true), len(WITHIN)))
    paired, lag, distance = (np.zeros(len(true)) for _ in range(3))
    for point in np.flatnonzero(true.any(axis=1) & found.any(axis=1)):
        lags = pairs(np.flatnonzero(true[point]), np.flatnonzero(found[point]), apart)
        near[point] = [(np.abs(lags) <= within).sum() for within in WITHIN]
        paired[point], lag[point], distance[point] = len(lags), lags.sum(), np.abs(lags).sum()
    return Dates(true.sum(axis=1), found.sum(axis=1), near, paired, lag, distance)


def date_estimates(sample, dates):
    """Figures of the months of change: list of (what, unit, Estimates of one figure).

    Shares of changes, and mean lags in months; each is a ratio of totals over the area.
    """
    figures = []
    for column, within in enumerate(WITHIN):
        what = "in the very month" if within == 0 else f"within {within} month{'s' * (within > 1)}"
        near = dates.near[:, column]
        figures.append((f"true changes dated {what}", "share", ratio(sample, near, dates.true)))
    for column, within in enumerate(WITHIN):
        what = "in the very month" if within == 0 else f"within {within} month{'s' * (within > 1)}"
        near = dates.near[:, column]
        text = f"changes of the map with a true change {what}"
        figures.append((text, "share", ratio(sample, near, dates.mapped, from_map=True)))
    figures.append(("mean lag", "months", ratio(sample, dates.lag, dates.paired)))
    figures.append(("mean distance", "months", ratio(sample, dates.distance, dates.paired)))
    return figures
