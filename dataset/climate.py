"""Sites of the simulated set: where they lie, and their weather month by month.

A site is a place of some kilometres: its pixels share the climate, the days on which the satellite
saw the ground, and the plants, soils and waters of the region. All is drawn from one generator: the
same seed gives the same site.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

FIRST_MONTH = np.datetime64("2017-12", "M")
MONTHS = 48
# Seasons of 2017 to 2022, counted from 2018: those of the ends reach into the series.
YEARS = np.arange(-1, 5)
YEAR = 365.25  # days
MAX_LOOKS = 6


class Region(NamedTuple):
    lon: tuple  # degrees, west and east side of the box
    lat: tuple  # degrees, south and north
    clear: tuple  # chance that a look is clear in winter, spring, summer, autumn
    wetness: float  # mean of the soil surface, 0 dry to 1 wet
    crops: dict  # cropping system -> its share of the fields


# Clear looks, wetness and the shares of the cropping systems are judgement; cloud follows the maps
# of Wilson & Jetz 2016 (a cloudy south-west, clear northern winters, the summer monsoon).
REGIONS = {
    # North China Plain
    "N": Region(
        (114, 118),
        (35, 39.5),
        (0.65, 0.65, 0.45, 0.65),
        0.40,
        {"wheat-maize": 0.60, "maize": 0.25, "vegetables": 0.15},
    ),
    # lower Yangtze
    "E": Region(
        (116, 120.5),
        (29.5, 33.5),
        (0.50, 0.45, 0.40, 0.55),
        0.60,
        {"rape-rice": 0.55, "rice": 0.20, "wheat-maize": 0.10, "vegetables": 0.15},
    ),
    # Guangxi and Guangdong
    "S": Region(
        (108.5, 115),
        (22.8, 26),
        (0.40, 0.30, 0.40, 0.60),
        0.65,
        {"rice-rice": 0.55, "rice": 0.15, "vegetables": 0.30},
    ),
    # Sichuan and Guizhou
    "SW": Region(
        (103, 107),
        (26.5, 31),
        (0.28, 0.38, 0.38, 0.32),
        0.60,
        {"rape-rice": 0.50, "maize": 0.30, "vegetables": 0.20},
    ),
    # Loess Plateau and oases
    "NW": Region(
        (101, 109),
        (35, 39.5),
        (0.70, 0.60, 0.55, 0.65),
        0.25,
        {"maize": 0.70, "wheat-maize": 0.15, "vegetables": 0.15},
    ),
    # north-east plain
    "NE": Region(
        (122.5, 127),
        (42, 46.8),
        (0.65, 0.60, 0.45, 0.65),
        0.45,
        {"maize": 0.65, "rice": 0.30, "vegetables": 0.05},
    ),
}


@dataclass(frozen=True)
class Site:
    """A place and its weather. Days are counted from 2018-01-01; T months, Y of YEARS."""

    name: str  # region prefix and number, "NE_003"
    region: str
    lon: float
    lat: float
    days: np.ndarray  # (T,) on which the month was seen, the middle of its looks
    sun_zenith: np.ndarray  # (T,) degrees, at the overpass of 10:30 local time
    temperature: np.ndarray  # (T,) degrees Celsius
    wetness: np.ndarray  # (T,) 0 dry to 1 wet, of the soil surface
    drought: np.ndarray  # (T,) 0 none to 1 severe
    snow: np.ndarray  # (T,) share of open ground under snow
    clear: np.ndarray  # (T,) chance that a look is cloud free
    leaf_on: np.ndarray  # (Y,) day on which the growing season starts
    leaf_off: np.ndarray  # (Y,) day on which it ends


def yearly_angle(days):
    """Days of the year as an angle: a full turn a year."""
    return 2 * np.pi * days / YEAR


def sun_zenith(lat, day_of_year):
    """Sun zenith angle (degrees) at 10:30 local solar time. Declination after Cooper 1969."""
    declination = np.radians(23.45) * np.sin(yearly_angle(284 + day_of_year))
    latitude = np.radians(lat)
    hour_angle = np.radians(-22.5)
    at_noon = np.cos(latitude) * np.cos(declination)
    at_pole = np.sin(latitude) * np.sin(declination)
    cosine = at_pole + at_noon * np.cos(hour_angle)
    return np.degrees(np.arccos(cosine))


def smooth_noise(rng, length, memory=0.5):
    """First-order autoregressive noise of unit spread, (length,)."""
    steps = rng.standard_normal(length)
    noise = np.empty(length)
    noise[0] = steps[0]
    fresh = np.sqrt(1 - memory**2)
    for t in range(1, length):
        noise[t] = memory * noise[t - 1] + fresh * steps[t]
    return noise


def days_seen(rng):
    """The middle of each month's looks, (T,) days from 2018-01-01."""
    first_of_month = np.arange(FIRST_MONTH, FIRST_MONTH + MONTHS).astype("M8[D]")
    days = (first_of_month - np.datetime64("2018-01-01")).astype(int)
    return days + rng.uniform(8, 22, MONTHS)


def half_cold_season(mean, half_range, threshold):
    """Days from midwinter until the mean temperature passes a threshold, degrees."""
    reach = np.clip((mean - threshold) / half_range, -0.95, 0.95)
    return np.arccos(reach) * YEAR / (2 * np.pi)


def make_site(rng, number):
    """Draw site `number`: regions take turns, so that every prefix holds a like number of sites."""
    region = list(REGIONS)[number % len(REGIONS)]
    box = REGIONS[region]
    lon = rng.uniform(*box.lon)
    lat = rng.uniform(*box.lat)
    days = days_seen(rng)
    day_of_year = days % YEAR
    mean, half_range = _warmth(rng, region, lat)
    swing = half_range * np.cos(yearly_angle(day_of_year - 20))
    temperature = mean - swing + 1.5 * smooth_noise(rng, MONTHS)
    wetness, drought = _soil_water(rng, box, day_of_year)
    snow = _snow(rng, region, temperature)
    clear = _clear(rng, box, day_of_year)
    leaf_on, leaf_off = _growing_seasons(rng, mean, half_range)
    return Site(
        name=f"{region}_{number // len(REGIONS):03d}",
        region=region,
        lon=lon,
        lat=lat,
        days=days,
        sun_zenith=sun_zenith(lat, day_of_year),
        temperature=temperature,
        wetness=wetness,
        drought=drought,
        snow=snow,
        clear=clear,
        leaf_on=leaf_on,
        leaf_off=leaf_off,
    )


def _warmth(rng, region, lat):
    """Yearly mean and half range of temperature by latitude.

    A straight line through the climate normals of Guangzhou (22.6, 8), Nanjing (16, 13), Beijing
    (12.5, 15.5) and Harbin (4.5, 21).
    """
    of_latitude = 22 - 0.74 * (lat - 22)
    mean = of_latitude - 2 * (region == "NW") + rng.normal(0, 0.7)
    return mean, 8 + 0.6 * (lat - 22)


def _soil_water(rng, box, day_of_year):
    """Wetness of the soil surface and drought, (T,) each."""
    monsoon = 0.5 - 0.5 * np.cos(yearly_angle(day_of_year - 25))  # most rain in late July
    noise = 0.18 * smooth_noise(rng, MONTHS, 0.3)
    wetness = np.clip(box.wetness + 0.3 * (monsoon - 0.5) + noise, 0.02, 1)
    drought = _droughts(rng, day_of_year, chance=0.35 - 0.25 * box.wetness)
    return wetness * (1 - 0.7 * drought), drought


def _droughts(rng, day_of_year, chance):
    """Droughts of 2 to 4 months that start between May and September, (T,) severity 0 to 1."""
    severity = np.zeros(MONTHS)
    summer = (day_of_year > 120) & (day_of_year < 270)
    for start in np.flatnonzero(summer & (rng.random(MONTHS) < chance / 5)):
        severity[start : start + rng.integers(2, 5)] = rng.uniform(0.4, 1)
    return severity


def _snow(rng, region, temperature):
    """Share of open ground under snow, (T,)."""
    chance = {"NE": 0.35, "NW": 0.15, "N": 0.15}.get(region, 0.12)
    fallen = (temperature < 1) & (rng.random(MONTHS) < chance)
    return np.where(fallen, rng.uniform(0.2, 1, MONTHS), 0)


def _clear(rng, box, day_of_year):
    """Chance that a look is clear, (T,)."""
    season = ((day_of_year + 31) // 91.32).astype(int) % 4  # December opens the winter
    chance = np.array(box.clear)[season]
    log_odds = np.log(chance / (1 - chance))
    return 1 / (1 + np.exp(-(log_odds + 0.7 * smooth_noise(rng, MONTHS, 0.4))))


def _growing_seasons(rng, mean, half_range):
    """First and last days, (Y,) each: while the mean temperature is above 10 degrees, until 9."""
    starts = 20 + half_cold_season(mean, half_range, 10) + YEAR * YEARS
    starts = starts + rng.normal(0, 7, YEARS.size)
    ends = 20 + YEAR - half_cold_season(mean, half_range, 9) + YEAR * YEARS
    return starts, ends + rng.normal(0, 7, YEARS.size)
