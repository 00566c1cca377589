"""Lakes, rivers and ponds of the simulated sets: reflectance in the ten bands, (n, T, 10)."""

import numpy as np

from dataset.climate import yearly_angle
from dataset.pixels import mixed, ramp
from dataset.surfaces import CENTRES

# Absorption of pure water, 1/m, band means: Pope & Fry 1997 below 730 nm, Kou et al. 1993 above.
ABSORPTION = np.array([0.019, 0.063, 0.42, 0.70, 2.5, 2.3, 3.6, 4.7, 670, 1900])
# Backscattering of pure water, 1/m: Morel 1974.
BACKSCATTER = 0.00095 * (550 / CENTRES) ** 4.32
# Absorption of phytoplankton at 1 mg/m3 of chlorophyll, 1/m: shape of Bricaud et al. 1995, rounded.
ALGAE_ABSORPTION = np.array([0.030, 0.009, 0.018, 0.003, 0, 0, 0, 0, 0, 0])
ICE = np.array([1, 1, 0.95, 0.92, 0.88, 0.83, 0.78, 0.74, 0.06, 0.05])
KINDS = (0.3, 0.45, 0.25)  # shares of clear, turbid, and rich in algae


def water(each, bottom):
    """Water that is clear, turbid or rich in algae; shallow or deep.

    Deep water after Gordon et al. 1988 with the numbers of Lee et al. 2002; the bottom and the way
    through the surface after Lee et al. 1998, 1999. bottom (n, T, 10): reflectance of the wet
    ground below.
    """
    contents = _contents(each)
    depth = _log_uniform(each, 0.4, 12)
    depth = depth * (0.8 + 0.4 * each.site.wetness)  # m, (n, T)
    absorb, scatter = _optics(*(content[..., None] for content in contents))
    lost = absorb + scatter
    ratio = scatter / lost
    deep = (0.089 + 0.125 * ratio) * ratio  # below the surface, 1/sr
    seen = np.exp(-2.1 * lost * depth[..., None])
    ground = 0.5 * bottom / np.pi
    below = deep * (1 - seen) + ground * seen
    kept_inside = 1 - 1.7 * below
    reflectance = np.pi * 0.52 * below / kept_inside
    return reflectance + _glint(each)[..., None]


def _log_uniform(each, low, high):
    return np.exp(each.uniform(np.log(low), np.log(high)))


def _glint(each):
    """The sun in the waves, (n, T), most when it stands high: Cox & Munk 1954."""
    high = ramp(-each.site.sun_zenith, -45, -15)
    waves = each.rng.exponential(0.006, (each.n, each.months))
    return waves * (0.3 + 1.7 * high)


def _summer(site):
    """How far it is summer, 0 to 1, (T,)."""
    return 0.5 - 0.5 * np.cos(yearly_angle(site.days - 35))


def _contents(each):
    """Sediment (g/m3) and chlorophyll (mg/m3), (n, T) each; dissolved matter, 1/m at 440 nm."""
    months = each.months
    kind = each.rng.choice(3, size=(each.n, 1), p=KINDS)
    weather = each.lognormal(0.25, months)
    weather = weather * each.rng.lognormal(0, 0.2, months)  # of the site

    def pick(*ranges):  # log-uniform in the range of the water's kind
        low, high = np.log(np.array(ranges)).T
        return np.exp(each.rng.uniform(low[kind], high[kind]))

    sediment = pick((0.5, 5), (10, 180), (5, 40))
    stirred = sediment * (0.6 + 0.8 * each.site.wetness)
    algae = pick((0.5, 5), (1, 15), (10, 120))
    algae = algae * (0.35 + 0.9 * _summer(each.site))
    chlorophyll = algae * each.lognormal(0.3, months)
    humic = pick((0.05, 0.5), (0.1, 1.0), (0.3, 2.0))
    return stirred * weather, chlorophyll, humic


def _optics(sediment, chlorophyll, humic):
    """Absorption and backscattering, 1/m, (n, T, 10) each.

    Dissolved matter after Bricaud et al. 1981, sediment after Babin et al. 2003.
    """
    by_humic = humic * np.exp(-0.014 * (CENTRES - 440))
    by_algae = ALGAE_ABSORPTION * chlorophyll**0.85
    by_sediment = 0.03 * sediment * np.exp(-0.0115 * (CENTRES - 443))
    absorb = ABSORPTION + by_humic + by_algae + by_sediment
    of_sediment = 0.012 * sediment * (555 / CENTRES) ** 0.7
    of_algae = 0.0015 * chlorophyll**0.6
    return absorb, BACKSCATTER + of_sediment + of_algae


def water_year(each, pure, shore, plants):
    """What happens to a water surface and leaves it water: low stands, floating plants, ice. All
    (n, T, 10).
    """
    site = each.site
    dry = site.wetness < 0.55
    low = each.runs(chance=0.008, longest=3) * dry
    low = low * each.uniform(0.15, 0.45)
    covered = each.chance(0.12) * each.uniform(0.1, 0.45)
    grown = np.clip(_summer(site) * 1.6 - 0.6, 0, 1)
    floating = covered * grown
    ice = ramp(-site.temperature, 3, 9) * each.uniform(0.2, 1)
    frozen = each.uniform(0.15, 0.5)[..., None] * ICE
    low, floating = low[..., None], floating[..., None]
    open_water = 1 - low - floating
    surface = pure * open_water + shore * low + plants * floating
    return mixed(surface, frozen, ice)
