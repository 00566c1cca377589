"""Plants of the urban set: woods, grass and crops, with seasons of leaf area and senescence."""

from typing import NamedTuple

import numpy as np

from dataset.canopy import SKY_LIGHT
from dataset.climate import REGIONS, YEAR, YEARS
from dataset.pixels import mixed, ramp, shadow_length


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


def self_shaded(crowns, shade):
    """Crowns (n, T, 10) of which a share (n, T) lies in the shade of others: Li & Strahler 1985."""
    return crowns * (1 - shade[..., None] * (1 - SKY_LIGHT))


def woodland(each, tables, soil):
    """Evergreen, deciduous or mixed wood, (n, T, 10). Crowns shade each other, most at low sun."""
    evergreen = _evergreen_share(each)
    on, green = _leaf_seasons(each)
    stress = 0.25 * each.site.drought
    full = each.uniform(2.2, 6.0)
    bare = each.uniform(0.3, 1.0)
    floor = soil * each.uniform(0.45, 0.85)[..., None]  # litter and low plants, darker than soil
    unstressed = (full - bare) * on
    leaves = bare + unstressed * (1 - stress)
    dead = np.clip(1 - green + 0.5 * stress, 0.03, 1)
    leafy = each.canopy(tables["deciduous"], leaves, dead, floor)
    full = each.uniform(2.5, 6.5)
    plant = each.plants()
    unstressed = full * (0.82 + 0.18 * on)
    leaves = unstressed * (1 - 0.5 * stress)
    brown = each.uniform(0.02, 0.12)
    dead = brown + 0.10 * (1 - on) + 0.4 * stress
    needles = each.canopy(tables["evergreen"], leaves, np.clip(dead, 0, 1), floor, plant)
    sun = shadow_length(each.site.sun_zenith) / shadow_length(35)
    usual = each.uniform(0.12, 0.42)
    shade = usual * np.clip(sun, 0.6, 1.4)
    crowns = mixed(leafy, needles, evergreen)
    return self_shaded(crowns, shade)


def _evergreen_share(each):
    """Share of evergreen trees, (n, 1): more where winters are mild; most woods are of one kind."""
    mean = each.site.temperature.mean()
    share = np.clip((mean - 8) / 10, 0.12, 0.9)
    pure, evergreen = each.chance(0.7), each.chance(share)
    return np.where(pure, evergreen, each.uniform(0, 1))


def _leaf_seasons(each):
    """How many leaves are on, and how many of them are green, (n, T) each."""
    start = each.site.leaf_on + each.normal(6)
    end = each.site.leaf_off + 6 + each.normal(7)
    rise = each.uniform(5, 10)
    fall = each.uniform(6, 12)
    on = each.seasons(start, end, rise, fall)
    yellow = end - each.uniform(6, 22)
    return on, each.seasons(start - 3, yellow, 5, each.uniform(6, 12))


def grassland(each, tables, soil):
    """Lawns (mown, long green), meadows and weedy ground with gaps of open soil, (n, T, 10)."""
    lawn = each.chance(0.4)
    on, green = _grass_seasons(each, lawn)
    leaf_area, dead = _grass(each, lawn, on, green)
    gaps = each.either(lawn, (0, 0.15), (0, 0.35))
    closed = each.canopy(tables["grass"], leaf_area, dead, soil)
    return mixed(closed, soil, gaps)


def _grass_seasons(each, lawn):
    """How far grass has grown, and how green it is, (n, T) each. Lawns green up early."""
    shift = each.normal(8)
    weeds = each.rng.exponential(18, (each.n, 1)) - 6
    later = np.where(lawn, -18, weeds)  # days
    start = each.site.leaf_on + later + shift
    longer = np.where(lawn, 20, 0)
    end = each.site.leaf_off + longer + each.normal(9)
    rise = each.uniform(8, 16)
    fall = each.uniform(10, 20)
    on = each.seasons(start, end, rise, fall)
    rise = each.uniform(8, 14)
    fall = each.uniform(10, 20)
    return on, each.seasons(start, end - 8, rise, fall)


def _grass(each, lawn, on, green):
    """Leaf area and senescence of grass, (n, T) each. It stays half green in mild winters."""
    site, months = each.site, each.months
    winter_green = ramp(site.temperature, -2, 10) * each.uniform(0.2, 0.7)
    full = each.either(lawn, (0.9, 2.8), (0.7, 4.0))
    low = np.where(lawn, 0.35, 0.25) * full
    mown = each.chance(0.06, months) * each.uniform(0.2, 0.6, months)
    dry = site.drought * each.uniform(0.5, 1)
    grown = low + (full - low) * on
    left = grown * (1 - mown * on)
    kept = left * (1 - 0.5 * dry)
    leaf_area = kept * each.lognormal(0.05, months)
    watered = np.maximum(green, winter_green)
    alive = watered * (1 - 0.8 * dry)
    dead = 1 - alive + each.uniform(0.02, 0.30)
    return leaf_area, np.clip(dead, 0, 1)


def cropland(each, tables, soil, water):
    """One to four harvests a year, with stubble, ploughed and flooded fields, (n, T, 10)."""
    out = np.empty_like(soil)
    for name, here in each.shared_out(REGIONS[each.site.region].crops):
        kind, cycles = SYSTEMS[name]
        some = each._replace(n=here.size)
        below = soil[here], water[here]
        out[here] = _fields(some, tables[kind], cycles, *below)
    return out


def _fields(each, table, cycles, soil, water):
    """Fields of one cropping system, (n, T, 10)."""
    leaf_area, green, stubble, flooded = _growing(each, cycles)
    dry = each.site.drought * each.uniform(0.2, 0.9)
    weeds = each.uniform(0, 0.35) * ramp(each.site.temperature, 3, 18)
    crop = leaf_area * (1 - 0.5 * dry)
    crop = np.maximum(crop, weeds)
    total = crop + 0.5 * each.uniform(0, 1) * stubble
    alive = np.maximum(green, 0.7 * (total <= weeds))
    dead = np.clip(1 - alive + 0.5 * dry, 0.02, 1)
    flooded = flooded[..., None]
    dry_ground = soil * (1 - flooded * 0.85)
    ground = dry_ground + water * flooded * 0.85
    gaps = each.uniform(0.02, 0.25)  # paths, ditches and gaps between rows
    closed = each.canopy(table, total, dead, ground)
    return mixed(closed, ground, gaps)


def _growing(each, cycles):
    """Leaf area, greenness, stubble and flood of the cycles of a field, (n, T) each."""
    leaf_area, green, stubble, flooded = np.zeros((4, each.n, each.months))
    full = each.uniform(1.8, 4.8)
    years = YEARS.size
    shift = each.rng.normal(0, 6) + each.normal(7)  # of the site, of the field
    shift = shift + each.rng.normal(0, 4, years)
    resting = each.chance(0.06, years)  # a whole year without a crop
    year = YEAR * YEARS + np.where(resting, 1e5, 0)
    for cycle in cycles:
        start = cycle.emergence + shift + year
        start = start + each.normal(5, years)
        end = cycle.harvest + shift + year
        end = end + each.normal(5, years)
        first_year = (end - start)[:, :1]
        rise = start + 0.22 * first_year
        leaves = each.seasons(rise, end, each.uniform(6, 10), 2.5)
        leaf_area += cycle.share * full * leaves
        ripe = end - each.uniform(5, 22)
        alive = each.seasons(start, ripe, 5, each.uniform(3, 7))
        green = np.maximum(green, alive)
        ploughed = end + each.uniform(15, 70)
        stubble = np.maximum(stubble, each.seasons(end, ploughed, 2.5, 8))
        drained = start + each.uniform(8, 22)
        wet = cycle.paddy * each.seasons(start - 22, drained, 4, 5)
        flooded = np.maximum(flooded, wet)
    return leaf_area, green, stubble, flooded
