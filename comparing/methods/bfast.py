"""BFAST: breaks for additive season and trend (Verbesselt et al. 2010, doi:10.1016/j.rse.2009.08.014).

    trend_breaks, season_breaks = bfast(y, h=0.15, level=0.05)      # y (N, T), many series at a time
    method = BFAST(band="NDVI").fit(train, validation)
    labels = method.predict(test)                                   # (N, T)

As published: the season is taken off (at first by STL), the OLS-MOSUM test looks for breaks in the trend, Bai and
Perron's dynamic programming places them, BIC counts them; then the same for the season with the trend taken off; again
until no break moves. Months without observation are interpolated. Other than published:
  - least squares in place of M-estimation;
  - critical values are simulated for the length of the series, not those of the limit;
  - the season is tested by CUSUM of scores, since OLS-MOSUM hardly sees a changed season;
  - a second start looks at the season first, a third lets trend and season break in the same month (as where the land
    cover changes), and the best of the three by BIC stands: from the published start alone a changed season is often
    taken for breaks of the trend, and stays so.

All steps run on many series together: series of one length share design and STL, both linear, so each is one matrix.
A break is the FIRST month of the new segment. Less than two years of months hold no season to tell from a trend: such
series stay one segment. No break lies closer than h * T months to either end or to the next one; at most six are found.
"""

from functools import lru_cache, partial

import numpy as np
from statsmodels.tsa.seasonal import STL

from comparing.methods.segments import BreakMethod, filled, starts_from_breaks
from comparing.methods.selection import as_grid
from utils.errors import InputError

YEAR = 12
SHORTEST_SERIES = 2 * YEAR
MOST_BREAKS = (
    6  # of trend, and as many of season: each costs one more pass over the table of segments
)
CHUNK = 1000  # series at a time: the table of all segments of 60 months is then 30 MB
NULL_DRAWS = (
    20_000  # made-up series behind a critical value: its level is right to about 0.003 at 0.05
)


@lru_cache
def designs(steps, harmonics):
    """Regressors of the trend (steps, 2) and of the season (steps, 2 * harmonics).

    The phase of the season is free, so that one design serves series that begin in any month.
    """
    time = np.arange(steps)
    angle = 2 * np.pi * time[:, None] / YEAR * np.arange(1, harmonics + 1)
    season = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    return np.stack([np.ones(steps), time - time.mean()], axis=1), season[
        :, : YEAR - 1
    ]  # sin(pi t) is 0


@lru_cache
def stl_matrices(steps):
    """Matrices (steps, steps) that take series to their STL season (periodic) and trend (Cleveland
    et al. 1990).

    STL without robust weights is linear, so that its answers to single impulses tell all.
    """
    fits = [
        STL(impulse, period=YEAR, seasonal=10 * steps + 1, seasonal_deg=0).fit()
        for impulse in np.eye(steps)
    ]
    season = [
        np.resize([fit.seasonal[month::YEAR].mean() for month in range(YEAR)], steps)
        for fit in fits
    ]
    return np.stack(season, axis=1), np.stack([fit.trend for fit in fits], axis=1)


def residual_maker(design):
    """Matrix that takes series to their residuals from least squares on the design."""
    basis = np.linalg.qr(design)[0]
    return np.eye(len(design)) - basis @ basis.T


def trend_statistic(residuals, window):
    """OLS-MOSUM (Chu, Hornik and Kuan 1995): the largest moving sum of residuals, (N, T) ->
    (N,).
    """
    spread = np.sqrt(
        (residuals**2).sum(axis=1)
    )  # sigma * sqrt(T), but for a constant that the critical value shares
    return np.abs(moving_sum(residuals, window)).max(axis=1) / np.maximum(spread, 1e-9)


def season_statistic(residuals, design):
    """CUSUM of scores (Zeileis 2005): the longest vector of summed residual times regressor, (N, T)
    -> (N,).

    Residuals themselves add up to nothing over a year however the season changes, so that OLS-MOSUM
    hardly sees it.
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
    """Values that the statistics of trend and of season exceed with probability `level` when there
    is no break.

    Found by passing seeded white noise through the first iteration: exact for series of this
    length, where the published tables are limits for long ones.
    """
    noise = np.random.default_rng(seed).standard_normal((NULL_DRAWS, steps))
    trend, season = (residual_maker(design) for design in designs(steps, harmonics))
    detrended = (noise - noise @ stl_matrices(steps)[0].T) @ trend
    deseasoned = noise @ trend @ season
    statistics = (
        trend_statistic(detrended, window),
        season_statistic(deseasoned, designs(steps, harmonics)[1]),
    )
    return tuple(np.quantile(statistic, 1 - level) for statistic in statistics)


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
    """Residual sum of squares of every segment start:stop of y (N, T): (N, T + 1, T + 1), inf where
    too short.
    """
    rss = np.full((len(y), y.shape[1] + 1, y.shape[1] + 1), np.inf)
    squares = np.cumsum(np.pad(y**2, ((0, 0), (1, 0))), axis=1)
    for start, stop, basis in segment_bases(y.shape[1], kind, harmonics, shortest):
        explained = ((y[:, start:stop] @ basis) ** 2).sum(axis=1)
        rss[:, start, stop] = squares[:, stop] - squares[:, start] - explained
    return np.maximum(rss, 1e-9)  # a constant series has none left; its logarithm must stay finite


def breakpoints(y, kind, harmonics, shortest):
    """Number (by BIC) and place of breaks by dynamic programming (Bai and Perron 2003): y (N, T) ->
    (N, T) bool.

    kind: 0 = trend, 1 = season. shortest: months of the shortest segment.
    """
    n, steps = y.shape
    rss = segment_rss(y, kind, harmonics, shortest)
    terms = (
        designs(steps, harmonics)[kind].shape[1] + 1
    )  # with the variance, as Zeileis et al. (2003) count
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
    """Least squares on the design, a set of coefficients a segment: y, breaks (N, T) -> fitted (N,
    T).
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
        breaks[:, part] = _bfast(scaled(filled(y[part])), h, level, harmonics, iterations)
    return breaks[0], breaks[1]


def scaled(y):
    """Series with mean 0 and variance 1; a constant one becomes 0: its rounding errors are no
    change.
    """
    centred = y - y.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    flat = spread <= 1e-6 * np.abs(y).max(axis=1, keepdims=True)
    return np.where(flat, 0, centred / np.where(flat, 1, spread))


def _bfast(y, h, level, harmonics, iterations):
    """Breaks (2, N, T) of scaled series: the best by BIC of three starts, the last for series that
    do have a break.
    """
    steps = y.shape[1]
    find = partial(find_breaks, h=h, level=level, harmonics=harmonics)
    stl_season, stl_trend = (y @ matrix.T for matrix in stl_matrices(steps))
    season_first = piecewise_fit(y - stl_trend, find(y - stl_trend, 1), 1, harmonics)
    (breaks, cost), (other, other_cost) = (
        iterate(y, start, find, harmonics, iterations) for start in (stl_season, season_first)
    )
    breaks, cost = (
        np.where((other_cost < cost)[:, None], other, breaks),
        np.minimum(cost, other_cost),
    )
    rows = np.flatnonzero(breaks.any(axis=(0, 2)))
    if len(rows) == 0:
        return breaks
    other, other_cost = iterate(
        y[rows], season_of_joint_break(y[rows], harmonics), find, harmonics, iterations
    )
    better = other_cost < cost[rows]
    breaks[:, rows[better]] = other[:, better]
    return breaks


@lru_cache
def joint_designs(steps, harmonics):
    """Regressors of a trend and a season that break in one month, and their pseudo-inverse, for
    each such month.
    """
    trend, season = designs(steps, harmonics)
    pairs = []
    for month in range(YEAR, steps - YEAR + 1):
        after = (np.arange(steps) >= month)[:, None]
        design = np.concatenate(
            [trend * after, trend * ~after, season * after, season * ~after], axis=1
        )
        pairs.append((design, np.linalg.pinv(design)))
    return pairs


def season_of_joint_break(y, harmonics):
    """Season (N, T) of the least squares fit in which trend and season break together in the best
    month.
    """
    least, season = np.full(len(y), np.inf), np.zeros_like(y)
    for design, inverse in joint_designs(y.shape[1], harmonics):
        coefficients = y @ inverse.T
        rss = ((y - coefficients @ design.T) ** 2).sum(axis=1)
        better = rss < least
        least[better] = rss[better]
        season[better] = (
            coefficients[better, 4:] @ design[:, 4:].T
        )  # behind two levels and two slopes
    return season


def find_breaks(y, kind, *, h, level, harmonics):
    """Breaks (N, T) of trend (kind 0) or season (1), where the test says that there is one."""
    steps = y.shape[1]
    design = designs(steps, harmonics)[kind]
    window = max(int(h * steps), 2)
    shortest = max(window, (3, YEAR)[kind])  # months: a season shows in no less than a year
    residuals = y @ residual_maker(design)
    statistic = season_statistic(residuals, design) if kind else trend_statistic(residuals, window)
    breaks = np.zeros(y.shape, bool)
    doubtful = statistic > critical_values(steps, window, harmonics, level)[kind]
    breaks[doubtful] = breakpoints(y[doubtful], kind, harmonics, shortest)
    return breaks


def iterate(y, season, find, harmonics, iterations):
    """Take turns at trend and season until no break moves: breaks (2, N, T) and their BIC (N,)."""
    breaks, rest = np.zeros((2, *y.shape), bool), np.zeros_like(y)
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
        left = left[(breaks[:, left] != before).any(axis=(0, 2))]
        if len(left) == 0:
            break
    steps = y.shape[1]
    terms = [design.shape[1] + 1 for design in designs(steps, harmonics)]
    count = (breaks.sum(axis=2) * np.reshape(terms, (2, 1))).sum(axis=0)
    return breaks, steps * np.log(np.maximum((rest**2).sum(axis=1), 1e-9)) + np.log(steps) * count


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
        """Breaks of trend and season together; a season break beside one of the trend is the same
        event.
        """
        trend, season = bfast(y, h=h, **setting)
        reach = max(int(h * y.shape[1]), 2)
        near = moving_sum(np.pad(trend, ((0, 0), (reach, reach))).astype(int), 2 * reach + 1) > 0
        return trend | (season & ~near)
