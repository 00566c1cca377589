"""Grass, scrub and woods in the climates of the world, (n, T, 10) reflectance each."""

import numpy as np

from dataset import spectra
from dataset.pixels import mixed, ramp, shadow_length
from dataset.vegetation import self_shaded


def grassland(each, plants, ground):
    """Managed grass, wild grass with gaps, and low scrub."""
    climate = each.site.climate
    managed = each.chance(climate.managed)
    coarse = _coarse(climate)
    leaf_area, dead = _grass(each, managed, coarse)
    open_soil = _open_soil(each, managed, coarse)
    closed = each.canopy(plants["grass"], leaf_area, dead, ground)
    meadow = mixed(closed, ground, open_soil)
    scrub = each.chance(climate.scrub) & ~managed
    bushes = trees(each, plants, ground, (0.8, 2.5))
    shrubs = mixed(meadow, bushes, each.uniform(0.3, 0.7))
    cover = np.where(scrub[..., None], shrubs, meadow)
    return burnt(each, cover, ~managed)


def _coarse(climate):
    """How coarse grass is, 0 to 1: most where it is warm and rain falls all year."""
    all_year = 1 - 0.7 * climate.seasonal
    return ramp(climate.warmth[0], 14, 24) * all_year


def _grass(each, managed, coarse):
    """Leaf area and senescence, (n, T) each."""
    growth, months = each.site.growth, each.months
    month_before = np.maximum(np.arange(months) - 1, 0)
    lasting = 0.6 * growth + 0.4 * growth[month_before]  # grass stays a while
    green = lasting ** each.uniform(0.6, 1.6)
    tall = each.either(managed, (1.5, 5.5), (0.7, 3.5))
    season = np.clip(0.4 + 0.8 * growth.mean(), 0.5, 1)
    full = tall * season  # short where growth is short
    rest = each.either(managed, (0.25, 0.6), (0.3, 0.8))
    grown = rest + (1 - rest) * green
    mown = each.chance(0.2, months) * managed
    cut = mown * each.uniform(0.2, 0.9, months)
    leaf_area = full * grown * (1 - cut * green)
    greenest = np.where(managed, 1.15, 0.95)
    always = np.where(managed, 0.12, 0.0)
    usual = 1 - green * greenest - always
    straw = each.uniform(-0.1, 0.15 + 0.25 * coarse)
    dead = usual + straw + 0.3 * cut
    return leaf_area, np.clip(dead, 0.03, 1)


def _open_soil(each, managed, coarse):
    """Share of open soil between the grass, (n, 1)."""
    wild = each.beta(2, 3) * 2.2 * each.site.climate.sparse
    tended = each.uniform(0, 0.12 + 0.15 * coarse)
    return np.where(managed, tended, np.clip(wild, 0, 0.85))


def burnt(each, cover, wild):
    """Wild grass burns in the dry season of warm climates: dark for a month or two, no change."""
    dry = (each.site.growth < 0.3) & (each.site.temperature > 18)
    fire = each.runs(chance=0.06, longest=2) * dry * wild
    share = fire * each.uniform(0.3, 0.9)
    char = spectra.draw(each.rng, "char", (each.n, 1))
    return mixed(cover, char, share)


def trees(each, plants, floor, full):
    """Crowns that lose their leaves in winter or in the dry season, or keep them."""
    deep = each.site.deep
    evergreen = each.chance(each.site.climate.evergreen)
    on = _leaves_on(each)
    leaves = each.uniform(*full)
    twigs = each.uniform(0.12, 0.3)
    plant = each.plants()
    leaf_area = leaves * (twigs + (1 - twigs) * on)
    dead = np.clip(1.02 - 1.2 * on, 0.03, 0.9)
    leafy = each.canopy(plants["deciduous"], leaf_area, dead, floor, plant)
    leaf_area = leaves * (0.8 + 0.2 * deep)
    brown = each.uniform(0.02, 0.14)
    dead = np.clip(brown + 0.22 * (1 - deep), 0, 1)
    needles = each.canopy(plants["evergreen"], leaf_area, dead, floor, plant)
    return np.where(evergreen[..., None], needles, leafy)


def _leaves_on(each):
    """Share of the leaves of trees that lose them, (n, T): by winter, else by drought."""
    site = each.site
    mean, half_range = site.climate.warmth
    if mean - half_range >= 6:
        return np.clip(site.deep * each.uniform(0.9, 1.6), 0, 1)
    start = site.leaf_on + each.normal(6)
    end = site.leaf_off + 6 + each.normal(7)
    rise = each.uniform(5, 10)
    fall = each.uniform(6, 12)
    on = each.seasons(start, end, rise, fall)
    return on * (0.75 + 0.25 * site.deep)


def woodland(each, plants, ground, grass):
    """Closed forest, and open woodland with grass between the crowns."""
    floor = ground * each.uniform(0.4, 0.8)[..., None]
    crowns = trees(each, plants, floor, (2.2, 6.5))
    sun = shadow_length(each.site.sun_zenith) / shadow_length(35)
    usual = each.uniform(0.18, 0.52)
    shade = usual * np.clip(sun, 0.6, 1.6)
    shade = np.minimum(shade, 0.75)
    sparse = each.chance(0.7 * each.site.climate.open_wood)
    cover = each.either(sparse, (0.5, 0.88), (0.88, 1))
    return mixed(grass, self_shaded(crowns, shade), cover)
