"""Soil, water and impervious surfaces of the simulated set, each as reflectance in the ten bands,
(n, T, 10).
"""

import numpy as np

from dataset.vegetation import SKY_LIGHT, band_weights

CENTRES = np.array(
    [492, 560, 665, 704, 740, 781, 833, 864, 1612, 2194.0]
)  # nm, mean of Sentinel-2A and 2B

# Absorption of pure water, 1/m, band means: Pope & Fry 1997 below 730 nm, Kou et al. 1993 above.
WATER_ABSORPTION = np.array([0.019, 0.063, 0.42, 0.70, 2.5, 2.3, 3.6, 4.7, 670, 1900])
# Backscattering of pure water, 1/m: Morel 1974.
WATER_BACKSCATTER = 0.00095 * (550 / CENTRES) ** 4.32
# Absorption of phytoplankton at 1 mg/m3 of chlorophyll, 1/m: shape of Bricaud et al. 1995, rounded.
ALGAE_ABSORPTION = np.array([0.030, 0.009, 0.018, 0.003, 0, 0, 0, 0, 0, 0])

# Urban materials, reflectance in the ten bands: rounded values in the range of the spectra that
# Herold et al. 2004 and Kotthaus et al. 2014 show.
MATERIALS = {
    "concrete": (0.17, 0.21, 0.25, 0.26, 0.265, 0.27, 0.275, 0.28, 0.33, 0.31),
    "bright concrete": (0.27, 0.32, 0.36, 0.37, 0.375, 0.38, 0.385, 0.39, 0.42, 0.39),
    "old asphalt": (0.095, 0.112, 0.13, 0.137, 0.141, 0.146, 0.152, 0.156, 0.205, 0.20),
    "new asphalt": (0.045, 0.048, 0.052, 0.054, 0.055, 0.057, 0.059, 0.060, 0.080, 0.080),
    "bright metal roof": (0.36, 0.39, 0.41, 0.42, 0.43, 0.43, 0.43, 0.43, 0.54, 0.58),
    "grey metal roof": (0.18, 0.18, 0.19, 0.20, 0.21, 0.22, 0.23, 0.23, 0.32, 0.36),
    "blue steel roof": (0.29, 0.20, 0.12, 0.13, 0.17, 0.25, 0.29, 0.30, 0.38, 0.37),
    "red roof": (0.07, 0.09, 0.20, 0.25, 0.28, 0.30, 0.31, 0.32, 0.40, 0.36),
    "clay tile": (0.06, 0.10, 0.21, 0.25, 0.27, 0.28, 0.29, 0.30, 0.38, 0.37),
    "bitumen roof": (0.06, 0.065, 0.07, 0.075, 0.08, 0.083, 0.087, 0.09, 0.12, 0.12),
    "gravel roof": (0.11, 0.135, 0.165, 0.175, 0.18, 0.185, 0.19, 0.195, 0.25, 0.245),
}
MATERIAL_ODDS = np.array([3, 1, 3, 0.7, 0.8, 1.2, 1, 0.7, 0.6, 1, 0.8])


def soil(rng, site, n, *, bright, rough):
    """Soil under the site's weather. `bright`, `rough`: ranges of the dry soil's gain and of its
    roughness, 0..1.

    The dry spectrum is the one that PROSAIL carries, tilted by the region's soil type; water
    darkens it exponentially towards its saturated reflectance, most in the short-wave infrared
    (Lobell & Asner 2002).
    """
    from prosail import spectral_lib

    wavelengths, weights = band_weights()
    dry = spectral_lib.soil.rsoil1[wavelengths - 400] @ weights  # (10,)
    # iron-rich red soils of the south absorb in the blue and green; the loess of the north is
    # bright and flat
    red = {"S": 0.45, "SW": 0.3, "E": 0.2}.get(site.region, 0.08) * rng.uniform(0.4, 1.6, (n, 1))
    tilt = (CENTRES / 833) ** rng.normal(0, 0.10, (n, 1)) * np.exp(
        -red * np.clip((700 - CENTRES) / 200, 0, 1.2)
    )
    dry = dry * tilt * rng.uniform(*bright, (n, 1))  # (n, 10)
    saturated = dry * np.where(CENTRES > 1500, 0.33, 0.50) * rng.uniform(0.85, 1.15, (n, 1))
    patchy = rng.normal(0, 0.12, (n, 1)) + rng.normal(0, 0.07, (n, site.days.size))
    moisture = np.clip(
        0.65 * site.wetness + patchy, 0, 1
    )  # clear looks come after dry days: drier than the month
    decay = np.exp(-np.where(CENTRES > 1500, 3.2, 2.4) * moisture[..., None])  # (n, T, 10)
    spectra = saturated[:, None] + (dry - saturated)[:, None] * decay
    # clods cast shadows, long ones under a low sun: Cierniewski 1987
    shadow = rng.uniform(*rough, (n, 1)) * np.tan(np.radians(np.minimum(site.sun_zenith, 70)))
    return spectra * (1 - 0.25 * np.clip(shadow, 0, 1.5))[..., None]


def bare(ground, weeds_cover, rng, site):
    """Bare soil with up to a fifth of weeds, at their greenest in summer, (n, T, 10)."""
    share = np.where(rng.random((len(ground), 1)) < 0.6, rng.uniform(0, 0.20, (len(ground), 1)), 0)[
        ..., None
    ]
    return ground * (1 - share) + weeds_cover * share


def water(rng, site, n, bottom):
    """Lakes, rivers and ponds, (n, T, 10): clear, turbid or rich in algae; shallow or deep.

    Deep water after Gordon et al. 1988 with the numbers of Lee et al. 2002; the bottom and the way
    through the surface after Lee et al. 1998, 1999. Dissolved matter after Bricaud et al. 1981,
    sediment after Babin et al. 2003. bottom (n, T, 10): reflectance of the wet ground below.
    """
    shape = (n, site.days.size)
    kind = rng.choice(3, size=(n, 1), p=(0.3, 0.45, 0.25))  # clear, turbid, algae
    summer = 0.5 - 0.5 * np.cos(2 * np.pi * (site.days - 35) / 365.25)
    weather = rng.lognormal(0, 0.25, shape) * rng.lognormal(0, 0.2, site.days.size)

    def pick(*ranges):  # log-uniform in the range of the water's kind
        low, high = np.log(np.array(ranges)).T
        return np.exp(rng.uniform(low[kind], high[kind]))

    sediment = pick((0.5, 5), (10, 180), (5, 40)) * (0.6 + 0.8 * site.wetness) * weather  # g/m3
    chlorophyll = (
        pick((0.5, 5), (1, 15), (10, 120)) * (0.35 + 0.9 * summer) * rng.lognormal(0, 0.3, shape)
    )  # mg/m3
    humic = pick((0.05, 0.5), (0.1, 1.0), (0.3, 2.0))  # 1/m at 440 nm
    depth = np.exp(rng.uniform(np.log(0.4), np.log(12), (n, 1))) * (0.8 + 0.4 * site.wetness)  # m

    absorb = (
        WATER_ABSORPTION
        + humic[..., None] * np.exp(-0.014 * (CENTRES - 440))
        + ALGAE_ABSORPTION * (chlorophyll[..., None] ** 0.85)
        + 0.03 * sediment[..., None] * np.exp(-0.0115 * (CENTRES - 443))
    )
    scatter = (
        WATER_BACKSCATTER
        + 0.012 * sediment[..., None] * (555 / CENTRES) ** 0.7
        + 0.0015 * chlorophyll[..., None] ** 0.6
    )
    ratio = scatter / (absorb + scatter)
    deep = (0.089 + 0.125 * ratio) * ratio  # below the surface, 1/sr
    seen = np.exp(-2.1 * (absorb + scatter) * depth[..., None])
    below = deep * (1 - seen) + 0.5 * bottom / np.pi * seen
    reflectance = np.pi * 0.52 * below / (1 - 1.7 * below)

    steep = np.clip((45 - site.sun_zenith) / 30, 0, 1)  # a high sun glints: Cox & Munk 1954
    glint = rng.exponential(0.006, shape) * (0.3 + 1.7 * steep)
    return reflectance + glint[..., None]


def water_year(rng, site, pure, shore, plants):
    """What happens to a water surface and leaves it water: low stands, floating plants, ice. All
    (n, T, 10).
    """
    n, months = pure.shape[:2]
    summer = 0.5 - 0.5 * np.cos(2 * np.pi * (site.days - 35) / 365.25)
    low = (
        runs(rng, n, months, chance=0.008, longest=3)
        * (site.wetness < 0.55)
        * rng.uniform(0.15, 0.45, (n, 1))
    )
    floating = (
        (rng.random((n, 1)) < 0.12)
        * rng.uniform(0.1, 0.45, (n, 1))
        * np.clip(summer * 1.6 - 0.6, 0, 1)
    )
    ice = np.clip((-3 - site.temperature) / 6, 0, 1) * rng.uniform(0.2, 1, (n, 1))
    frozen = rng.uniform(0.15, 0.5, (n, 1, 1)) * np.array(
        [1, 1, 0.95, 0.92, 0.88, 0.83, 0.78, 0.74, 0.06, 0.05]
    )
    mixed = (
        pure * (1 - low - floating)[..., None]
        + shore * low[..., None]
        + plants * floating[..., None]
    )
    return mixed * (1 - ice)[..., None] + frozen * ice[..., None]


def impervious(rng, site, n, plants):
    """Roofs, roads and yards: two or three materials, shade and up to a third of vegetation, (n, T,
    10).
    """
    months = site.days.size
    spectra = np.array(list(MATERIALS.values()))
    odds = MATERIAL_ODDS / MATERIAL_ODDS.sum()
    kinds = rng.choice(len(spectra), size=(n, 3), p=odds)
    shares = rng.dirichlet((1.0, 0.6, 0.35), n)
    gain = rng.lognormal(0, 0.16, (n, 3, 1))
    tilt = (CENTRES / 833) ** rng.normal(0, 0.08, (n, 3, 1))
    parts = spectra[kinds] * gain * tilt  # (n, 3, 10)
    surface = np.repeat(np.einsum("nk,nkb->nb", shares, parts)[:, None], months, 1)

    # New asphalt or a new roof: one part is replaced from one month on; fresh asphalt fades within
    # three years.
    renewed, month = rng.random(n) < 0.12, rng.integers(1, months, n)
    asphalt = rng.random(n) < 0.6
    roof = spectra[rng.choice(len(spectra), n, p=odds)]
    fresh = np.where(
        asphalt[:, None], MATERIALS["new asphalt"] * rng.lognormal(0, 0.1, (n, 1)), roof
    )
    age = np.arange(months) - month[:, None]  # (n, T)
    fade = np.where(asphalt[:, None], np.exp(-np.maximum(age, 0) / 18), 1)[..., None]
    now = fade * fresh[:, None] + (1 - fade) * MATERIALS["old asphalt"]
    swapped = (renewed[:, None] & (age >= 0))[..., None] * shares[:, :1, None]
    surface = surface + swapped * (now - parts[:, :1])

    surface = (
        surface * (1 - 0.12 * site.wetness * rng.random((n, 1)))[..., None]
    )  # wet roads are darker
    surface = (
        surface * rng.lognormal(0, rng.uniform(0.01, 0.07, (n, 1)), (n, months))[..., None]
    )  # tilted roofs glare
    shade = (
        rng.beta(1.2, 3.5, (n, 1)) * 0.55 * np.clip(np.tan(np.radians(site.sun_zenith)), 0.2, 2.2)
    )
    shade = np.clip(shade, 0, 0.65)[..., None]
    surface = surface * (1 - shade) + surface * SKY_LIGHT * shade
    green = np.where(
        rng.random((n, 1, 1)) < 0.75, rng.beta(1, 2, (n, 1, 1)) / 3, 0
    )  # up to a third
    return surface * (1 - green) + plants * green


def runs(rng, n, months, *, chance, longest):
    """True in random runs of 1 to `longest` months that start with `chance` in any month, (n,
    T).
    """
    length = np.where(
        rng.random((n, months)) < chance, rng.integers(1, longest + 1, (n, months)), 0
    )
    on = np.zeros((n, months), bool)
    for lag in range(longest):
        on[:, lag:] |= length[:, : months - lag] > lag
    return on
