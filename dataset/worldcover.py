"""What each class looks like in the climates of the world, (n, T, 10) reflectance each.

Leaves and canopies are those of the urban set (vegetation.py); soils, built materials and char are
measured spectra (spectra.py). Sizes and shares are judgement, set beside the real series.
"""

from functools import lru_cache

import numpy as np

from dataset import spectra, surfaces, vegetation
from dataset.climate import YEARS
from dataset.vegetation import PLANTS, SKY_LIGHT, canopy, season

# Crop type; cycles of (emergence, harvest, share of the full leaf area), days of the year in the
# northern hemisphere, or counted from the peak of the rains where `rain`; range of the full leaf
# area; kind: field, rows of trees, or both. After Sacks et al. 2010 and others (world.md).
# fmt: off
SYSTEMS = {
    "winter cereal": ("cereal", [(-75, 198, 0.3), (62, 198, 0.8)], (2.5, 6.5), "field"),
    "early cereal": ("cereal", [(-35, 160, 0.3), (35, 160, 0.7)], (1.2, 4.5), "field"),
    "spring cereal": ("cereal", [(125, 235, 1.0)], (1.8, 5), "field"),
    "rape": ("broadleaf crop", [(-110, 195, 0.35), (60, 195, 0.7)], (2.5, 5), "field"),
    "maize": ("broadleaf crop", [(138, 268, 1.0)], (2.5, 5.5), "field"),
    "summer": ("broadleaf crop", [(148, 265, 1.0)], (2, 5.5), "field"),
    "roots": ("broadleaf crop", [(130, 290, 1.0)], (2.5, 5), "field"),
    "alfalfa": ("broadleaf crop", [(75, 150, 0.9), (152, 192, 0.9), (194, 234, 0.9), (236, 280,
        0.7)], (2, 4.5), "field"),
    "vegetables": ("broadleaf crop", [(80, 140, 0.6), (155, 215, 0.6), (230, 290, 0.6)], (1.5,
        4), "field"),
    "irrigated": ("broadleaf crop", [(-50, 105, 0.7), (140, 262, 0.9)], (2, 5.5), "field"),
    "double": ("broadleaf crop", [(-65, 145, 0.7), (165, 285, 0.9)], (2, 5), "field"),
    "smallholder": ("broadleaf crop", [(-62, 58, 1.0)], (0.9, 3.2), "rain"),
    "long crop": ("broadleaf crop", [(-75, 165, 1.0)], (1.5, 4), "rain"),
    "monsoon pair": ("cereal", [(-35, 75, 0.9), (105, 225, 0.9)], (1.5, 4.5), "rain"),
    "paddy": ("cereal", [(-35, 80, 1.0)], (2, 5), "flooded"),
    "two paddies": ("cereal", [(-70, 30, 0.9), (125, 225, 0.9)], (2, 5), "flooded"),
    "orchard": ("deciduous", [], (1.5, 3.5), "trees"),
    "olive": ("evergreen", [], (1.2, 3), "trees"),
    "palms": ("evergreen", [], (1.5, 4), "trees"),
}
# fmt: on
PLANTS_AT_HAND = 48  # of each type, from which sites draw theirs
METAL = ("bright metal roof", "grey metal roof", "blue steel roof")


@lru_cache(maxsize=1)
def library():
    """Tables of PLANTS_AT_HAND plants of each type."""
    rng = np.random.default_rng(1)
    kinds = vegetation.TYPES
    return {
        kind: np.concatenate([vegetation.grow(rng, kind) for _ in range(PLANTS_AT_HAND // PLANTS)])
        for kind in kinds
    }


def covers(rng, site, n):
    """Each pixel as it would look if one class covered it throughout, (n, T, 6, 10)."""
    plants = {kind: table[rng.choice(len(table), PLANTS)] for kind, table in library().items()}
    ground = soil(rng, site, n, gain=(0.65, 1.0))
    grass = grassland(rng, site, n, plants, ground)
    wood = woodland(rng, site, n, plants, ground, grass)
    lake = surfaces.water(rng, site, n, ground)
    crops = cropland(rng, site, n, plants, ground, grass, lake)
    green = np.where(rng.random((n, 1, 1)) < 0.4, wood, grass)
    return np.stack(
        [
            surfaces.water_year(rng, site, lake, ground * 0.7, grass),
            wood,
            grass,
            bare(rng, site, n, grass),
            impervious(rng, site, n, green),
            crops,
        ],
        axis=2,
    )


def soil(rng, site, n, *, gain):
    """Measured dry soils of one or two kinds, under the site's weather, with clods and shade."""
    kinds = spectra.draw(rng, "soil", 2)  # (2, 10)
    dry = kinds[(rng.random(n) < 0.3).astype(int)] * rng.lognormal(0, 0.12, (n, 1))
    dry = dry * rng.uniform(*gain, (n, 1))
    short = surfaces.CENTRES > 1500
    wet = dry * np.where(short, 0.38, 0.55)
    moisture = np.clip(0.55 * site.wetness + rng.normal(0, 0.1, (n, 1)), 0, 1)
    decay = np.exp(-np.where(short, 3.0, 2.3) * moisture[..., None])
    found = wet[:, None] + (dry - wet)[:, None] * decay
    low_sun = np.tan(np.radians(np.minimum(site.sun_zenith, 70)))
    shade = 0.22 * np.clip(rng.uniform(0, 0.5, (n, 1)) * low_sun, 0, 1.5)
    return found * (1 - shade)[..., None]


def bare(rng, site, n, plants):
    """Open ground: soil, sand or rock, with up to a quarter of plants."""
    ground = soil(rng, site, n, gain=(0.65, 1.1))
    share = np.where(rng.random((n, 1, 1)) < 0.6, rng.uniform(0, 0.25, (n, 1, 1)), 0)
    return ground * (1 - share) + plants * share


def impervious(rng, site, n, green):
    """Built materials, measured or those of the urban set, that glare; up to half are gardens."""
    old = surfaces.impervious(rng, site, n, green)
    parts = spectra.draw(rng, "built", (n, 3))
    metal = np.array([surfaces.MATERIALS[name] for name in METAL])
    hall = rng.random((n, 3)) < 0.3  # halls of industry have metal roofs
    parts = np.where(hall[..., None], metal[rng.integers(len(metal), size=(n, 3))], parts)
    parts = parts * rng.lognormal(0, 0.15, (n, 3, 1))
    surface = np.einsum("nk,nkb->nb", rng.dirichlet((1.0, 0.5, 0.3), n), parts)[:, None]
    low_sun = np.clip(np.tan(np.radians(site.sun_zenith)), 0.2, 2.2)
    shade = np.clip(rng.beta(1.2, 3.5, (n, 1)) * 0.5 * low_sun, 0, 0.6)[..., None]
    surface = surface * (1 - shade) + surface * SKY_LIGHT * shade
    built = np.where(rng.random((n, 1, 1)) < 0.4, old, surface)
    tilt = rng.normal(0, rng.uniform(0.02, 0.18, (n, 1)), (n, site.days.size))  # roofs glare
    slope = np.linspace(0.8, 1.2, 10) * np.where(rng.random((n, 1, 1)) < 0.5, 1, 0.7)
    built = np.clip(built * np.exp(tilt[..., None] * slope), 0.005, 1.2)
    gardens = np.where(rng.random((n, 1, 1)) < 0.5, rng.uniform(0, 0.5, (n, 1, 1)), 0)
    return built * (1 - gardens) + green * gardens


def grassland(rng, site, n, plants, ground):
    """Managed grass, wild grass with gaps, and low scrub."""
    climate = site.climate
    managed = rng.random((n, 1)) < climate.managed
    late = site.growth[np.maximum(np.arange(site.days.size) - 1, 0)]  # grass stays a while
    grow = 0.6 * site.growth + 0.4 * late
    power = rng.uniform(0.6, 1.6, (n, 1))
    green = grow[None] ** power
    full = np.where(managed, rng.uniform(1.5, 4.5, (n, 1)), rng.uniform(0.7, 3.5, (n, 1)))
    full = full * np.clip(0.4 + 0.8 * site.growth.mean(), 0.5, 1)  # short where growth is short
    rest = np.where(managed, rng.uniform(0.25, 0.6, (n, 1)), rng.uniform(0.3, 0.8, (n, 1)))
    leaf_area = full * (rest + (1 - rest) * green)
    months = site.days.size
    cut = (rng.random((n, months)) < 0.2) * managed * rng.uniform(0.2, 0.8, (n, months))
    leaf_area = leaf_area * (1 - cut * green)
    dead = 1 - green * np.where(managed, 1.15, 0.95) - np.where(managed, 0.12, 0.0)
    hot = np.clip((climate.warmth[0] - 14) / 10, 0, 1) * (1 - 0.7 * climate.seasonal)  # coarse
    dead = np.clip(dead + rng.uniform(-0.1, 0.15 + 0.25 * hot, (n, 1)) + 0.3 * cut, 0.03, 1)
    open_soil = np.clip(rng.beta(2, 3, (n, 1)) * 2.2 * climate.sparse, 0, 0.85)
    open_soil = np.where(managed, rng.uniform(0, 0.12 + 0.15 * hot, (n, 1)), open_soil)[..., None]
    kind = rng.integers(PLANTS, size=n)
    closed = canopy(plants["grass"], kind, leaf_area, dead, site.sun_zenith, ground)
    meadow = closed * (1 - open_soil) + ground * open_soil
    scrub = ~managed & (rng.random((n, 1)) < climate.scrub)
    bushes = trees(rng, site, n, plants, ground, (0.8, 2.5))
    cover = rng.uniform(0.3, 0.7, (n, 1, 1))
    shrubs = bushes * cover + meadow * (1 - cover)
    return burnt(rng, site, np.where(scrub[..., None], shrubs, meadow), ~managed)


def burnt(rng, site, cover, wild):
    """Wild grass burns in the dry season of warm climates: dark for a month or two, no change."""
    dry = (site.growth < 0.3) & (site.temperature > 18)
    n, months = cover.shape[:2]
    fire = surfaces.runs(rng, n, months, chance=0.06, longest=2) * dry * wild
    share = fire * rng.uniform(0.3, 0.9, (n, 1))
    return cover * (1 - share[..., None]) + spectra.draw(rng, "char", (n, 1)) * share[..., None]


def trees(rng, site, n, plants, floor, full):
    """Crowns that lose their leaves in winter or in the dry season, or keep them."""
    evergreen = rng.random((n, 1)) < site.climate.evergreen
    winter = site.climate.warmth[0] - site.climate.warmth[1] < 6
    if winter:
        shift = rng.normal(0, 6, (n, 1))
        start, end = site.leaf_on + shift, site.leaf_off + 6 + rng.normal(0, 7, (n, 1))
        on = season(site.days, start, end, rng.uniform(5, 10, n), rng.uniform(6, 12, n))
        on = on * (0.75 + 0.25 * site.deep)
    else:
        on = np.clip(site.deep * rng.uniform(0.9, 1.6, (n, 1)), 0, 1)
    leaves = rng.uniform(*full, (n, 1))
    twigs = rng.uniform(0.12, 0.3, (n, 1))
    kind = rng.integers(PLANTS, size=n)
    dead = np.clip(1.02 - 1.2 * on, 0.03, 0.9)
    leafy = canopy(
        plants["deciduous"], kind, leaves * (twigs + (1 - twigs) * on), dead, site.sun_zenith, floor
    )
    steady = 0.8 + 0.2 * site.deep
    tired = np.clip(rng.uniform(0.02, 0.14, (n, 1)) + 0.22 * (1 - site.deep), 0, 1)
    needles = canopy(plants["evergreen"], kind, leaves * steady, tired, site.sun_zenith, floor)
    return np.where(evergreen[..., None], needles, leafy)


def woodland(rng, site, n, plants, ground, grass):
    """Closed forest, and open woodland with grass between the crowns."""
    floor = ground * rng.uniform(0.4, 0.8, (n, 1, 1))
    crowns = trees(rng, site, n, plants, floor, (2.2, 6.5))
    low_sun = np.clip(np.tan(np.radians(site.sun_zenith)) / np.tan(np.radians(35)), 0.6, 1.6)
    shade = rng.uniform(0.1, 0.42, (n, 1)) * low_sun
    crowns = crowns * (1 - shade[..., None] * (1 - SKY_LIGHT))
    sparse = rng.random((n, 1, 1)) < 0.7 * site.climate.open_wood
    cover = np.where(sparse, rng.uniform(0.5, 0.88, (n, 1, 1)), rng.uniform(0.88, 1, (n, 1, 1)))
    return crowns * cover + grass * (1 - cover)


def cropland(rng, site, n, plants, ground, grass, lake):
    """Fields and plantations of the climate's cropping systems."""
    systems = site.climate.crops
    chosen = rng.choice(len(systems), size=n, p=np.array(list(systems.values())))
    out = np.empty_like(ground)
    for s, name in enumerate(systems):
        rows = np.flatnonzero(chosen == s)
        if not rows.size:
            continue
        kind, cycles, full, how = SYSTEMS[name]
        if how == "trees":
            out[rows] = plantation(
                rng, site, rows.size, plants[kind], full, ground[rows], grass[rows], kind
            )
        else:
            out[rows] = fields(
                rng, site, plants[kind], cycles, full, how, ground[rows], grass[rows], lake[rows]
            )
    return out


def plantation(rng, site, n, table, full, ground, grass, kind):
    """Rows of trees over bare soil or mown grass."""
    on = 1.0
    if kind == "deciduous":
        on = season(
            site.days, site.leaf_on[None].repeat(n, 0), site.leaf_off[None].repeat(n, 0), 8, 10
        )
    leaves = rng.uniform(*full, (n, 1)) * (0.2 + 0.8 * on) * (0.85 + 0.15 * site.deep)
    dead = np.clip(1.02 - on * np.ones_like(leaves) + 0.1, 0.05, 0.8)
    rows = canopy(table, rng.integers(PLANTS, size=n), leaves, dead, site.sun_zenith, ground)
    cover = rng.uniform(0.25, 0.75, (n, 1, 1))
    between = np.where(rng.random((n, 1, 1)) < 0.5, ground, 0.5 * ground + 0.5 * grass)
    return rows * cover + between * (1 - cover)


def fields(rng, site, table, cycles, full, how, ground, grass, lake):
    """Fields of one cropping system: crop, stubble, catch crop or weeds, bare or flooded soil."""
    n = len(ground)
    rain_fed = how in ("rain", "flooded")
    if rain_fed:  # once after each peak of the rains
        cycles = [(peak + a, peak + b, c) for peak in site.climate.peaks for a, b, c in cycles]
    leaf_area, green, stubble, flood = growing(rng, site, n, cycles, full, rain_fed)
    if rain_fed:
        leaf_area *= 0.45 + 0.55 * site.growth
    weeds = site.growth * rng.uniform(0, 0.9 if rain_fed else 0.45, (n, 1))
    catch = (rng.random((n, 1)) < 0.5) & (not rain_fed) & (site.climate.warmth[0] < 14)
    empty = (stubble.cumsum(1) > 0) & (leaf_area < 0.4)
    weeds = np.where(catch & empty, site.growth * rng.uniform(0.5, 2.5, (n, 1)), weeds)
    total = np.maximum(leaf_area, weeds) + rng.uniform(0.1, 0.8, (n, 1)) * stubble
    weedy = (weeds >= leaf_area) & (weeds > 0.15)
    dead = np.clip(1 - np.maximum(green, 0.75 * weedy), 0.03, 1)
    share = 0.85 * (flood * (how == "flooded"))[..., None]
    floor = ground * (1 - share) + lake * share
    closed = canopy(table, rng.integers(PLANTS, size=n), total, dead, site.sun_zenith, floor)
    gaps = rng.uniform(0.02, 0.2, (n, 1, 1))
    margin = rng.beta(1, 4, (n, 1, 1)) * (0.6 if rain_fed else 0.15)  # trees, hedges, fallow ground
    return (closed * (1 - gaps) + floor * gaps) * (1 - margin) + grass * margin


def growing(rng, site, n, cycles, full, rain_fed):
    """Leaf area, greenness, stubble and flood of the cycles of a field, (n, T) each."""
    years, months = YEARS.size, site.days.size
    leaf_area, green, stubble, flood = (np.zeros((n, months)) for _ in range(4))
    each_year = rng.lognormal(0, 0.15, (n, years)).repeat(12, 1)[:, :months]
    full = rng.uniform(*full, (n, 1)) * each_year
    spread = 14 if rain_fed else 8  # days: rain sets the date of each field
    shift = rng.normal(0, spread) + rng.normal(0, spread, (n, 1)) + rng.normal(0, 5, years)
    resting = rng.random((n, years)) < (0.08 if rain_fed else 0.05)
    skipped = rng.random((n, len(cycles))) < 0.2 * (len(cycles) > 1)
    for number, (start, end, share) in enumerate(cycles):
        year = site.turn + 365.25 * YEARS + np.where(resting | skipped[:, [number]], 1e5, 0)
        start = start + shift + year + rng.normal(0, 6, (n, years))
        end = end + shift + year + rng.normal(0, 7, (n, years))
        rise = start + 0.25 * (end - start)
        leaf_area += share * full * season(site.days, rise, end, rng.uniform(6, 13, n), 3)
        ripe = rng.uniform(4, 26, (n, 1))
        green = np.maximum(green, season(site.days, start, end - ripe, 6, rng.uniform(4, 9, n)))
        stay = rng.uniform(10, 90, (n, 1))
        stubble = np.maximum(stubble, season(site.days, end, end + stay, 3, 9))
        wet = season(site.days, start - 20, start + rng.uniform(8, 25, (n, 1)), 5, 5)
        flood = np.maximum(flood, wet)
    return leaf_area, green, stubble, flood
