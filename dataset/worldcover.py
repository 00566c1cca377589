"""What each class looks like in the climates of the world, (n, T, 10) reflectance each.

Leaves and canopies are those of the urban set (canopy.py); soils, built materials and char are
measured spectra (spectra.py). Sizes and shares are judgement, set beside the real series.
"""

from functools import lru_cache

import numpy as np

from dataset import canopy, spectra, surfaces
from dataset.canopy import PLANTS
from dataset.pixels import mixed
from dataset.water import water, water_year
from dataset.world_crops import cropland
from dataset.world_plants import grassland, woodland

PLANTS_AT_HAND = 48  # of each type, from which sites draw theirs
DEAD_LEAF = (0.0, 0.12)  # share of its water that it keeps: straw is bright in B11 and B12
METAL = ("bright metal roof", "grey metal roof", "blue steel roof")


@lru_cache(maxsize=1)
def library():
    """Tables of PLANTS_AT_HAND plants of each type."""
    rng = np.random.default_rng(1)
    times = range(PLANTS_AT_HAND // PLANTS)
    found = {}
    for kind in canopy.TYPES:
        grown = [canopy.grow(rng, kind, dry=DEAD_LEAF) for _ in times]
        found[kind] = np.concatenate(grown)
    return found


def covers(each):
    """Each pixel as it would look if one class covered it throughout, (n, T, 6, 10)."""
    plants = {}
    for kind, table in library().items():
        plants[kind] = table[each.rng.choice(len(table), PLANTS)]
    ground = soil(each, gain=(0.5, 0.9))
    grass = grassland(each, plants, ground)
    wood = woodland(each, plants, ground, grass)
    lake = water(each, ground)
    crops = cropland(each, plants, ground, grass, lake)
    green = np.where(each.chance(0.4)[..., None], wood, grass)
    lake = water_year(each, lake, ground * 0.7, grass)
    open_ground = bare(each, grass)
    built = impervious(each, green)
    return np.stack([lake, wood, grass, open_ground, built, crops], axis=2)


def soil(each, *, gain):
    """Measured dry soils of one or two kinds, under the site's weather, with clods and shade."""
    kinds = spectra.draw(each.rng, "soil", 2)  # (2, 10)
    second = each.chance(0.3)[:, 0]
    dry = kinds[second.astype(int)] * each.lognormal(0.12)
    dry = dry * each.uniform(*gain) * _slope(each)
    dry = np.minimum(dry, 0.9)
    infrared = surfaces.SHORT_WAVE_INFRARED
    saturated = dry * np.where(infrared, 0.38, 0.55)
    moisture = 0.35 * each.site.wetness + each.normal(0.1)
    moisture = np.clip(moisture, 0, 1)
    decay = np.where(infrared, 3.0, 2.3)
    ground = surfaces.moist(dry, saturated, moisture, decay)
    return surfaces.clods(each, ground, (0, 0.5), 0.22)


def _slope(each):
    """Gain of each band, (n, 10), 1 in the near infrared: field ground rises more than samples in
    the laboratory, at some sites more than at others.
    """
    return surfaces.tilted(each.rng.normal(0.1, 0.12) + each.normal(0.06))


def bare(each, plants):
    """Open ground: soil, sand or rock, with up to a quarter of plants."""
    return mixed(soil(each, gain=(0.5, 1.05)), plants, each.some_uniform(0.6, 0, 0.25))


def impervious(each, green):
    """Built materials, measured or those of the urban set, that glare; up to half are gardens."""
    urban = surfaces.impervious(each, green)
    measured = surfaces.in_shade(each, _materials(each), 0.5, 0.6)
    is_urban = each.chance(0.4)[..., None]
    built = np.where(is_urban, urban, measured) * _slope(each)[:, None]
    glaring = _glaring(each, built)
    return mixed(glaring, green, each.some_uniform(0.65, 0, 0.55))


def _materials(each):
    """Three measured materials, or metal roofs as halls of industry have them, (n, 1, 10)."""
    parts = spectra.draw(each.rng, "built", (each.n, 3))
    metal = np.array([surfaces.MATERIALS[name] for name in METAL])
    hall = each.chance(0.3, 3)
    roofs = metal[each.rng.integers(len(metal), size=(each.n, 3))]
    parts = np.where(hall[..., None], roofs, parts)
    parts = parts * each.lognormal(0.15, 3)[..., None]
    shares = each.rng.dirichlet((1.0, 0.5, 0.3), each.n)
    return np.einsum("nk,nkb->nb", shares, parts)[:, None]


def _glaring(each, built):
    """Roofs glare, more or less from month to month."""
    spread = each.uniform(0.02, 0.18)
    glare = each.rng.normal(0, spread, (each.n, each.months))
    strong = np.where(each.chance(0.5), 1, 0.7)
    slope = np.linspace(0.8, 1.2, 10) * strong[..., None]
    gain = np.exp(glare[..., None] * slope)
    return np.clip(built * gain, 0.005, 1.2)
