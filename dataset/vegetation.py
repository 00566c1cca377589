"""Plants of the urban set: woods, grass and crops, with seasons of leaf area and senescence."""

from typing import NamedTuple

import numpy as np

from dataset.canopy import SKY_LIGHT, canopy
from dataset.climate import REGIONS, YEAR, YEARS
from dataset.pixels import mixed, shadow_length


class Cycle(NamedTuple):
    """One crop of a year: days of the year, share of the full leaf area, and paddy or not."""

    emergence: float
    harvest: float
    share: float
    paddy: bool = False


# Cropping system: the crop type, then its cycles. Days after the crop calendars of China (USDA):
# wheat sown in October and cut in June, maize June to September, early rice April to July, late
# rice July to November, rape October to May.
SYSTEMS = {
    "wheat-maize": ("cereal", [Cycle(-78, 158, 0.22), Cycle(74, 158, 0.78), Cycle(188, 270, 0.9)]),
    "rape-rice": (
        "cereal",
        [Cycle(-60, 144, 0.35), Cycle(52, 144, 0.55), Cycle(172, 298, 1.0, paddy=True)],
    ),
    "rice-rice": (
        "cereal",
        [Cycle(108, 200, 0.9, paddy=True), Cycle(216, 318, 0.9, paddy=True)],
    ),
    "rice": ("cereal", [Cycle(158, 268, 1.0, paddy=True)]),
    "maize": ("broadleaf crop", [Cycle(145, 265, 1.0)]),
    "vegetables": (
        "broadleaf crop",
        [
            Cycle(62, 122, 0.6),
            Cycle(138, 196, 0.6),
            Cycle(212, 268, 0.6),
            Cycle(282, 345, 0.5),
        ],
    ),
}


def season(days, start, end, rise, fall):
    """Share of a growing season, (n, T) in 0..1: logistic rise at `start`, fall at `end`, (n, Y)
    days, one a year.
    """
    days = days[None, :, None]
    start, end = start[:, None], end[:, None]
    rise, fall = np.reshape(rise, (-1, 1, 1)), np.reshape(fall, (-1, 1, 1))
    up = 1 / (1 + np.exp(np.clip((start - days) / rise, -50, 50)))
    down = 1 / (1 + np.exp(np.clip((days - end) / fall, -50, 50)))
    return np.clip((up * down).sum(2), 0, 1)


def self_shaded(crowns, shade):
    """Crowns (n, T, 10) of which a share (n, T) lies in the shade of others: Li & Strahler 1985."""
    return crowns * (1 - shade[..., None] * (1 - SKY_LIGHT))


def woodland(each, tables, soil):
    """Evergreen, deciduous or mixed wood, (n, T, 10). Crowns shade each other, most at low sun."""
    site = each.site
    evergreen = _evergreen_share(each)
    shift = each.normal(6)
    start, end = site.leaf_on + shift, site.leaf_off + 6 + each.normal(7)
    on = season(site.days, start, end, each.uniform(5, 10), each.uniform(6, 12))
    yellow = end - each.uniform(6, 22)
    green = season(site.days, start - 3, yellow, 5, each.uniform(6, 12))
    stress = 0.25 * site.drought
    full, bare = each.uniform(2.2, 6.0), each.uniform(0.3, 1.0)
    floor = soil * each.uniform(0.45, 0.85)[..., None]  # litter and low plants, darker than soil
    plant = each.plants()
    leaves = bare + (full - bare) * on * (1 - stress)
    dead = np.clip(1 - green + 0.5 * stress, 0.03, 1)
    leafy = canopy(tables["deciduous"], plant, leaves, dead, site.sun_zenith, floor)
    full = each.uniform(2.5, 6.5)
    plant = each.plants()
    leaves = full * (0.82 + 0.18 * on) * (1 - 0.5 * stress)
    dead = np.clip(each.uniform(0.02, 0.12) + 0.10 * (1 - on) + 0.4 * stress, 0, 1)
    needles = canopy(tables["evergreen"], plant, leaves, dead, site.sun_zenith, floor)
    sun = np.clip(shadow_length(site.sun_zenith) / shadow_length(35), 0.6, 1.4)
    shade = each.uniform(0.12, 0.42) * sun
    return self_shaded(mixed(leafy, needles, evergreen), shade)


def _evergreen_share(each):
    """Share of evergreen trees, (n, 1): more where winters are mild; most woods are of one kind."""
    share = np.clip((each.site.temperature.mean() - 8) / 10, 0.12, 0.9)
    pure, evergreen = each.chance(0.7), each.chance(share)
    return np.where(pure, evergreen, each.uniform(0, 1))


def grassland(each, tables, soil):
    """Lawns (mown, long green), meadows and weedy ground with gaps of open soil, (n, T, 10)."""
    lawn = each.chance(0.4)
    on, green = _grass_seasons(each, lawn)
    leaf_area, dead = _grass(each, lawn, on, green)
    lawn_gaps, wild_gaps = each.uniform(0, 0.15), each.uniform(0, 0.35)
    gaps = np.where(lawn, lawn_gaps, wild_gaps)
    zenith = each.site.sun_zenith
    closed = canopy(tables["grass"], each.plants(), leaf_area, dead, zenith, soil)
    return mixed(closed, soil, gaps)


def _grass_seasons(each, lawn):
    """How far grass has grown, and how green it is, (n, T) each. Lawns green up early."""
    site = each.site
    shift = each.normal(8)
    late = np.where(lawn, -18, each.rng.exponential(18, (each.n, 1)) - 6)
    start = site.leaf_on + late + shift
    end = site.leaf_off + np.where(lawn, 20, 0) + each.normal(9)
    on = season(site.days, start, end, each.uniform(8, 16), each.uniform(10, 20))
    green = season(site.days, start, end - 8, each.uniform(8, 14), each.uniform(10, 20))
    return on, green


def _grass(each, lawn, on, green):
    """Leaf area and senescence of grass, (n, T) each. It stays half green in mild winters."""
    site, months = each.site, each.months
    mild = np.clip((site.temperature + 2) / 12, 0, 1)
    winter_green = mild * each.uniform(0.2, 0.7)
    full = np.where(lawn, each.uniform(0.9, 2.8), each.uniform(0.7, 4.0))
    low = np.where(lawn, 0.35, 0.25) * full
    mown = 1 - each.chance(0.06, months) * each.uniform(0.2, 0.6, months) * on
    dry = site.drought * each.uniform(0.5, 1)
    grown = (low + (full - low) * on) * mown * (1 - 0.5 * dry)
    leaf_area = grown * each.lognormal(0.05, months)
    alive = np.maximum(green, winter_green) * (1 - 0.8 * dry)
    return leaf_area, np.clip(1 - alive + each.uniform(0.02, 0.30), 0, 1)


def cropland(each, tables, soil, water):
    """One to four harvests a year, with stubble, ploughed and flooded fields, (n, T, 10)."""
    systems = REGIONS[each.site.region].crops
    chosen = each.rng.choice(len(systems), size=each.n, p=list(systems.values()))
    out = np.empty_like(soil)
    for s, name in enumerate(systems):
        rows = np.flatnonzero(chosen == s)
        if rows.size:
            kind, cycles = SYSTEMS[name]
            some = each._replace(n=rows.size)
            out[rows] = _fields(some, tables[kind], cycles, soil[rows], water[rows])
    return out


def _fields(each, table, cycles, soil, water):
    """Fields of one cropping system, (n, T, 10)."""
    site = each.site
    leaf_area, green, stubble, flooded = _growing(each, cycles)
    dry = site.drought * each.uniform(0.2, 0.9)
    weeds = each.uniform(0, 0.35) * np.clip((site.temperature - 3) / 15, 0, 1)
    crop = np.maximum(leaf_area * (1 - 0.5 * dry), weeds)
    total = crop + 0.5 * each.uniform(0, 1) * stubble
    alive = np.maximum(green, 0.7 * (total <= weeds))
    dead = np.clip(1 - alive + 0.5 * dry, 0.02, 1)
    flooded = flooded[..., None]
    ground = soil * (1 - flooded * 0.85) + water * flooded * 0.85
    gaps = each.uniform(0.02, 0.25)  # paths, ditches and gaps between rows
    closed = canopy(table, each.plants(), total, dead, site.sun_zenith, ground)
    return mixed(closed, ground, gaps)


def _growing(each, cycles):
    """Leaf area, greenness, stubble and flood of the cycles of a field, (n, T) each."""
    days = each.site.days
    leaf_area, green, stubble, flooded = np.zeros((4, each.n, each.months))
    full = each.uniform(1.8, 4.8)
    of_site, of_field = each.rng.normal(0, 6), each.normal(7)
    shift = of_site + of_field + each.rng.normal(0, 4, YEARS.size)
    resting = each.chance(0.06, YEARS.size)  # a whole year without a crop
    year = YEAR * YEARS + np.where(resting, 1e5, 0)
    for cycle in cycles:
        start = cycle.emergence + shift + year + each.normal(5, YEARS.size)
        end = cycle.harvest + shift + year + each.normal(5, YEARS.size)
        rise = start + 0.22 * (end - start)[:, :1]
        leaves = season(days, rise, end, each.uniform(6, 10), 2.5)
        leaf_area += cycle.share * full * leaves
        ripe = end - each.uniform(5, 22)
        green = np.maximum(green, season(days, start, ripe, 5, each.uniform(3, 7)))
        ploughed = end + each.uniform(15, 70)
        stubble = np.maximum(stubble, season(days, end, ploughed, 2.5, 8))
        drained = start + each.uniform(8, 22)
        wet = cycle.paddy * season(days, start - 22, drained, 4, 5)
        flooded = np.maximum(flooded, wet)
    return leaf_area, green, stubble, flooded
