"""Canopies of the simulated sets: PROSPECT-D leaves in a 4SAIL canopy, over any soil.

PROSAIL (Jacquemoud et al. 2009) is run for every plant on a grid of leaf area index, senescence and
sun zenith. Kept is not the canopy's reflectance but the four-stream terms of SAIL (Verhoef 1984,
Verhoef et al. 2007), averaged over each Sentinel-2 band: any soil can then be put under the canopy.
Terms between grid points are interpolated.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

LAI = np.array([0.01, 0.3, 0.7, 1.2, 2.0, 3.0, 4.5, 7.0])  # m2 / m2
SENESCENCE = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # 0 green leaf, 1 dead leaf
SUN_ZENITH = np.array([12.0, 32.0, 52.0, 72.0])  # degrees
PLANTS = 6  # plants of a type at a site
# What is left of the reflectance in the shade, lit by the sky alone: the diffuse share of light on
# a clear day. Rounded from the fall of Rayleigh and aerosol scattering with wavelength (Vermote et
# al. 1997); not a run of 6S.
SKY_LIGHT = np.array([0.30, 0.24, 0.18, 0.16, 0.14, 0.13, 0.12, 0.11, 0.05, 0.04])
BAND_FILES = ("2", "3", "4", "5", "6", "7", "8", "8A", "11", "12")


class Traits(NamedTuple):
    """What a plant is like; for a type of plant, the range from which each trait is drawn."""

    layers: tuple  # N of the leaf
    chlorophyll: tuple  # ug/cm2
    water: tuple  # cm
    matter: tuple  # dry, g/cm2
    angle: tuple  # mean of the leaves, degrees
    hot_spot: tuple
    brown: tuple = (0.6, 1.2)  # pigment of a dead leaf
    dry: tuple = (0.08, 0.3)  # share of its water that a dead leaf keeps
    autumn_red: tuple = (0, 6)  # anthocyanins, ug/cm2


# Within the ranges of Feret et al. 2008, 2017 (leaves) and Weiss & Baret 2016 (canopies).
TYPES = {
    "evergreen": Traits(
        layers=(1.6, 2.4),
        chlorophyll=(30, 58),
        water=(0.012, 0.022),
        matter=(0.008, 0.015),
        angle=(45, 62),
        hot_spot=(0.02, 0.10),
    ),
    "deciduous": Traits(
        layers=(1.4, 1.9),
        chlorophyll=(28, 52),
        water=(0.008, 0.016),
        matter=(0.005, 0.010),
        angle=(35, 57),
        hot_spot=(0.02, 0.10),
    ),
    "grass": Traits(
        layers=(1.3, 1.9),
        chlorophyll=(22, 48),
        water=(0.005, 0.018),
        matter=(0.003, 0.007),
        angle=(52, 72),
        hot_spot=(0.05, 0.30),
    ),
    "cereal": Traits(
        layers=(1.3, 1.8),
        chlorophyll=(30, 58),
        water=(0.010, 0.022),
        matter=(0.003, 0.006),
        angle=(55, 72),
        hot_spot=(0.05, 0.30),
    ),
    "broadleaf crop": Traits(
        layers=(1.3, 1.8),
        chlorophyll=(35, 60),
        water=(0.012, 0.025),
        matter=(0.004, 0.008),
        angle=(42, 60),
        hot_spot=(0.05, 0.30),
    ),
}


@lru_cache(maxsize=1)
def band_weights():
    """Wavelengths (W,) in nm and their weights in the ten bands, (W, 10): the mean of Sentinel-2A
    and 2B responses.
    """
    from pyrsr import __path__ as package

    wavelengths = np.arange(400, 2501)
    weights = np.zeros((2101, 10))
    for satellite in ("Sentinel-2A", "Sentinel-2B"):
        for b, band in enumerate(BAND_FILES):
            file = f"{package[0]}/data/{satellite}/MSI/band_{band}"
            at, response = np.loadtxt(file, skiprows=1, usecols=(0, 1)).T
            weights[:, b] += np.interp(wavelengths, at, response, left=0, right=0) / 2
    every_third = wavelengths % 3 == 0  # nm: bands are 15 nm wide and wider
    keep = (weights > 0.02).any(1) & every_third
    return wavelengths[keep], weights[keep] / weights[keep].sum(0)


def grow(rng, kind, **traits):
    """Run PROSAIL for PLANTS plants of a type: the table of four-stream terms, (P, LAI, senescence,
    sun, 7, 10).

    traits: ranges of `Traits` in place of those of the type.
    """
    ranges = TYPES[kind]._replace(**traits)
    return np.stack([_grow_one(rng, ranges) for _ in range(PLANTS)])


def _grow_one(rng, ranges):
    """Draw a plant; returns its terms, (LAI, senescence, sun, 7, 10)."""
    plant = Traits(*(rng.uniform(*limits) for limits in ranges))
    leaves = [_leaf(plant, senescence) for senescence in SENESCENCE]
    # All leaf states go through one run of SAIL.
    reflectance, transmittance = (np.concatenate(spectra) for spectra in zip(*leaves))
    table = np.empty((LAI.size, SENESCENCE.size, SUN_ZENITH.size, 7, 10))
    for a, leaf_area in enumerate(LAI):
        for z, zenith in enumerate(SUN_ZENITH):
            table[a, :, z] = _terms(plant, reflectance, transmittance, leaf_area, zenith)
    return table


def _leaf(plant, senescence):
    """Reflectance and transmittance (W,) of a leaf, 0 green to 1 dead."""
    from prosail.prospect_d import run_prospect

    wavelengths, _ = band_weights()
    alive = 1 - senescence
    _, reflectance, transmittance = run_prospect(
        plant.layers,
        plant.chlorophyll * (1 - 0.97 * senescence),
        plant.chlorophyll * 0.22 * (1 - 0.7 * senescence),
        plant.brown * senescence**1.5,
        plant.water * alive + plant.water * plant.dry * senescence,
        plant.matter,
        ant=plant.autumn_red * 4 * senescence * alive,
        prospect_version="D",
    )[:3]
    return reflectance[wavelengths - 400], transmittance[wavelengths - 400]


def _terms(plant, reflectance, transmittance, leaf_area, zenith):
    """Four-stream terms (senescence, 7, 10): rso, tdo, tsd, rdd, tss, too, tsstoo."""
    from prosail.FourSAIL import foursail

    _, weights = band_weights()
    tss, too, tsstoo, rdd, _, _, tsd, _, tdo, rso, *_ = foursail(
        reflectance,
        transmittance,
        plant.angle,
        0.0,
        2,
        leaf_area,
        plant.hot_spot,
        zenith,
        5.0,
        90.0,
        np.zeros_like(reflectance),
    )
    found = np.empty((SENESCENCE.size, 7, 10))
    spectra = np.stack([rso, tdo, tsd, rdd]).reshape(4, SENESCENCE.size, -1)
    found[:, :4] = (spectra @ weights).transpose(1, 0, 2)
    found[:, 4:] = np.array([tss, too, tsstoo])[:, None]
    return found


def canopy(table, plant, leaf_area, senescence, zenith, soil):
    """Reflectance of a canopy over soil, (n, T, 10).

    plant (n,) picks from the table; leaf_area, senescence (n, T); zenith (T,) degrees; soil (n, T,
    10) reflectance.
    """
    rso, tdo, tsd, rdd, tss, too, tsstoo = np.moveaxis(
        _between(table, plant, leaf_area, senescence, zenith), -2, 0
    )
    from_sky = (tss + tsd) * tdo
    from_sun = (tsd + tss * soil * rdd) * too
    seen = from_sky + from_sun
    lost_again = 1 - soil * rdd  # light goes to and fro between canopy and soil
    return rso + tsstoo * soil + seen * soil / lost_again


def _between(table, plant, leaf_area, senescence, zenith):
    """Terms (n, T, 7, 10) between the points of the table's grid, trilinear."""
    values = (leaf_area, senescence, np.broadcast_to(zenith, leaf_area.shape))
    lows, parts = [], []
    for value, grid in zip(values, (LAI, SENESCENCE, SUN_ZENITH), strict=True):
        place = np.interp(value, grid, np.arange(grid.size))
        low = np.minimum(place.astype(int), grid.size - 2)
        lows.append(low)
        parts.append((1 - (place - low), place - low))
    terms = 0
    for corner in np.ndindex(2, 2, 2):
        shares, places = [], []
        for low, part, up in zip(lows, parts, corner):
            shares.append(part[up])
            places.append(low + up)
        weight = np.prod(shares, axis=0)[..., None, None]
        at_corner = table[plant[:, None], *places]
        terms = terms + weight * at_corner
    return terms
