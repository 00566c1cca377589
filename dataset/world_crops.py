"""Fields and plantations in the climates of the world, (n, T, 10) reflectance each."""

from typing import NamedTuple

import numpy as np

from dataset.climate import YEAR, YEARS
from dataset.pixels import mixed
from dataset.tables import pieces, rows


class System(NamedTuple):
    """A cropping system. After Sacks et al. 2010 and others (world.md)."""

    plant: str  # type of plant in canopy.TYPES
    grown: str  # field, rain (rain-fed field), flooded (rain-fed paddy) or trees
    leaf_area: tuple  # range of the full leaf area
    cycles: list  # (emergence, harvest, share of the full leaf area) of each crop of a year; days
    # of the year in the northern hemisphere, or from the peak of the rains where rain-fed

    @property
    def rain_fed(self):
        return self.grown in ("rain", "flooded")


def read_systems():
    """The systems of world_crops.csv by name."""
    found = {}
    for row in rows("world_crops", words=["name", "plant", "grown", "cycles"]):
        leaf_area = row["leaf_area_low"], row["leaf_area_high"]
        cycles = [read_cycle(text) for text in pieces(row["cycles"])]
        found[row["name"]] = System(row["plant"], row["grown"], leaf_area, cycles)
    return found


def read_cycle(text):
    """'-75 198 0.3' as numbers."""
    return tuple(float(part) for part in text.split())


SYSTEMS = read_systems()


def cropland(each, plants, ground, grass, lake):
    """Fields and plantations of the climate's cropping systems."""
    out = np.empty_like(ground)
    for name, here in each.shared_out(each.site.climate.crops):
        system = SYSTEMS[name]
        some = each._replace(n=here.size)
        beside = ground[here], grass[here], lake[here]
        grow = plantation if system.grown == "trees" else fields
        out[here] = grow(some, plants[system.plant], system, *beside)
    return out


def plantation(each, table, system, ground, grass, _lake):
    """Rows of trees over bare soil or mown grass."""
    site, on = each.site, np.ones(1)
    if system.plant == "deciduous":
        on = each.seasons(site.leaf_on[None], site.leaf_off[None], 8, 10)
    full = each.uniform(*system.leaf_area)
    leaves = full * (0.2 + 0.8 * on)
    leaves = leaves * (0.85 + 0.15 * site.deep)
    dead = np.clip(1.02 - on + 0.1, 0.05, 0.8)
    crowns = each.canopy(table, leaves, np.broadcast_to(dead, leaves.shape), ground)
    cover = each.uniform(0.25, 0.75)
    bare = each.chance(0.5)[..., None]
    mown = 0.5 * ground + 0.5 * grass
    return mixed(np.where(bare, ground, mown), crowns, cover)


def fields(each, table, system, ground, grass, lake):
    """Fields of one cropping system: crop, stubble, catch crop or weeds, bare or flooded soil."""
    rain_fed = system.rain_fed
    leaf_area, green, stubble, flood = growing(each, system)
    if rain_fed:
        leaf_area *= 0.45 + 0.55 * each.site.growth
    weeds = _weeds(each, leaf_area, stubble, flood, rain_fed)
    green_area = np.maximum(leaf_area, weeds)
    total = green_area + each.uniform(0.1, 0.8) * stubble
    weedy = (weeds >= leaf_area) & (weeds > 0.15)
    alive = np.maximum(green, 0.75 * weedy)
    flood = flood * (system.grown == "flooded")
    floor = mixed(ground, lake, 0.85 * flood)
    closed = each.canopy(table, total, np.clip(1 - alive, 0.03, 1), floor)
    crop = mixed(closed, floor, each.uniform(0.02, 0.2))
    # Trees, hedges, fallow ground.
    margin = each.beta(1, 4) * (0.6 if rain_fed else 0.15)
    return mixed(crop, grass, margin)


def _weeds(each, leaf_area, stubble, tilled, rain_fed):
    """Leaf area of weeds, and of catch crops after the harvest in cool climates, (n, T)."""
    weeds = each.site.growth * each.uniform(0, 0.9 if rain_fed else 0.45)
    climate = each.site.climate
    cool = climate.warmth[0] < 14
    share = 0.65 if climate.rain > 550 else 0.3
    catch = each.chance(share) & (not rain_fed) & cool
    harvested = stubble.cumsum(1) > 0
    empty = harvested & (leaf_area < 0.4)
    stands = _established(empty) * (1 - tilled)
    thinned = np.clip((each.site.temperature + 8) / 10, 0.15, 1)  # by frost
    stands = stands * thinned
    sown = stands * each.uniform(0.8, 3.8)
    return np.where(catch & empty, sown, weeds)


def _established(empty):
    """How far a catch crop has grown, 0 to 1, (n, T): it takes three months on empty fields."""
    month = np.arange(empty.shape[1])
    when_not_empty = np.where(empty, 0, month)
    since = month - np.maximum.accumulate(when_not_empty, axis=1)
    return np.clip(since / 3, 0, 1)


def growing(each, system):
    """Leaf area, greenness, stubble and flood of the cycles of a field, (n, T) each."""
    leaf_area, green, stubble, flood = np.zeros((4, each.n, each.months))
    of_year = each.lognormal(0.15, YEARS.size).repeat(12, 1)
    full = each.uniform(*system.leaf_area) * of_year[:, : each.months]
    for start, end, share in _cycles(each, system):
        rise = start + 0.25 * (end - start)
        leaves = each.seasons(rise, end, each.uniform(6, 13), 3)
        leaf_area += share * full * leaves
        ripe = end - each.uniform(4, 26)
        alive = each.seasons(start, ripe, 6, each.uniform(4, 9))
        green = np.maximum(green, alive)
        ploughed = end + each.uniform(10, 90)
        stubble = np.maximum(stubble, each.seasons(end, ploughed, 3, 9))
        drained = start + each.uniform(8, 25)
        flood = np.maximum(flood, each.seasons(start - 20, drained, 5, 5))
    return leaf_area, green, stubble, flood


def _cycles(each, system):
    """First and last days, (n, Y) each, and share of each crop; some fields rest for a year, or
    leave a crop out.
    """
    years, rain_fed = YEARS.size, system.rain_fed
    listed = _in_the_climate(system, each.site.climate)
    spread = 14 if rain_fed else 8  # days: rain sets the date of each field
    shift = each.rng.normal(0, spread) + each.normal(spread)  # of the site, of the field
    shift = shift + each.rng.normal(0, 5, years)
    resting = each.chance(0.08 if rain_fed else 0.05, years)
    several = len(listed) > 1
    skipped = each.chance(0.2 * several, len(listed))
    for number, (first, last, share) in enumerate(listed):
        left_out = resting | skipped[:, [number]]
        year = each.site.turn + YEAR * YEARS + np.where(left_out, 1e5, 0)
        start = first + shift + year
        start = start + each.normal(6, years)
        end = last + shift + year
        end = end + each.normal(7, years)
        yield start, end, share


def _in_the_climate(system, climate):
    """The cycles of a system: rain-fed ones come once after each peak of the rains."""
    if not system.rain_fed:
        return system.cycles
    found = []
    for peak in climate.peaks:
        for first, last, share in system.cycles:
            found.append((peak + first, peak + last, share))
    return found
