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
    candidates = sorted((abs(late - month), late, month) for late in mapped for month in true)
    used_mapped, used_true, lags = set(), set(), []
    for distance, late, month in candidates:  # closest first
        if distance > apart:
            break
        if late in used_mapped or month in used_true:
            continue
        used_mapped.add(late)
        used_true.add(month)
        lags.append(late - month)
    return np.array(lags, int)


def dates_of(mapped, reference, apart=12):
    """Dates of labels mapped and reference, (n, T)."""
    true, found = change_months(reference), change_months(mapped)
    count = len(true)
    near = np.zeros((count, len(WITHIN)))
    paired, lag, distance = np.zeros((3, count))
    both = true.any(axis=1) & found.any(axis=1)
    for point in np.flatnonzero(both):
        months = np.flatnonzero(true[point]).tolist()
        mapped_months = np.flatnonzero(found[point]).tolist()
        lags = pairs(months, mapped_months, apart)
        lengths = np.abs(lags)
        near[point] = [(lengths <= within).sum() for within in WITHIN]
        paired[point] = len(lags)
        lag[point] = lags.sum()
        distance[point] = lengths.sum()
    return Dates(true.sum(axis=1), found.sum(axis=1), near, paired, lag, distance)


def date_estimates(sample, dates):
    """Figures of the months of change: list of (what, unit, Estimates of one figure).

    Shares of changes, and mean lags in months; each is a ratio of totals over the area.
    """
    when = ("in the very month", "within 1 month", "within 3 months")
    figures = []
    for text, near in zip(when, dates.near.T):
        estimate = ratio(sample, near, dates.true)
        figures.append((f"true changes dated {text}", "share", estimate))
    for text, near in zip(when, dates.near.T):
        estimate = ratio(sample, near, dates.mapped, from_map=True)
        figures.append((f"changes of the map with a true change {text}", "share", estimate))
    lag = ratio(sample, dates.lag, dates.paired)
    distance = ratio(sample, dates.distance, dates.paired)
    return [*figures, ("mean lag", "months", lag), ("mean distance", "months", distance)]
