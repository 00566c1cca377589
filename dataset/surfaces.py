"""Soil and built surfaces of the simulated sets: reflectance in the ten bands, (n, T, 10)."""

import numpy as np

from dataset.canopy import SKY_LIGHT, band_weights
from dataset.pixels import mixed, shadow_length
from dataset.tables import rows
from utils.bands import BANDS

# nm, mean of Sentinel-2A and 2B
CENTRES = np.array([492, 560, 665, 704, 740, 781, 833, 864, 1612, 2194.0])
SHORT_WAVE_INFRARED = CENTRES > 1500


def read_materials():
    """Urban materials of materials.csv: reflectance (10,) by name, and the share of each, (M,).

    Rounded values in the range of the spectra that Herold et al. 2004 and Kotthaus et al. 2014
    show.
    """
    table = rows("materials", words=["name"])
    spectra = {}
    for row in table:
        values = [row[band] for band in BANDS]
        spectra[row["name"]] = np.array(values)
    odds = np.array([row["odds"] for row in table])
    return spectra, odds / odds.sum()


MATERIALS, SHARES = read_materials()
SPECTRA = np.array(list(MATERIALS.values()))


def soil(each, *, bright, rough):
    """Soil under the site's weather. `bright`, `rough`: ranges of the dry soil's gain and of its
    roughness, 0..1.

    Water darkens it exponentially towards its saturated reflectance, most in the short-wave
    infrared (Lobell & Asner 2002).
    """
    dry = _dry_soil(each) * each.uniform(*bright)  # (n, 10)
    darkest = np.where(SHORT_WAVE_INFRARED, 0.33, 0.50)
    saturated = dry * darkest * each.uniform(0.85, 1.15)
    patchy = each.normal(0.12) + each.normal(0.07, each.months)
    # Clear looks come after dry days: drier than the month.
    moisture = np.clip(0.65 * each.site.wetness + patchy, 0, 1)
    decay = np.where(SHORT_WAVE_INFRARED, 3.2, 2.4)
    ground = moist(dry, saturated, moisture, decay)
    return clods(each, ground, rough, 0.25)


def _dry_soil(each):
    """The dry spectrum that PROSAIL carries, tilted by the region's soil type, (n, 10).

    Iron-rich red soils of the south absorb in the blue and green; the loess of the north is bright
    and flat.
    """
    from prosail import spectral_lib

    wavelengths, weights = band_weights()
    dry = spectral_lib.soil.rsoil1[wavelengths - 400] @ weights  # (10,)
    usual = {"S": 0.45, "SW": 0.3, "E": 0.2}.get(each.site.region, 0.08)
    iron = usual * each.uniform(0.4, 1.6)
    visible = np.clip((700 - CENTRES) / 200, 0, 1.2)
    absorbed = np.exp(-iron * visible)
    return dry * (tilted(each.normal(0.10)) * absorbed)


def tilted(power):
    """Gain of the ten bands that tilts a spectrum around 833 nm, (..., 10)."""
    return (CENTRES / 833) ** power


def moist(dry, saturated, moisture, decay):
    """Soil (n, T, 10) between dry and saturated (n, 10); moisture (n, T), decay (10,)."""
    left = np.exp(-decay * moisture[..., None])
    return saturated[:, None] + (dry - saturated)[:, None] * left


def clods(each, ground, rough, darkest):
    """Ground with clods that cast shadows, long ones under a low sun: Cierniewski 1987."""
    longest = shadow_length(np.minimum(each.site.sun_zenith, 70))
    shadow = np.clip(each.uniform(*rough) * longest, 0, 1.5)
    return ground * (1 - darkest * shadow)[..., None]


def bare(each, ground, weeds):
    """Bare soil with up to a fifth of weeds, at their greenest in summer, (n, T, 10)."""
    return mixed(ground, weeds, each.some_uniform(0.6, 0, 0.20))


def impervious(each, plants):
    """Roofs, roads and yards: two or three materials, shade and up to a third of vegetation, (n, T,
    10).
    """
    parts, shares = _materials(each)
    surface = np.einsum("nk,nkb->nb", shares, parts)[:, None]
    first = parts[:, :1]
    of_first = shares[:, :1]
    surface = surface + _renewed(each, first, of_first)
    wet = 0.12 * each.site.wetness * each.uniform(0, 1)
    surface = surface * (1 - wet)[..., None]  # wet roads are darker
    glare = each.lognormal(each.uniform(0.01, 0.07), each.months)  # of tilted roofs
    surface = in_shade(each, surface * glare[..., None], 0.55, 0.65)
    planted = each.chance(0.75)
    green = np.where(planted, each.beta(1, 2) / 3, 0)
    return mixed(surface, plants, green)


def _materials(each):
    """Three materials of each pixel, (n, 3, 10), and their shares, (n, 3)."""
    kinds = each.rng.choice(len(MATERIALS), size=(each.n, 3), p=SHARES)
    shares = each.rng.dirichlet((1.0, 0.6, 0.35), each.n)
    gain = each.lognormal(0.16, 3)[..., None]
    tilt = tilted(each.normal(0.08, 3)[..., None])
    return SPECTRA[kinds] * gain * tilt, shares


def _renewed(each, old, share):
    """What new asphalt or a new roof adds from one month on, (n, T, 10).

    old (n, 1, 10): the part that is replaced; share (n, 1): of the pixel. Fresh asphalt fades
    within three years.
    """
    renewed = each.chance(0.12)
    month = each.rng.integers(1, each.months, (each.n, 1))
    asphalt = each.chance(0.6)
    roof = SPECTRA[each.rng.choice(len(MATERIALS), each.n, p=SHARES)]
    new_asphalt = MATERIALS["new asphalt"] * each.lognormal(0.1)
    fresh = np.where(asphalt, new_asphalt, roof)
    age = np.arange(each.months) - month  # (n, T)
    greying = np.exp(-np.maximum(age, 0) / 18)
    fade = np.where(asphalt, greying, 1)[..., None]
    now = fade * fresh[:, None] + (1 - fade) * MATERIALS["old asphalt"]
    swapped = (renewed & (age >= 0)) * share
    return swapped[..., None] * (now - old)


def in_shade(each, surface, share, most):
    """Surface of which up to a share lies in the shade of buildings, longest under a low sun."""
    longest = np.clip(shadow_length(each.site.sun_zenith), 0.2, 2.2)
    shade = np.clip(each.beta(1.2, 3.5) * share * longest, 0, most)
    return mixed(surface, surface * SKY_LIGHT, shade)
