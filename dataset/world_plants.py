"""Grass, scrub and woods in the climates of the world, (n, T, 10) reflectance each."""

import numpy as np

from dataset import spectra
from dataset.canopy import canopy
from dataset.pixels import mixed, shadow_length
from dataset.vegetation import season, self_shaded


def grassland(each, plants, ground):
    """Managed grass, wild grass with gaps, and low scrub."""
    site, climate = each.site, each.site.climate
    managed = each.chance(climate.managed)
    # Coarse grass of warm climates with rain all year.
    hot = np.clip((climate.warmth[0] - 14) / 10, 0, 1) * (1 - 0.7 * climate.seasonal)
    leaf_area, dead = _grass(each, managed, hot)
    open_soil = _open_soil(each, managed, hot)
    closed = canopy(plants["grass"], each.plants(), leaf_area, dead, site.sun_zenith, ground)
    meadow = mixed(closed, ground, open_soil)
    scrub = ~managed & each.chance(climate.scrub)
    bushes = trees(each, plants, ground, (0.8, 2.5))
    shrubs = mixed(meadow, bushes, each.uniform(0.3, 0.7))
    return burnt(each, np.where(scrub[..., None], shrubs, meadow), ~managed)


def _grass(each, managed, hot):
    """Leaf area and senescence, (n, T) each."""
    growth, months = each.site.growth, each.months
    before = growth[np.maximum(np.arange(months) - 1, 0)]  # grass stays a while
    green = (0.6 * growth + 0.4 * before) ** each.uniform(0.6, 1.6)
    full = np.where(managed, each.uniform(1.5, 4.5), each.uniform(0.7, 3.5))
    full = full * np.clip(0.4 + 0.8 * growth.mean(), 0.5, 1)  # short where growth is short
    rest = np.where(managed, each.uniform(0.25, 0.6), each.uniform(0.3, 0.8))
    leaf_area = full * (rest + (1 - rest) * green)
    cut = each.chance(0.2, months) * managed * each.uniform(0.2, 0.8, months)
    leaf_area = leaf_area * (1 - cut * green)
    dead = 1 - green * np.where(managed, 1.15, 0.95) - np.where(managed, 0.12, 0.0)
    dead = dead + each.uniform(-0.1, 0.15 + 0.25 * hot) + 0.3 * cut
    return leaf_area, np.clip(dead, 0.03, 1)


def _open_soil(each, managed, hot):
    """Share of open soil between the grass, (n, 1)."""
    wild = np.clip(each.beta(2, 3) * 2.2 * each.site.climate.sparse, 0, 0.85)
    return np.where(managed, each.uniform(0, 0.12 + 0.15 * hot), wild)


def burnt(each, cover, wild):
    """Wild grass burns in the dry season of warm climates: dark for a month or two, no change."""
    dry = (each.site.growth < 0.3) & (each.site.temperature > 18)
    fire = each.runs(chance=0.06, longest=2) * dry * wild
    share = fire * each.uniform(0.3, 0.9)
    return mixed(cover, spectra.draw(each.rng, "char", (each.n, 1)), share)


def trees(each, plants, floor, full):
    """Crowns that lose their leaves in winter or in the dry season, or keep them."""
    deep, zenith = each.site.deep, each.site.sun_zenith
    evergreen = each.chance(each.site.climate.evergreen)
    on = _leaves_on(each)
    leaves, twigs = each.uniform(*full), each.uniform(0.12, 0.3)
    kind = each.plants()
    leaf_area = leaves * (twigs + (1 - twigs) * on)
    dead = np.clip(1.02 - 1.2 * on, 0.03, 0.9)
    leafy = canopy(plants["deciduous"], kind, leaf_area, dead, zenith, floor)
    leaf_area = leaves * (0.8 + 0.2 * deep)
    tired = np.clip(each.uniform(0.02, 0.14) + 0.22 * (1 - deep), 0, 1)
    needles = canopy(plants["evergreen"], kind, leaf_area, tired, zenith, floor)
    return np.where(evergreen[..., None], needles, leafy)


def _leaves_on(each):
    """Share of the leaves of trees that lose them, (n, T): by winter, else by drought."""
    site = each.site
    mean, half_range = site.climate.warmth
    if mean - half_range >= 6:
        return np.clip(site.deep * each.uniform(0.9, 1.6), 0, 1)
    shift = each.normal(6)
    start, end = site.leaf_on + shift, site.leaf_off + 6 + each.normal(7)
    on = season(site.days, start, end, each.uniform(5, 10), each.uniform(6, 12))
    return on * (0.75 + 0.25 * site.deep)


def woodland(each, plants, ground, grass):
    """Closed forest, and open woodland with grass between the crowns."""
    floor = ground * each.uniform(0.4, 0.8)[..., None]
    crowns = trees(each, plants, floor, (2.2, 6.5))
    sun = np.clip(shadow_length(each.site.sun_zenith) / shadow_length(35), 0.6, 1.6)
    crowns = self_shaded(crowns, each.uniform(0.1, 0.42) * sun)
    sparse = each.chance(0.7 * each.site.climate.open_wood)
    cover = np.where(sparse, each.uniform(0.5, 0.88), each.uniform(0.88, 1))
    return mixed(grass, crowns, cover)
