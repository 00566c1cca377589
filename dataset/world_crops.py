"""Fields and plantations in the climates of the world, (n, T, 10) reflectance each."""

from typing import NamedTuple

import numpy as np

from dataset.canopy import canopy
from dataset.climate import YEAR, YEARS
from dataset.pixels import mixed
from dataset.tables import pieces, rows
from dataset.vegetation import season


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
        cycles = [tuple(float(part) for part in cycle.split()) for cycle in pieces(row["cycles"])]
        found[row["name"]] = System(row["plant"], row["grown"], leaf_area, cycles)
    return found


SYSTEMS = read_systems()


def cropland(each, plants, ground, grass, lake):
    """Fields and plantations of the climate's cropping systems."""
    shares = each.site.climate.crops
    chosen = each.rng.choice(len(shares), size=each.n, p=np.array(list(shares.values())))
    out = np.empty_like(ground)
    for s, name in enumerate(shares):
        here = np.flatnonzero(chosen == s)
        if not here.size:
            continue
        system, some = SYSTEMS[name], each._replace(n=here.size)
        grow = plantation if system.grown == "trees" else fields
        out[here] = grow(some, plants, system, ground[here], grass[here], lake[here])
    return out


def plantation(each, plants, system, ground, grass, _lake):
    """Rows of trees over bare soil or mown grass."""
    site, on = each.site, 1.0
    if system.plant == "deciduous":
        on = season(site.days, site.leaf_on[None], site.leaf_off[None], 8, 10)
    leaves = each.uniform(*system.leaf_area) * (0.2 + 0.8 * on) * (0.85 + 0.15 * site.deep)
    dead = np.clip(1.02 - on * np.ones_like(leaves) + 0.1, 0.05, 0.8)
    crowns = canopy(plants[system.plant], each.plants(), leaves, dead, site.sun_zenith, ground)
    cover = each.uniform(0.25, 0.75)
    bare = each.chance(0.5)[..., None]
    between = np.where(bare, ground, 0.5 * ground + 0.5 * grass)
    return mixed(between, crowns, cover)


def fields(each, plants, system, ground, grass, lake):
    """Fields of one cropping system: crop, stubble, catch crop or weeds, bare or flooded soil."""
    rain_fed, zenith = system.rain_fed, each.site.sun_zenith
    leaf_area, green, stubble, flood = growing(each, system)
    if rain_fed:
        leaf_area *= 0.45 + 0.55 * each.site.growth
    weeds = _weeds(each, leaf_area, stubble, rain_fed)
    total = np.maximum(leaf_area, weeds) + each.uniform(0.1, 0.8) * stubble
    weedy = (weeds >= leaf_area) & (weeds > 0.15)
    dead = np.clip(1 - np.maximum(green, 0.75 * weedy), 0.03, 1)
    floor = mixed(ground, lake, 0.85 * (flood * (system.grown == "flooded")))
    closed = canopy(plants[system.plant], each.plants(), total, dead, zenith, floor)
    crop = mixed(closed, floor, each.uniform(0.02, 0.2))
    # Trees, hedges, fallow ground.
    margin = each.beta(1, 4) * (0.6 if rain_fed else 0.15)
    return mixed(crop, grass, margin)


def _weeds(each, leaf_area, stubble, rain_fed):
    """Leaf area of weeds, and of catch crops after the harvest in cool climates, (n, T)."""
    growth = each.site.growth
    weeds = growth * each.uniform(0, 0.9 if rain_fed else 0.45)
    cool = each.site.climate.warmth[0] < 14
    catch = each.chance(0.5) & (not rain_fed) & cool
    empty = (stubble.cumsum(1) > 0) & (leaf_area < 0.4)
    return np.where(catch & empty, growth * each.uniform(0.5, 2.5), weeds)


def growing(each, system):
    """Leaf area, greenness, stubble and flood of the cycles of a field, (n, T) each."""
    days, years = each.site.days, YEARS.size
    leaf_area, green, stubble, flood = np.zeros((4, each.n, each.months))
    of_year = each.lognormal(0.15, years).repeat(12, 1)[:, : each.months]
    full = each.uniform(*system.leaf_area) * of_year
    for cycle in _cycles(each, system):
        start, end = cycle.start, cycle.end
        rise = start + 0.25 * (end - start)
        leaf_area += cycle.share * full * season(days, rise, end, each.uniform(6, 13), 3)
        ripe = end - each.uniform(4, 26)
        green = np.maximum(green, season(days, start, ripe, 6, each.uniform(4, 9)))
        ploughed = end + each.uniform(10, 90)
        stubble = np.maximum(stubble, season(days, end, ploughed, 3, 9))
        drained = start + each.uniform(8, 25)
        flood = np.maximum(flood, season(days, start - 20, drained, 5, 5))
    return leaf_area, green, stubble, flood


class FieldCycle(NamedTuple):
    """One crop of the fields: its first and last days, (n, Y) each."""

    start: np.ndarray
    end: np.ndarray
    share: float


def _cycles(each, system):
    """The FieldCycles of a system; some fields rest for a year, or leave a crop out."""
    years, turn = YEARS.size, each.site.turn
    listed = system.cycles
    if system.rain_fed:  # once after each peak of the rains
        peaks = each.site.climate.peaks
        listed = [(peak + first, peak + last, c) for peak in peaks for first, last, c in listed]
    spread = 14 if system.rain_fed else 8  # days: rain sets the date of each field
    of_site, of_field = each.rng.normal(0, spread), each.normal(spread)
    shift = of_site + of_field + each.rng.normal(0, 5, years)
    resting = each.chance(0.08 if system.rain_fed else 0.05, years)
    skipped = each.chance(0.2 * (len(listed) > 1), len(listed))
    for number, (first, last, share) in enumerate(listed):
        year = turn + YEAR * YEARS + np.where(resting | skipped[:, [number]], 1e5, 0)
        start = first + shift + year + each.normal(6, years)
        end = last + shift + year + each.normal(7, years)
        yield FieldCycle(start, end, share)
