"""Structural breaks of many series at once: the tests and the search behind BFAST.

Series of one length share the design and STL, and both are linear, so each step is one matrix
product. kind: 0 = trend, 1 = season. A break is the FIRST month of the new segment.
"""

from functools import lru_cache

import numpy as np
from statsmodels.tsa.seasonal import STL

from comparing.methods.segments import running_sums, starts_from_breaks

YEAR = 12
# of trend, and as many of season: each costs one more pass over the table of segments
MOST_BREAKS = 6
# made-up series behind a critical value: its level is right to about 0.003 at 0.05
NULL_DRAWS = 20_000
TINY = 1e-9  # keeps a division or a logarithm of nothing finite


@lru_cache
def designs(steps, harmonics):
    """Regressors of the trend (steps, 2) and of the season (steps, 2 * harmonics).

    The phase of the season is free, so that one design serves series that begin in any month.
    """
    time = np.arange(steps)
    year = 2 * np.pi * time[:, None] / YEAR
    angle = year * np.arange(1, harmonics + 1)
    level = np.ones(steps)
    slope = time - time.mean()
    trend = np.stack([level, slope], axis=1)
    season = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    return trend, season[:, : YEAR - 1]  # with six harmonics the last column, sin(pi t), is 0


@lru_cache
def stl_matrices(steps):
    """Matrices (steps, steps) that take series to their STL season (periodic) and trend.

    Cleveland et al. 1990. STL without robust weights is linear, so its answers to single impulses
    tell all.
    """
    seasons, trends = [], []
    for impulse in np.eye(steps):
        stl = STL(impulse, period=YEAR, seasonal=10 * steps + 1, seasonal_deg=0)
        fit = stl.fit()
        year = [fit.seasonal[month::YEAR].mean() for month in range(YEAR)]
        seasons.append(np.resize(year, steps))
        trends.append(fit.trend)
    return np.stack(seasons, axis=1), np.stack(trends, axis=1)


def residual_maker(design):
    """Matrix that takes series to their residuals from least squares on the design."""
    basis, _ = np.linalg.qr(design)
    projection = basis @ basis.T
    return np.eye(len(design)) - projection


def trend_statistic(residuals, window):
    """OLS-MOSUM (Chu, Hornik and Kuan 1995): the largest moving sum of residuals (N, T): (N,)."""
    sums = np.abs(moving_sum(residuals, window))
    return sums.max(axis=1) / root_of_squares(residuals)


def season_statistic(residuals, design):
    """CUSUM of scores (Zeileis 2005): the longest vector of summed residual times regressor.

    (N, T) -> (N,). Residuals themselves add up to nothing over a year, however the season changes.
    So OLS-MOSUM hardly sees a changed season.
    """
    length = 0
    for regressor in design.T:
        scores = np.cumsum(residuals * regressor, axis=1)
        length = length + scores**2
    longest = np.sqrt(length.max(axis=1))
    return longest / root_of_squares(residuals)


def root_of_squares(residuals):
    """sigma * sqrt(T) but for a constant, which the critical value shares: (N, T) -> (N,)."""
    squares = (residuals**2).sum(axis=1)
    return np.maximum(np.sqrt(squares), TINY)


def moving_sum(values, window):
    """Sums over `window` months: (N, T) -> (N, T - window + 1)."""
    sums = running_sums(values)
    return sums[:, window:] - sums[:, :-window]


@lru_cache
def critical_values(steps, window, harmonics, level, seed=0):
    """Values that the statistics exceed with probability `level` where there is no break.

    Returns that of the trend and that of the season. They are found by passing seeded white noise
    through the first iteration, so they are exact for series of this length. The published tables
    are limits for long series.
    """
    random = np.random.default_rng(seed)
    noise = random.standard_normal((NULL_DRAWS, steps))
    trend_design, season_design = designs(steps, harmonics)
    trend = residual_maker(trend_design)
    season = residual_maker(season_design)
    stl_season, _ = stl_matrices(steps)
    deseasoned = (noise - noise @ stl_season.T) @ trend
    detrended = noise @ trend @ season
    of_trend = trend_statistic(deseasoned, window)
    of_season = season_statistic(detrended, season_design)
    return np.quantile(of_trend, 1 - level), np.quantile(of_season, 1 - level)


@lru_cache
def segment_bases(steps, kind, harmonics, shortest):
    """Orthonormal bases of the design on every segment: list of (start, stop, basis)."""
    design = designs(steps, harmonics)[kind]
    bases = []
    for start in range(steps - shortest + 1):
        for stop in range(start + shortest, steps + 1):
            basis, _ = np.linalg.qr(design[start:stop])
            bases.append((start, stop, basis))
    return bases


def segment_rss(y, kind, harmonics, shortest):
    """Residual sum of squares of every segment start:stop of y (N, T).

    Returns (N, T + 1, T + 1), inf where a segment is too short.
    """
    n, steps = y.shape
    rss = np.full((n, steps + 1, steps + 1), np.inf)
    squares = running_sums(y**2)
    for start, stop, basis in segment_bases(steps, kind, harmonics, shortest):
        scores = y[:, start:stop] @ basis
        explained = (scores**2).sum(axis=1)
        total = squares[:, stop] - squares[:, start]
        rss[:, start, stop] = total - explained
    return np.maximum(rss, TINY)  # a constant series has none left; its logarithm must stay finite


def breakpoints(y, kind, harmonics, shortest):
    """Find the breaks of series by dynamic programming (Bai and Perron 2003), their number by BIC.

    y: (N, T). shortest: months of the shortest segment. Returns (N, T) bool.
    """
    steps = y.shape[1]
    rss = segment_rss(y, kind, harmonics, shortest)
    cost = rss[:, 0]  # (N, stop): of the best segments up to there
    origins, totals = [], [cost[:, -1]]
    for _ in range(min(steps // shortest - 1, MOST_BREAKS)):
        paths = cost[:, :, None] + rss  # (N, last break, stop)
        origin = paths.argmin(axis=1)
        best = np.take_along_axis(paths, origin[:, None], axis=1)
        cost = best[:, 0]
        origins.append(origin)
        totals.append(cost[:, -1])
    # one more term for the variance, as Zeileis et al. (2003) count
    terms = designs(steps, harmonics)[kind].shape[1] + 1
    counts = np.arange(1, len(totals) + 1)
    fit = steps * np.log(np.stack(totals, axis=1))  # (N, segments)
    bic = fit + np.log(steps) * terms * counts
    return traced_back(origins, bic.argmin(axis=1), steps)


def traced_back(origins, count, steps):
    """The breaks (N, T) bool of the best path with `count` (N,) breaks.

    origins: for each number of breaks, the last break before each stop, (N, T + 1).
    """
    n = len(count)
    breaks = np.zeros((n, steps), bool)
    stop = np.full(n, steps)
    for number in range(len(origins), 0, -1):  # from the last break back to the first
        rows = np.flatnonzero(count >= number)
        origin = origins[number - 1]
        stop[rows] = origin[rows, stop[rows]]
        breaks[rows, stop[rows]] = True
    return breaks


def piecewise_fit(y, breaks, kind, harmonics):
    """Least squares on the design, with coefficients of its own for each segment.

    y, breaks: (N, T). Returns the fitted values (N, T).
    """
    n, steps = y.shape
    design = designs(steps, harmonics)[kind]
    terms = design.shape[1]
    starts = starts_from_breaks(breaks).ravel()
    first = np.flatnonzero(starts)
    length = np.diff(np.append(first, y.size))
    rows = np.broadcast_to(design, (n, steps, terms)).reshape(y.size, terms)
    pairs = rows[:, :, None] * rows[:, None, :]
    values = rows * y.ravel()[:, None]
    squares = np.add.reduceat(pairs, first)  # (S, terms, terms)
    products = np.add.reduceat(values, first)  # (S, terms)
    ridge = TINY * np.eye(terms)
    coefficients = np.linalg.solve(squares + ridge, products[:, :, None])[:, :, 0]
    each_month = np.repeat(coefficients, length, axis=0)
    return (rows * each_month).sum(axis=1).reshape(n, steps)
