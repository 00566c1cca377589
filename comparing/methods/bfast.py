"""BFAST: breaks for additive season and trend.

Verbesselt et al. 2010, doi:10.1016/j.rse.2009.08.014.

    trend_breaks, season_breaks = bfast(y, h=0.15, level=0.05)   # y (N, T), many series at a time
    method = BFAST(band="NDVI").fit(train, validation)
    labels = method.predict(test)                                # (N, T)

The steps are as published:

  1. The season is taken off. At first STL finds it.
  2. The OLS-MOSUM test looks for breaks in the trend. The dynamic programming of Bai and Perron
     places them, and BIC counts them.
  3. The same is done for the season with the trend taken off.
  4. Steps 1 to 3 are done again until no break moves.

Months without observation are interpolated. These points differ from the publication:

  - Least squares takes the place of M-estimation.
  - Critical values are simulated for the length of the series. The published ones are limits.
  - The season is tested by CUSUM of scores. OLS-MOSUM hardly sees a changed season.
  - There are two more starts: one looks at the season first, one lets trend and season break in the
    same month, as where the land cover changes. The best of the three by BIC stands. From the
    published start alone, a changed season is often taken for breaks of the trend.

A break is the FIRST month of the new segment. Series shorter than two years stay one segment: their
season cannot be told from a trend. No break lies closer than h * T months to either end or to the
next break. At most six breaks of trend and six of season are found.
"""

from functools import lru_cache, partial

import numpy as np

from comparing.methods.segments import BreakMethod, filled
from comparing.methods.selection import as_grid
from comparing.methods.structural_breaks import (
    TINY,
    YEAR,
    breakpoints,
    critical_values,
    designs,
    moving_sum,
    piecewise_fit,
    residual_maker,
    season_statistic,
    stl_matrices,
    trend_statistic,
)
from utils.errors import InputError

SHORTEST_SERIES = 2 * YEAR
CHUNK = 1000  # series at a time: the table of all segments of 60 months is then 30 MB


def bfast(y, *, h=0.15, level=0.05, harmonics=3, iterations=10):
    """Months of breaks in trend and in season, the published method on many series at once.

    y: (N, T) float, NaN = no observation. h: shortest segment as a share of T. level: of the
    OLS-MOSUM test. harmonics: of the season. Returns two (N, T) bool arrays, True at the first
    month after a break. Raises InputError for h or level out of range.
    """
    if not 0 < h <= 0.5 or not 0 < level < 1:
        raise InputError(
            f"bfast: h {h} and level {level} found; expected 0 < h <= 0.5 and 0 < level < 1"
        )
    y = np.asarray(y, np.float64)
    breaks = np.zeros((2, *y.shape), bool)
    if y.shape[1] < SHORTEST_SERIES:
        return breaks[0], breaks[1]
    for start in range(0, len(y), CHUNK):
        part = slice(start, start + CHUNK)
        series = scaled(filled(y[part]))
        breaks[:, part] = _bfast(series, h, level, harmonics, iterations)
    return breaks[0], breaks[1]


def scaled(y):
    """Scale series to mean 0 and variance 1.

    A constant series becomes 0, so that its rounding errors are no change.
    """
    centred = y - y.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    largest = np.abs(y).max(axis=1, keepdims=True)
    flat = spread <= 1e-6 * largest
    spread = np.where(flat, 1, spread)
    return np.where(flat, 0, centred / spread)


def _bfast(y, h, level, harmonics, iterations):
    """Breaks (2, N, T) of scaled series: the best by BIC of three starts.

    The third start, a joint break, is tried only for series that do have a break.
    """
    find = partial(find_breaks, h=h, level=level, harmonics=harmonics)
    run = partial(iterate, find=find, harmonics=harmonics, iterations=iterations)
    to_season, to_trend = stl_matrices(y.shape[1])
    stl_season = y @ to_season.T
    detrended = y - y @ to_trend.T
    season_first = piecewise_fit(detrended, find(detrended, 1), 1, harmonics)
    breaks, cost = run(y, stl_season)
    other, other_cost = run(y, season_first)
    better = (other_cost < cost)[:, None]
    breaks = np.where(better, other, breaks)
    cost = np.minimum(cost, other_cost)
    rows = np.flatnonzero(breaks.any(axis=(0, 2)))
    if len(rows) == 0:
        return breaks
    part = y[rows]
    other, other_cost = run(part, season_of_joint_break(part, harmonics))
    better = other_cost < cost[rows]
    breaks[:, rows[better]] = other[:, better]
    return breaks


@lru_cache
def joint_designs(steps, harmonics):
    """Regressors of a trend and a season that break in one month, for each month that can break.

    Returns a list of (regressors, pseudo-inverse). The first four columns are those of the trend.
    """
    trend, season = designs(steps, harmonics)
    pairs = []
    for month in range(YEAR, steps - YEAR + 1):
        after = (np.arange(steps) >= month)[:, None]
        columns = [trend * after, trend * ~after, season * after, season * ~after]
        design = np.concatenate(columns, axis=1)
        pairs.append((design, np.linalg.pinv(design)))
    return pairs


def season_of_joint_break(y, harmonics):
    """Season (N, T) of the best fit in which trend and season break in the same month."""
    least = np.full(len(y), np.inf)
    season = np.zeros_like(y)
    for design, inverse in joint_designs(y.shape[1], harmonics):
        coefficients = y @ inverse.T
        fitted = coefficients @ design.T
        rss = ((y - fitted) ** 2).sum(axis=1)
        better = rss < least
        least[better] = rss[better]
        season[better] = coefficients[better, 4:] @ design[:, 4:].T
    return season


def find_breaks(y, kind, *, h, level, harmonics):
    """Breaks (N, T) of trend (kind 0) or season (1), where the test says that there is one."""
    steps = y.shape[1]
    design = designs(steps, harmonics)[kind]
    window = max(int(h * steps), 2)
    shortest = max(window, (3, YEAR)[kind])  # months: a season shows in no less than a year
    residuals = y @ residual_maker(design)
    if kind == 1:
        statistic = season_statistic(residuals, design)
    else:
        statistic = trend_statistic(residuals, window)
    breaks = np.zeros(y.shape, bool)
    critical = critical_values(steps, window, harmonics, level)
    doubtful = statistic > critical[kind]
    breaks[doubtful] = breakpoints(y[doubtful], kind, harmonics, shortest)
    return breaks


def iterate(y, season, find, harmonics, iterations):
    """Take turns at trend and season until no break moves: breaks (2, N, T) and their BIC (N,)."""
    breaks = np.zeros((2, *y.shape), bool)
    rest = np.zeros_like(y)
    left = np.arange(len(y))  # series whose breaks still move
    for _ in range(iterations):
        before = breaks[:, left]
        part = y[left] - season[left]
        for kind in (0, 1):
            found = find(part, kind)
            breaks[kind, left] = found
            fitted = piecewise_fit(part, found, kind, harmonics)
            rest[left] = part - fitted
            part = y[left] - fitted  # what the other component has to explain
        season[left] = fitted
        moved = (breaks[:, left] != before).any(axis=(0, 2))
        left = left[moved]
        if len(left) == 0:
            break
    return breaks, bic_of(breaks, rest, harmonics)


def bic_of(breaks, rest, harmonics):
    """BIC (N,) of a set of breaks (2, N, T), from what they leave over, rest (N, T)."""
    steps = rest.shape[1]
    trend, season = designs(steps, harmonics)
    of_trend, of_season = breaks.sum(axis=2)
    terms = of_trend * (trend.shape[1] + 1) + of_season * (season.shape[1] + 1)
    rss = np.maximum((rest**2).sum(axis=1), TINY)
    return steps * np.log(rss) + np.log(steps) * terms


class BFAST(BreakMethod):
    """BFAST on one band or index; a random forest over all bands gives each segment its class.

    band: 'NDVI' or the name of a band. h, level, harmonics: as in `bfast`. A tuple holds
    candidates, of which the validation part chooses.
    """

    shortest = SHORTEST_SERIES

    def __init__(
        self,
        *,
        band=("B8", "NDVI", "B11"),
        h=(0.05, 0.1, 0.15, 0.25),
        level=(0.01, 0.05, 0.2, 0.5),
        harmonics=(1, 3),
        trees=200,
        seed=0,
    ):
        super().__init__(as_grid(band=band, h=h, level=level, harmonics=harmonics), trees, seed)

    def breaks(self, y, *, h, **setting):
        """Breaks of trend and season together: (N, T) bool.

        A break of the season beside a break of the trend is the same event.
        """
        trend, season = bfast(y, h=h, **setting)
        reach = max(int(h * y.shape[1]), 2)
        padded = np.pad(trend, ((0, 0), (reach, reach))).astype(int)
        near = moving_sum(padded, 2 * reach + 1) > 0
        return trend | (season & ~near)
