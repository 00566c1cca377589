"""BFAST Monitor: do the newest months still follow the stable history?

Verbesselt et al. 2012, doi:10.1016/j.rse.2012.02.022.

    month = monitor(y, history=24)      # y (N, T) -> index of the detection (N,), -1 = none
    method = BFASTMonitor(band="NDVI").fit(train, validation)
    labels = method.predict(test)       # (N, T)

  1. Reverse-ordered CUSUM cuts the history to its stable end.
  2. Season and trend are fitted to the stable history.
  3. The moving sum of the later residuals (MOSUM) is compared with a boundary.

The method is a monitor: it dates a change when the boundary is crossed, months after the change
itself, and it finds one change. To label whole series, it starts again behind each break. It
finds nothing in the first `history` months, nor in so many months after a break. Months without
observation are left out, not filled.
"""

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from comparing.methods.segments import BreakMethod, running_sums
from comparing.methods.selection import as_grid
from utils.errors import InputError

YEAR = 12
PERIOD = 10  # the boundary holds its level up to 10 times the length of the history, as published
PATHS = 10_000  # simulated series behind a critical value
STEPS = 500  # of each path, for one length of the history
PATHS_AT_ONCE = 250
SHORTEST_STABLE = 6  # months between the first and last observation of a stable history


def regressors(steps, order, trend=True):
    """Level, trend if wanted, and season of `order` harmonics: (steps, 1 or 2 + 2 * order)."""
    month = np.arange(steps)
    year = 2 * np.pi * month[:, None] / YEAR
    angle = year * np.arange(1, order + 1)
    level = np.ones((steps, 1))
    slope = (month - month.mean())[:, None] / YEAR
    columns = [level, slope] if trend else [level]
    return np.concatenate([*columns, np.cos(angle), np.sin(angle)], axis=1)


def mosum_critical_value(h, level, seed=0):
    """Factor of the boundary that an unchanged series crosses with probability `level`."""
    crossings = highest_crossings(h, seed)
    return float(np.quantile(crossings, 1 - level))


@lru_cache
def highest_crossings(h, seed):
    """Largest ratio of the moving sum to the boundary in unchanged series: (PATHS,).

    Simulated from the limit process: increments over h of a Brownian bridge that is continued
    beyond 1 (Leisch et al. 2000).
    """
    random = np.random.default_rng(seed)
    time = np.arange(1, PERIOD * STEPS + 1) / STEPS
    height = boundary(time[STEPS:])
    window = round(h * STEPS)
    highest = []
    for _ in range(PATHS // PATHS_AT_ONCE):
        steps = random.standard_normal((PATHS_AT_ONCE, len(time)))
        walk = np.cumsum(steps, axis=1) / np.sqrt(STEPS)
        at_one = walk[:, [STEPS - 1]]
        bridge = walk - time * at_one
        increments = np.abs(bridge[:, window:] - bridge[:, :-window])
        beyond = increments[:, STEPS - window :]  # those that end beyond 1
        ratio = beyond / height
        highest.append(ratio.max(axis=1))
    return np.concatenate(highest)


def boundary(ratio):
    """Shape of the boundary: sqrt(2 log+ t), t = observations so far by those of the history."""
    logarithm = np.log(np.maximum(ratio, 1))
    return np.sqrt(2 * np.maximum(logarithm, 1))


@lru_cache
def cusum_critical_value(level):
    """Factor of the boundary of recursive CUSUM (Brown, Durbin and Evans 1975)."""

    def crossing(x):
        first = norm.sf(3 * x)
        second = np.exp(-4 * x**2) * (norm.cdf(x) + norm.cdf(5 * x) - 1)
        third = np.exp(-16 * x**2) * norm.sf(x)
        return 2 * (first + second - third)

    return brentq(lambda x: crossing(x) - level, 0.3, 10)


def compacted(use, *arrays):
    """Move the used months of every series to its front, in order; the others stand behind.

    Returns the order (N, T) and the arrays (N, T) in that order.
    """
    order = np.argsort(~use, axis=1, kind="stable")
    return order, [np.take_along_axis(array, order, axis=1) for array in arrays]


def stable_history(y, use, design, level):
    """Drop the start of a history that reverse-ordered CUSUM finds unlike its end.

    Pesaran and Timmermann 2002. y, use: (N, T). Returns the months (N, T) bool that are used and
    stable.
    """
    use_reversed = use[:, ::-1]
    y_reversed = np.nan_to_num(y)[:, ::-1]
    order, (values,) = compacted(use_reversed, y_reversed)
    rows = design[::-1][order]  # (N, T, p), newest observation first
    terms = design.shape[1] + 1
    count = use.sum(axis=1)
    residuals = recursive_residuals(values, rows)[:, terms:]
    crossing = first_crossing(residuals, count - terms, level)
    # A crossing at the i-th residual leaves the newest terms + i - 1 observations.
    kept = np.where(crossing > 0, terms + crossing - 1, count)
    newest = np.cumsum(use_reversed, axis=1)[:, ::-1]  # 1 = the newest observation used
    return use & (newest <= kept[:, None])


def first_crossing(residuals, count, level):
    """Number of the first residual at which their CUSUM crosses its boundary: (N,), 0 = none.

    residuals: (N, R), of which the first `count` (N,) are used.
    """
    place = np.arange(1, residuals.shape[1] + 1)
    inside = place <= count[:, None]
    length = np.maximum(count, 1)[:, None]
    known = np.where(inside, residuals, 0)
    mean = known.sum(axis=1, keepdims=True) / length
    squares = inside * (known - mean) ** 2
    spread = np.sqrt(squares.sum(axis=1, keepdims=True) / length)
    scale = np.maximum(spread * np.sqrt(length), 1e-12)
    process = np.abs(np.cumsum(known, axis=1)) / scale
    height = cusum_critical_value(level) * (1 + 2 * place / length)
    crossed = inside & (process > height)
    return np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, 0)


def recursive_residuals(values, rows):
    """Standardised one-step forecast errors from the (p + 2)-th observation on.

    values: (N, T); rows: the regressors (N, T, p). Returns (N, T).
    """
    count = rows.shape[2]
    terms = count + 1
    first = rows[:, :terms]
    squares = np.swapaxes(first, 1, 2) @ first
    inverse = np.linalg.inv(squares + 1e-9 * np.eye(count))
    beta = np.einsum("npq,ntq,nt->np", inverse, first, values[:, :terms])
    residuals = np.zeros(values.shape)
    for t in range(terms, values.shape[1]):
        row = rows[:, t]
        gain = np.einsum("npq,nq->np", inverse, row)
        variance = 1 + (row * gain).sum(axis=1)
        forecast = (row * beta).sum(axis=1)
        error = values[:, t] - forecast
        residuals[:, t] = error / np.sqrt(variance)
        beta = beta + gain * (error / variance)[:, None]
        update = gain[:, :, None] * gain[:, None, :]
        inverse = inverse - update / variance[:, None, None]
    return residuals


def monitor(
    y, *, history=24, start=0, order=1, trend=False, h=0.25, level=0.05, stable=True, critical=None
):
    """Month at which each series leaves what its history foretells.

    y: (N, T) float, NaN = no observation. history: months, from month `start` (an integer or (N,)).
    order: harmonics. trend: fit a trend too, as published; where monitoring is as long as the
    history, the trend raises false alarms at many times the level. h: window of the moving sum as a
    share of the history. level: of the boundary and of the test for a stable history. stable: cut
    the history to its stable end. critical: factor of the boundary, simulated when None. Returns
    (N,) int: index of the first month beyond the boundary; -1 = none, or too few observations.
    """
    if not 0 < h <= 1 or not 0 < level < 1 or history < 1:
        raise InputError(
            f"bfast monitor: h {h}, level {level}, history {history} found; "
            "expected 0 < h <= 1, 0 < level < 1 and a history of months"
        )
    y = np.asarray(y, np.float64)
    n, steps = y.shape
    month = np.arange(steps)
    start = np.broadcast_to(start, n)[:, None]
    end = start + history
    design = regressors(steps, order, trend)
    seen = np.isfinite(y)
    past = seen & (month >= start) & (month < end)
    future = seen & (month >= end)
    if stable and steps > design.shape[1] + 1:
        past = stable_history(y, past, design, level)
    residuals, fitted = history_residuals(y, past, design)
    factor = mosum_critical_value(h, level) if critical is None else critical
    usable = fitted & long_enough(past, h)
    return first_beyond(residuals, past, future & usable[:, None], h, factor)


def long_enough(past, h):
    """Histories (N, T) of half a year at least, with a window of a month at least: (N,) bool."""
    steps = past.shape[1]
    month = np.arange(steps)
    newest = np.where(past, month, -1).max(axis=1)
    oldest = np.where(past, month, steps).min(axis=1)
    window = np.floor(h * past.sum(axis=1))
    return (window > 0) & (newest - oldest >= SHORTEST_STABLE)


def first_beyond(residuals, past, future, h, factor):
    """Index of the first future month whose moving sum of residuals lies beyond the boundary.

    residuals, past, future: (N, T). Returns (N,) int, -1 = none.
    """
    count = past.sum(axis=1)[:, None]
    window = np.floor(h * count).astype(int)
    order, (values, is_future) = compacted(past | future, residuals, future)
    sums = running_sums(values)
    number = np.arange(1, residuals.shape[1] + 1)
    begin = np.maximum(number - window, 0)
    moving = sums[:, 1:] - np.take_along_axis(sums, begin, axis=1)
    height = factor * boundary(number / np.maximum(count, 1))
    beyond = (np.abs(moving) >= height) & is_future
    place = beyond.argmax(axis=1)[:, None]
    first = np.take_along_axis(order, place, axis=1)[:, 0]
    return np.where(beyond.any(axis=1), first, -1)


def history_residuals(y, past, design):
    """Residuals (N, T) from the fit to the past, scaled by their spread there and its length.

    Also returns (N,) bool: whether there are enough months to fit.
    """
    terms = design.shape[1]
    count = past.sum(axis=1)
    squares = np.einsum("nt,tp,tq->npq", past.astype(float), design, design)
    products = np.where(past, y, 0) @ design
    ridge = 1e-9 * np.eye(terms)
    beta = np.linalg.solve(squares + ridge, products[:, :, None])[:, :, 0]
    residuals = np.nan_to_num(y - beta @ design.T)
    errors = (past * residuals**2).sum(axis=1)
    spread = np.sqrt(errors / np.maximum(count - terms, 1))
    # A constant history would make any rounding error a break.
    largest = np.abs(np.nan_to_num(y)).max(axis=1, initial=0)
    floor = 1e-6 * largest + 1e-12
    scale = np.maximum(spread, floor) * np.sqrt(np.maximum(count, 1))
    return residuals / scale[:, None], count >= 1.5 * terms


class BFASTMonitor(BreakMethod):
    """BFAST Monitor, started again behind each break; a forest over all bands classes the segments.

    band: 'NDVI' or the name of a band. history, order, trend, h, level: as in `monitor`. A tuple
    holds candidates, of which the validation part chooses.
    """

    def __init__(
        self,
        *,
        band=("B8", "NDVI", "B11"),
        history=(9, 12, 18, 24, 30),
        order=1,
        trend=(False, True),
        h=(0.15, 0.25, 0.5),
        level=(0.01, 0.05, 0.2),
        trees=200,
        seed=0,
    ):
        grid = as_grid(band=band, history=history, order=order, trend=trend, h=h, level=level)
        super().__init__(grid, trees, seed)
        self.shortest = min(self.grid["history"]) + 1

    def breaks(self, y, *, history, **setting):
        """Detections, each the start of a new history."""
        breaks = np.zeros(y.shape, bool)
        start = np.zeros(len(y), int)
        rows = np.arange(len(y))
        while len(rows):
            found = monitor(y[rows], history=history, start=start[rows], **setting)
            changed = found >= 0
            rows, found = rows[changed], found[changed]
            breaks[rows, found] = True
            start[rows] = found
        return breaks
