"""Structural breaks of many series at once: the tests and the search behind BFAST.

Series of one length share the design and STL, and both are linear, so each step is one matrix
product. kind: 0 = trend, 1 = season. A break is the FIRST month of the new segment.
"""

from functools import lru_cache

import numpy as np
from statsmodels.tsa.seasonal import STL

from comparing.methods.segments import starts_from_breaks

YEAR = 12
# of trend, and as many of season: each costs one more pass over the table of segments
MOST_BREAKS = 6
# made-up series behind a critical value: its level is right to about 0.003 at 0.05
NULL_DRAWS = 20_000


@lru_cache
def designs(steps, harmonics):
    """Regressors of the trend (steps, 2) and of the season (steps, 2 * harmonics).

    The phase of the season is free, so that one design serves series that begin in any month.
    """
    time = np.arange(steps)
    angle = 2 * np.pi * time[:, None] / YEAR * np.arange(1, harmonics + 1)
    season = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    trend = np.stack([np.ones(steps), time - time.mean()], axis=1)
    return trend, season[:, : YEAR - 1]  # with six harmonics the last column, sin(pi t), is 0


@lru_cache
def stl_matrices(steps):
    """Matrices (steps, steps) that take series to their STL season (periodic) and trend.

    Cleveland et al. 1990. STL without robust weights is linear, so its answers to single impulses
    tell all.
    """
    seasons, trends = [], []
    for impulse in np.eye(steps):
        fit = STL(impulse, period=YEAR, seasonal=10 * steps + 1, seasonal_deg=0).fit()
        year = [fit.seasonal[month::YEAR].mean() for month in range(YEAR)]
        seasons.append(np.resize(year, steps))
        trends.append(fit.trend)
    return np.stack(seasons, axis=1), np.stack(trends, axis=1)


def residual_maker(design):
    """Matrix that takes series to their residuals from least squares on the design."""
    basis = np.linalg.qr(design)[0]
    return np.eye(len(design)) - basis @ basis.T


def trend_statistic(residuals, window):
    """OLS-MOSUM (Chu, Hornik and Kuan 1995): the largest moving sum of residuals (N, T): (N,)."""
    # sigma * sqrt(T), but for a constant that the critical value shares
    spread = np.sqrt((residuals**2).sum(axis=1))
    return np.abs(moving_sum(residuals, window)).max(axis=1) / np.maximum(spread, 1e-9)


def season_statistic(residuals, design):
    """CUSUM of scores (Zeileis 2005): the longest vector of summed residual times regressor.

    (N, T) -> (N,). Residuals themselves add up to nothing over a year, however the season changes.
    So OLS-MOSUM hardly sees a changed season.
    """
    spread = np.sqrt((residuals**2).sum(axis=1))
    length = sum(np.cumsum(residuals * regressor, axis=1) ** 2 for regressor in design.T)
    return np.sqrt(length.max(axis=1)) / np.maximum(spread, 1e-9)


def moving_sum(values, window):
    """Sums over `window` months: (N, T) -> (N, T - window + 1)."""
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    return sums[:, window:] - sums[:, :-window]


@lru_cache
def critical_values(steps, window, harmonics, level, seed=0):
    """Values that the statistics exceed with probability `level` where there is no break.

    Returns that of the trend and that of the season. They are found by passing seeded white noise
    through the first iteration, so they are exact for series of this length. The published tables
    are limits for long series.
    """
    noise = np.random.default_rng(seed).standard_normal((NULL_DRAWS, steps))
    trend_design, season_design = designs(steps, harmonics)
    trend, season = residual_maker(trend_design), residual_maker(season_design)
    deseasoned = (noise - noise @ stl_matrices(steps)[0].T) @ trend
    detrended = noise @ trend @ season
    return (
        np.quantile(trend_statistic(deseasoned, window), 1 - level),
        np.quantile(season_statistic(detrended, season_design), 1 - level),
    )


@lru_cache
def segment_bases(steps, kind, harmonics, shortest):
    """Orthonormal bases of the design on every segment: list of (start, stop, basis)."""
    design = designs(steps, harmonics)[kind]
    return [
        (start, stop, np.linalg.qr(design[start:stop])[0])
        for start in range(steps - shortest + 1)
        for stop in range(start + shortest, steps + 1)
    ]


def segment_rss(y, kind, harmonics, shortest):
    """Residual sum of squares of every segment start:stop of y (N, T).

    Returns (N, T + 1, T + 1), inf where a segment is too short.
    """
    rss = np.full((len(y), y.shape[1] + 1, y.shape[1] + 1), np.inf)
    squares = np.cumsum(np.pad(y**2, ((0, 0), (1, 0))), axis=1)
    for start, stop, basis in segment_bases(y.shape[1], kind, harmonics, shortest):
        explained = ((y[:, start:stop] @ basis) ** 2).sum(axis=1)
        rss[:, start, stop] = squares[:, stop] - squares[:, start] - explained
    return np.maximum(rss, 1e-9)  # a constant series has none left; its logarithm must stay finite


def breakpoints(y, kind, harmonics, shortest):
    """Find the breaks of series by dynamic programming (Bai and Perron 2003), their number by BIC.

    y: (N, T). shortest: months of the shortest segment. Returns (N, T) bool.
    """
    n, steps = y.shape
    rss = segment_rss(y, kind, harmonics, shortest)
    # one more term for the variance, as Zeileis et al. (2003) count
    terms = designs(steps, harmonics)[kind].shape[1] + 1
    cost, origins, totals = rss[:, 0], [], [rss[:, 0, -1]]
    for _ in range(min(steps // shortest - 1, MOST_BREAKS)):
        paths = cost[:, :, None] + rss  # (N, last break, stop)
        origins.append(paths.argmin(axis=1))
        cost = np.take_along_axis(paths, origins[-1][:, None], axis=1)[:, 0]
        totals.append(cost[:, -1])
    counts = np.arange(1, len(totals) + 1)
    bic = steps * np.log(np.stack(totals, axis=1)) + np.log(steps) * terms * counts  # (N, segments)
    chosen = bic.argmin(axis=1)
    breaks = np.zeros((n, steps), bool)
    stop = np.full(n, steps)
    for number in range(len(origins), 0, -1):  # from the last break back to the first
        rows = np.flatnonzero(chosen >= number)
        stop[rows] = origins[number - 1][rows, stop[rows]]
        breaks[rows, stop[rows]] = True
    return breaks


def piecewise_fit(y, breaks, kind, harmonics):
    """Least squares on the design, with coefficients of its own for each segment.

    y, breaks: (N, T). Returns the fitted values (N, T).
    """
    design = designs(y.shape[1], harmonics)[kind]
    first = np.flatnonzero(starts_from_breaks(breaks).ravel())
    rows = np.broadcast_to(design, (len(y), *design.shape)).reshape(y.size, -1)
    squares = np.add.reduceat(rows[:, :, None] * rows[:, None, :], first)
    products = np.add.reduceat(rows * y.ravel()[:, None], first)
    ridge = 1e-9 * np.eye(design.shape[1])
    coefficients = np.linalg.solve(squares + ridge, products[:, :, None])[:, :, 0]
    length = np.diff(np.append(first, y.size))
    return (rows * np.repeat(coefficients, length, axis=0)).sum(axis=1).reshape(y.shape)
