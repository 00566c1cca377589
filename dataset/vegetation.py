"""Vegetation of the simulated set: PROSPECT-D leaves in a 4SAIL canopy, with seasons of leaf area
and senescence.

PROSAIL (Jacquemoud et al. 2009) is run for every plant on a grid of leaf area index, senescence and
sun zenith. Kept is not the canopy's reflectance but the four-stream terms of SAIL (Verhoef 1984,
Verhoef et al. 2007), averaged over each Sentinel-2 band: any soil can then be put under the canopy.
Terms between grid points are interpolated.
"""

from functools import lru_cache

import numpy as np

from dataset.climate import REGIONS, YEARS

LAI = np.array([0.01, 0.3, 0.7, 1.2, 2.0, 3.0, 4.5, 7.0])  # m2 / m2
SENESCENCE = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # 0 green leaf, 1 dead leaf
SUN_ZENITH = np.array([12.0, 32.0, 52.0, 72.0])  # degrees
PLANTS = 6  # plants of a type at a site
# What is left of the reflectance in the shade, lit by the sky alone: the diffuse share of light on
# a clear day. Rounded from the fall of Rayleigh and aerosol scattering with wavelength (Vermote et
# al. 1997); not a run of 6S.
SKY_LIGHT = np.array([0.30, 0.24, 0.18, 0.16, 0.14, 0.13, 0.12, 0.11, 0.05, 0.04])
BAND_FILES = ("2", "3", "4", "5", "6", "7", "8", "8A", "11", "12")

# Ranges a plant is drawn from: leaf layers N, chlorophyll (ug/cm2), water (cm), dry matter (g/cm2),
# mean leaf angle (degrees), hot spot. Within those of Feret et al. 2008, 2017 (leaves) and Weiss &
# Baret 2016 (canopies).
TYPES = {
    "evergreen": ((1.6, 2.4), (30, 58), (0.012, 0.022), (0.008, 0.015), (45, 62), (0.02, 0.10)),
    "deciduous": ((1.4, 1.9), (28, 52), (0.008, 0.016), (0.005, 0.010), (35, 57), (0.02, 0.10)),
    "grass": ((1.3, 1.9), (22, 48), (0.005, 0.018), (0.003, 0.007), (52, 72), (0.05, 0.30)),
    "cereal": ((1.3, 1.8), (30, 58), (0.010, 0.022), (0.003, 0.006), (55, 72), (0.05, 0.30)),
    "broadleaf crop": (
        (1.3, 1.8),
        (35, 60),
        (0.012, 0.025),
        (0.004, 0.008),
        (42, 60),
        (0.05, 0.30),
    ),
}

# Cropping system: the crop type, then cycles of (emergence day, harvest day, share of the full leaf
# area, paddy). Days of the year after the crop calendars of China (USDA): wheat sown in October and
# cut in June, maize June to September, early rice April to July, late rice July to November, rape
# October to May.
SYSTEMS = {
    "wheat-maize": ("cereal", [(-78, 158, 0.22, 0), (74, 158, 0.78, 0), (188, 270, 0.9, 0)]),
    "rape-rice": ("cereal", [(-60, 144, 0.35, 0), (52, 144, 0.55, 0), (172, 298, 1.0, 1)]),
    "rice-rice": ("cereal", [(108, 200, 0.9, 1), (216, 318, 0.9, 1)]),
    "rice": ("cereal", [(158, 268, 1.0, 1)]),
    "maize": ("broadleaf crop", [(145, 265, 1.0, 0)]),
    "vegetables": (
        "broadleaf crop",
        [(62, 122, 0.6, 0), (138, 196, 0.6, 0), (212, 268, 0.6, 0), (282, 345, 0.5, 0)],
    ),
}


@lru_cache(maxsize=1)
def band_weights():
    """Wavelengths (W,) in nm and their weights in the ten bands, (W, 10): the mean of Sentinel-2A
    and 2B responses.
    """
    from pyrsr import __path__ as package

    wavelengths, weights = np.arange(400, 2501), np.zeros((2101, 10))
    for satellite in ("Sentinel-2A", "Sentinel-2B"):
        for b, band in enumerate(BAND_FILES):
            response = np.loadtxt(f"{package[0]}/data/{satellite}/MSI/band_{band}", skiprows=1)
            weights[:, b] += (
                np.interp(wavelengths, response[:, 0], response[:, 1], left=0, right=0) / 2
            )
    keep = (weights > 0.02).any(1) & (
        wavelengths % 3 == 0
    )  # every 3 nm: bands are 15 nm wide and wider
    return wavelengths[keep], weights[keep] / weights[keep].sum(0)


def grow(rng, kind):
    """Run PROSAIL for PLANTS plants of a type: the table of four-stream terms, (P, LAI, senescence,
    sun, 7, 10).
    """
    from prosail.FourSAIL import foursail
    from prosail.prospect_d import run_prospect

    wavelengths, weights = band_weights()
    table = np.empty((PLANTS, LAI.size, SENESCENCE.size, SUN_ZENITH.size, 7, 10))
    for p in range(PLANTS):
        layers, chlorophyll, water, matter, angle, hot_spot = (
            rng.uniform(*limits) for limits in TYPES[kind]
        )
        brown, dry, autumn_red = rng.uniform(0.6, 1.2), rng.uniform(0.08, 0.3), rng.uniform(0, 6)
        leaves = [
            run_prospect(
                layers,
                chlorophyll * (1 - 0.97 * s),
                chlorophyll * 0.22 * (1 - 0.7 * s),
                brown * s**1.5,
                water * (1 - s) + water * dry * s,
                matter,
                ant=autumn_red * 4 * s * (1 - s),
                prospect_version="D",
            )
            for s in SENESCENCE
        ]
        reflectance = np.concatenate(
            [leaf[1][wavelengths - 400] for leaf in leaves]
        )  # all leaf states in one run of SAIL
        transmittance = np.concatenate([leaf[2][wavelengths - 400] for leaf in leaves])
        for a, leaf_area in enumerate(LAI):
            for z, zenith in enumerate(SUN_ZENITH):
                tss, too, tsstoo, rdd, _, _, tsd, _, tdo, rso, *_ = foursail(
                    reflectance,
                    transmittance,
                    angle,
                    0.0,
                    2,
                    leaf_area,
                    hot_spot,
                    zenith,
                    5.0,
                    90.0,
                    np.zeros_like(reflectance),
                )
                terms = (
                    np.stack([rso, tdo, tsd, rdd]).reshape(4, SENESCENCE.size, -1) @ weights
                )  # (4, S, 10)
                table[p, a, :, z, :4] = terms.transpose(1, 0, 2)
                table[p, a, :, z, 4:] = np.array([tss, too, tsstoo])[:, None]
    return table


def canopy(table, plant, leaf_area, senescence, zenith, soil):
    """Reflectance of a canopy over soil, (n, T, 10).

    plant (n,) picks from the table; leaf_area, senescence (n, T); zenith (T,) degrees; soil (n, T,
    10) reflectance.
    """
    axes = [
        np.interp(value, grid, np.arange(grid.size))
        for value, grid in (
            (leaf_area, LAI),
            (senescence, SENESCENCE),
            (np.broadcast_to(zenith, leaf_area.shape), SUN_ZENITH),
        )
    ]
    low = [
        np.minimum(axis.astype(int), size - 2)
        for axis, size in zip(axes, table.shape[1:4], strict=True)
    ]
    part = [axis - corner for axis, corner in zip(axes, low, strict=True)]
    terms = 0
    for corner in np.ndindex(2, 2, 2):  # trilinear
        weight = np.prod([part[i] if corner[i] else 1 - part[i] for i in range(3)], axis=0)
        terms = (
            terms
            + weight[..., None, None]
            * table[plant[:, None], low[0] + corner[0], low[1] + corner[1], low[2] + corner[2]]
        )
    rso, tdo, tsd, rdd, tss, too, tsstoo = np.moveaxis(terms, -2, 0)
    return (
        rso
        + tsstoo * soil
        + ((tss + tsd) * tdo + (tsd + tss * soil * rdd) * too) * soil / (1 - soil * rdd)
    )


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


def woodland(rng, site, n, tables, soil):
    """Evergreen, deciduous or mixed wood, (n, T, 10). Crowns shade each other, most at low sun: Li
    & Strahler 1985.
    """
    share = np.clip(
        (site.temperature.mean() - 8) / 10, 0.12, 0.9
    )  # more evergreen where winters are mild
    evergreen = np.where(rng.random(n) < 0.7, rng.random(n) < share, rng.uniform(0, 1, n))[
        :, None, None
    ]
    shift = rng.normal(0, 6, (n, 1))
    start, end = site.leaf_on + shift, site.leaf_off + 6 + rng.normal(0, 7, (n, 1))
    on = season(site.days, start, end, rng.uniform(5, 10, n), rng.uniform(6, 12, n))
    green = season(site.days, start - 3, end - rng.uniform(6, 22, (n, 1)), 5, rng.uniform(6, 12, n))
    stress = 0.25 * site.drought
    full, bare = rng.uniform(2.2, 6.0, (n, 1)), rng.uniform(0.3, 1.0, (n, 1))
    floor = soil * rng.uniform(
        0.45, 0.85, (n, 1, 1)
    )  # litter and low plants: darker than open soil
    leafy = canopy(
        tables["deciduous"],
        rng.integers(PLANTS, size=n),
        bare + (full - bare) * on * (1 - stress),
        np.clip(1 - green + 0.5 * stress, 0.03, 1),
        site.sun_zenith,
        floor,
    )
    full = rng.uniform(2.5, 6.5, (n, 1))
    needles = canopy(
        tables["evergreen"],
        rng.integers(PLANTS, size=n),
        full * (0.82 + 0.18 * on) * (1 - 0.5 * stress),
        np.clip(rng.uniform(0.02, 0.12, (n, 1)) + 0.10 * (1 - on) + 0.4 * stress, 0, 1),
        site.sun_zenith,
        floor,
    )
    sun = np.clip(np.tan(np.radians(site.sun_zenith)) / np.tan(np.radians(35)), 0.6, 1.4)
    shade = rng.uniform(0.12, 0.42, (n, 1)) * sun
    return (evergreen * needles + (1 - evergreen) * leafy) * (
        1 - shade[..., None] * (1 - SKY_LIGHT)
    )


def grassland(rng, site, n, tables, soil):
    """Lawns (mown, long green), meadows and weedy ground with gaps of open soil, (n, T, 10)."""
    lawn = rng.random((n, 1)) < 0.4
    shift = rng.normal(0, 8, (n, 1))
    late = np.where(lawn, -18, rng.exponential(18, (n, 1)) - 6)  # lawns green up early, weeds late
    start = site.leaf_on + late + shift
    end = site.leaf_off + np.where(lawn, 20, 0) + rng.normal(0, 9, (n, 1))
    on = season(site.days, start, end, rng.uniform(8, 16, n), rng.uniform(10, 20, n))
    green = season(site.days, start, end - 8, rng.uniform(8, 14, n), rng.uniform(10, 20, n))
    mild = np.clip((site.temperature + 2) / 12, 0, 1)[
        None
    ]  # grass stays half green where winters are mild
    winter_green = mild * rng.uniform(0.2, 0.7, (n, 1))
    full = np.where(lawn, rng.uniform(0.9, 2.8, (n, 1)), rng.uniform(0.7, 4.0, (n, 1)))
    low = np.where(lawn, 0.35, 0.25) * full
    mown = (
        1
        - (rng.random((n, site.days.size)) < 0.06) * rng.uniform(0.2, 0.6, (n, site.days.size)) * on
    )
    dry = site.drought * rng.uniform(0.5, 1, (n, 1))
    leaf_area = (
        (low + (full - low) * on) * mown * (1 - 0.5 * dry) * rng.lognormal(0, 0.05, mown.shape)
    )
    dead = np.clip(
        1 - np.maximum(green, winter_green) * (1 - 0.8 * dry) + rng.uniform(0.02, 0.30, (n, 1)),
        0,
        1,
    )
    gaps = np.where(lawn, rng.uniform(0, 0.15, (n, 1)), rng.uniform(0, 0.35, (n, 1)))[..., None]
    closed = canopy(
        tables["grass"], rng.integers(PLANTS, size=n), leaf_area, dead, site.sun_zenith, soil
    )
    return closed * (1 - gaps) + soil * gaps


def cropland(rng, site, n, tables, soil, water):
    """One to four harvests a year, with stubble, ploughed and flooded fields, (n, T, 10)."""
    systems = REGIONS[site.region].crops
    chosen = rng.choice(len(systems), size=n, p=list(systems.values()))
    out = np.empty_like(soil)
    for s, name in enumerate(systems):
        rows = np.flatnonzero(chosen == s)
        if rows.size:
            kind, cycles = SYSTEMS[name]
            out[rows] = _fields(rng, site, rows.size, tables[kind], cycles, soil[rows], water[rows])
    return out


def _fields(rng, site, n, table, cycles, soil, water):
    """Fields of one cropping system, (n, T, 10)."""
    shape = (n, site.days.size)
    leaf_area, green, stubble, flooded = (np.zeros(shape) for _ in range(4))
    full = rng.uniform(1.8, 4.8, (n, 1))
    shift = (
        rng.normal(0, 6) + rng.normal(0, 7, (n, 1)) + rng.normal(0, 4, YEARS.size)
    )  # of the site, field and year
    resting = rng.random((n, YEARS.size)) < 0.06  # a whole year without a crop
    for start, end, share, paddy in cycles:
        year = 365.25 * YEARS + np.where(resting, 1e5, 0)
        start = start + shift + year + rng.normal(0, 5, (n, YEARS.size))
        end = end + shift + year + rng.normal(0, 5, (n, YEARS.size))
        length = (end - start)[:, :1]
        leaf_area += (
            share * full * season(site.days, start + 0.22 * length, end, rng.uniform(6, 10, n), 2.5)
        )
        green = np.maximum(
            green,
            season(site.days, start, end - rng.uniform(5, 22, (n, 1)), 5, rng.uniform(3, 7, n)),
        )
        stubble = np.maximum(
            stubble, season(site.days, end, end + rng.uniform(15, 70, (n, 1)), 2.5, 8)
        )
        flooded = np.maximum(
            flooded, paddy * season(site.days, start - 22, start + rng.uniform(8, 22, (n, 1)), 4, 5)
        )
    dry = site.drought * rng.uniform(0.2, 0.9, (n, 1))
    weeds = rng.uniform(0, 0.35, (n, 1)) * np.clip((site.temperature - 3) / 15, 0, 1)
    total = np.maximum(leaf_area * (1 - 0.5 * dry), weeds) + 0.5 * rng.random((n, 1)) * stubble
    dead = np.clip(1 - np.maximum(green, 0.7 * (total <= weeds)) + 0.5 * dry, 0.02, 1)
    ground = soil * (1 - flooded[..., None] * 0.85) + water * flooded[..., None] * 0.85
    gaps = rng.uniform(0.02, 0.25, (n, 1, 1))  # paths, ditches and gaps between rows
    closed = canopy(table, rng.integers(PLANTS, size=n), total, dead, site.sun_zenith, ground)
    return closed * (1 - gaps) + ground * gaps
