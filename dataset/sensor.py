"""What Sentinel-2 makes of a month: looks through the air, edges that shift, noise, the median of
the clear looks.
"""

import numpy as np

from dataset.climate import MAX_LOOKS, MONTHS
from dataset.surfaces import CENTRES
from dataset.vegetation import SKY_LIGHT

HAZE = np.clip(
    (CENTRES / 492) ** -1.6, 0, None
)  # residual aerosol: path reflectance falls with the wavelength
CIRRUS = np.array([1, 1, 1, 1, 1, 0.98, 0.97, 0.96, 0.55, 0.35])
CLOUD = np.array(
    [0.62, 0.61, 0.63, 0.64, 0.65, 0.66, 0.67, 0.67, 0.45, 0.33]
)  # thick cloud, judgement
SNOW = np.array(
    [0.85, 0.86, 0.86, 0.85, 0.83, 0.81, 0.78, 0.75, 0.09, 0.08]
)  # after Warren 1982, old snow, rounded
NOISE = np.array(
    [0.0022, 0.0020, 0.0022, 0.0028, 0.0034, 0.0036, 0.0038, 0.0038, 0.0032, 0.0032]
)  # a look, one sigma


def looks(rng, site, n):
    """Which of a month's six looks each pixel has, (n, T, L) bool: cloud is shared by the site, its
    edges are not.
    """
    common = rng.random((MONTHS, MAX_LOOKS)) < site.clear[:, None]
    return common & (rng.random((n, MONTHS, MAX_LOOKS)) > 0.10)


def observe(rng, site, own, neighbour, edge):
    """Monthly medians, (n, T, 10) reflectance with NaN where no look was clear.

    own, neighbour (n, T, 10): reflectance of the pixel's cover and of what lies beside it.
    edge (n,): the neighbour's share.
    """
    n = len(own)
    clear = looks(rng, site, n)
    # registration: edges move by some metres between looks
    shift = rng.normal(0, 0.035, (1, MONTHS, MAX_LOOKS)) * (edge > 0.02)[:, None, None]
    share = np.clip(edge[:, None, None] + shift, 0, 0.45)[..., None]  # (n, T, L, 1)
    seen = own[:, :, None] * (1 - share) + neighbour[:, :, None] * share  # (n, T, L, 10)

    # View angle: neighbouring orbits see ground that is up to 5 % brighter or darker (Roy et al.
    # 2017)
    view = rng.uniform(-1, 1, (1, MONTHS, MAX_LOOKS, 1)) * rng.uniform(0.01, 0.05, (n, 1, 1, 1))
    seen = seen * (1 + view)

    size = (n, MONTHS, MAX_LOOKS, 1)
    air = rng.normal(0.002, 0.007, (1, MONTHS, MAX_LOOKS, 1)) + rng.normal(0, 0.0015, size)
    cirrus = (rng.random((1, MONTHS, MAX_LOOKS, 1)) < 0.12) * rng.exponential(0.012, size)
    seen = seen * (1 - 1.2 * (np.abs(air) + cirrus)) + air * HAZE + cirrus * CIRRUS

    missed = 0.015 + 0.05 * (1 - site.clear)[None, :, None, None]  # cloud that the mask let through
    cover = (rng.random(size) < missed) * rng.beta(1.0, 2.5, size)
    seen = seen * (1 - cover) + CLOUD * cover
    dark = (rng.random(size) < missed) * rng.beta(2, 2, size)  # and its shadow
    seen = seen * (1 - dark * (1 - SKY_LIGHT))

    seen = seen * (1 + rng.normal(0, 0.010, size)) + rng.standard_normal(seen.shape) * (
        NOISE + 0.012 * seen
    )
    return median(seen, clear)


def median(seen, clear):
    """Median over the looks that are clear, (n, T, L, 10) and (n, T, L) -> (n, T, 10); NaN where
    there is none.
    """
    ordered = np.sort(np.where(clear[..., None], seen, np.inf), axis=2)
    count = clear.sum(2)[..., None, None]  # (n, T, 1, 1)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, 2)[:, :, 0]
    high = np.take_along_axis(ordered, np.clip(count // 2, 0, MAX_LOOKS - 1), 2)[:, :, 0]
    return np.where(count[:, :, 0] > 0, (low + high) / 2, np.nan)


def snowfall(rng, site, ground, hold):
    """Ground with the month's snow on it. hold (n, T) or (n, 1): how much of it shows."""
    share = np.clip(site.snow * hold * rng.uniform(0.6, 1.1, (len(ground), MONTHS)), 0, 1)[
        ..., None
    ]
    return ground * (1 - share) + SNOW * share


def offset(rng, counts):
    """Counts (n, T, 10) of 1e-4; a few series 1000 too high from a month of the last year on, as
    after 2022-01-25.
    """
    shifted = rng.random(len(counts)) < 0.02
    start = rng.integers(MONTHS - 12, MONTHS, len(counts))
    return counts + 1000 * (shifted[:, None] & (np.arange(MONTHS) >= start[:, None]))[..., None]
