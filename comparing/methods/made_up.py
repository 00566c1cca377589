"""Made-up NDVI series with known breaks, to check break detection.

    y = made_up_series(100, trend_break=30, magnitude=-0.2, noise=0.03)          # (100, 72)

They follow the simulation of Verbesselt et al. (2010): a season of bell-shaped curves (amplitude
0.1 to 0.5 NDVI), a trend with abrupt changes (those above 0.1 NDVI are found), and noise
(standard deviation 0.01 to 0.07 NDVI). The paper has 16-day steps; here the steps are months.
"""

import numpy as np

YEAR = 12


def season_curve(steps, amplitude, peak, width):
    """One bell curve per year: amplitude in NDVI, peak and width in months, arrays (N,).

    Returns (N, steps).
    """
    month = np.arange(steps)
    # Distance to the nearest peak, before or after it.
    away = (month[None, :] - peak[:, None] + YEAR / 2) % YEAR - YEAR / 2
    return amplitude[:, None] * np.exp(-((away / width[:, None]) ** 2))


def made_up_series(
    count,
    *,
    steps=72,
    trend_break=None,
    season_break=None,
    magnitude=-0.3,
    amplitude=0.3,
    noise=0.02,
    slope=0.0,
    seed=0,
):
    """Series of season + trend + noise with a known break each.

    trend_break, season_break: index of the FIRST month after the break, (count,) integers or one
    for all; None = none. magnitude: step of the trend (NDVI). amplitude: of the season (NDVI); at a
    season break its peak moves by half a year. noise: standard deviation (NDVI). slope: NDVI per
    year. Returns (count, steps) float64.
    """
    random = np.random.default_rng(seed)
    month = np.arange(steps)
    peak = random.uniform(0, YEAR, count)
    width = random.uniform(2, 3, count)
    amplitude = np.full(count, float(amplitude))
    y = season_curve(steps, amplitude, peak, width)
    if season_break is not None:
        after = month >= np.reshape(season_break, (-1, 1))
        y = np.where(after, season_curve(steps, amplitude, peak + YEAR / 2, width), y)
    if trend_break is not None:
        y = y + magnitude * (month >= np.reshape(trend_break, (-1, 1)))
    return 0.3 + slope * month / YEAR + y + noise * random.standard_normal((count, steps))
