"""What Sentinel-2 makes of a month: looks through the air, edges that shift, noise, the median of
the clear looks.
"""

import numpy as np

from dataset.canopy import SKY_LIGHT
from dataset.climate import MAX_LOOKS, MONTHS
from dataset.pixels import mixed
from dataset.surfaces import CENTRES

# Residual aerosol: path reflectance falls with the wavelength.
HAZE = np.clip((CENTRES / 492) ** -1.6, 0, None)
CIRRUS = np.array([1, 1, 1, 1, 1, 0.98, 0.97, 0.96, 0.55, 0.35])
# Thick cloud, judgement.
CLOUD = np.array([0.62, 0.61, 0.63, 0.64, 0.65, 0.66, 0.67, 0.67, 0.45, 0.33])
# Old snow after Warren 1982, rounded.
SNOW = np.array([0.85, 0.86, 0.86, 0.85, 0.83, 0.81, 0.78, 0.75, 0.09, 0.08])
# Noise of a look, one sigma.
NOISE = np.array([0.0022, 0.0020, 0.0022, 0.0028, 0.0034, 0.0036, 0.0038, 0.0038, 0.0032, 0.0032])
OF_SITE = (1, MONTHS, MAX_LOOKS, 1)  # what all pixels of a site share in a look


def observe(each, own, neighbour, edge):
    """Monthly medians, (n, T, 10) reflectance with NaN where no look was clear.

    own, neighbour (n, T, 10): reflectance of the pixel's cover and of what lies beside it.
    edge (n, 1): the neighbour's share.
    """
    clear = _looks(each)
    seen = _registered(each, own, neighbour, edge)  # (n, T, L, 10)
    seen = _viewed(each, seen)
    seen = _through_air(each, seen)
    seen = _under_missed_clouds(each, seen)
    gain = 1 + each.rng.normal(0, 0.010, _size(each))
    spread = NOISE + 0.012 * seen
    noise = each.rng.standard_normal(seen.shape) * spread
    return median(seen * gain + noise, clear)


def _size(each):
    """Shape of what differs in each look at each pixel."""
    return (each.n, MONTHS, MAX_LOOKS, 1)


def _looks(each):
    """Which of a month's six looks each pixel has, (n, T, L) bool: cloud is shared by the site, its
    edges are not.
    """
    looks = (MONTHS, MAX_LOOKS)
    of_site = each.rng.random(looks) < each.site.clear[:, None]
    of_pixel = (each.n, *looks)
    own = each.rng.random(of_pixel) > 0.10
    return of_site & own


def _registered(each, own, neighbour, edge):
    """What each look sees of a pixel and its neighbour: edges move by some metres."""
    edge = edge[..., None]
    moved = each.rng.normal(0, 0.035, (1, MONTHS, MAX_LOOKS))
    at_edge = edge > 0.02
    share = np.clip(edge + moved * at_edge, 0, 0.45)  # (n, T, L)
    return mixed(own[:, :, None], neighbour[:, :, None], share)


def _viewed(each, seen):
    """Neighbouring orbits see ground that is up to 5 % brighter or darker (Roy et al. 2017)."""
    angle = each.rng.uniform(-1, 1, OF_SITE)
    rough = each.rng.uniform(0.01, 0.05, (each.n, 1, 1, 1))
    return seen * (1 + angle * rough)


def _through_air(each, seen):
    """Haze and cirrus: they dim the ground and shine themselves."""
    rng, size = each.rng, _size(each)
    air = rng.normal(0.002, 0.007, OF_SITE)
    air = air + rng.normal(0, 0.0015, size)
    hazy = rng.random(OF_SITE) < 0.12
    cirrus = hazy * rng.exponential(0.012, size)
    lost = 1.2 * (np.abs(air) + cirrus)
    dimmed = seen * (1 - lost)
    return dimmed + air * HAZE + cirrus * CIRRUS


def _under_missed_clouds(each, seen):
    """Clouds and their shadows that the mask let through."""
    rng, size = each.rng, _size(each)
    cloudy = (1 - each.site.clear)[None, :, None, None]
    missed = 0.015 + 0.05 * cloudy
    under = rng.random(size) < missed
    cover = under * rng.beta(1.0, 2.5, size)
    seen = seen * (1 - cover) + CLOUD * cover
    beside = rng.random(size) < missed
    dark = beside * rng.beta(2, 2, size)
    shade = dark * (1 - SKY_LIGHT)
    return seen * (1 - shade)


def median(seen, clear):
    """Median over the looks that are clear, (n, T, L, 10) and (n, T, L) -> (n, T, 10); NaN where
    there is none.
    """
    usable = np.where(clear[..., None], seen, np.inf)
    ordered = np.sort(usable, axis=2)
    count = clear.sum(2)[..., None, None]  # (n, T, 1, 1)
    lower = np.maximum(count - 1, 0) // 2
    upper = np.minimum(count // 2, MAX_LOOKS - 1)
    low = np.take_along_axis(ordered, lower, axis=2)
    high = np.take_along_axis(ordered, upper, axis=2)
    middle = np.where(count > 0, (low + high) / 2, np.nan)
    return middle[:, :, 0]


def snowfall(each, ground, hold):
    """Ground with the month's snow on it. hold (n, T) or (n, 1): how much of it shows."""
    fallen = each.site.snow * hold
    share = fallen * each.uniform(0.6, 1.1, MONTHS)
    return mixed(ground, SNOW, np.clip(share, 0, 1))


def offset(rng, counts):
    """Counts (n, T, 10) of 1e-4; a few series 1000 too high from a month of the last year on, as
    after 2022-01-25.
    """
    shifted = rng.random(len(counts)) < 0.02
    start = rng.integers(MONTHS - 12, MONTHS, len(counts))
    later = np.arange(MONTHS) >= start[:, None]
    too_high = shifted[:, None] & later
    return counts + 1000 * too_high[..., None]
