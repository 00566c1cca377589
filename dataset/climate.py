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
YEARS = np.arange(
    -1, 5
)  # seasons of 2017 to 2022, counted from 2018: those of the ends reach into the series
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
    name: str  # region prefix and number, "NE_003"
    region: str
    lon: float
    lat: float
    days: (
        np.ndarray
    )  # (T,) day counted from 2018-01-01 on which the month was seen (middle of its looks)
    sun_zenith: np.ndarray  # (T,) degrees, at the overpass of 10:30 local time
    temperature: np.ndarray  # (T,) degrees Celsius
    wetness: np.ndarray  # (T,) 0 dry to 1 wet, of the soil surface
    drought: np.ndarray  # (T,) 0 none to 1 severe
    snow: np.ndarray  # (T,) share of open ground under snow
    clear: np.ndarray  # (T,) chance that a look is cloud free
    leaf_on: (
        np.ndarray
    )  # (Y,) day counted from 2018-01-01 on which the growing season starts, for each of YEARS
    leaf_off: np.ndarray  # (Y,) the day on which it ends


def sun_zenith(lat, day_of_year):
    """Sun zenith angle (degrees) at 10:30 local solar time. Declination after Cooper 1969."""
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day_of_year) / 365.25)
    latitude, hour_angle = np.radians(lat), np.radians(-22.5)
    cosine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(
        declination
    ) * np.cos(hour_angle)
    return np.degrees(np.arccos(cosine))


def smooth_noise(rng, length, memory=0.5):
    """First-order autoregressive noise of unit spread, (length,)."""
    steps, noise = rng.standard_normal(length), np.empty(length)
    noise[0] = steps[0]
    for t in range(1, length):
        noise[t] = memory * noise[t - 1] + np.sqrt(1 - memory**2) * steps[t]
    return noise


def make_site(rng, number):
    """Draw site `number`: regions take turns, so that every prefix holds a like number of sites."""
    region = list(REGIONS)[number % len(REGIONS)]
    box = REGIONS[region]
    lon, lat = rng.uniform(*box.lon), rng.uniform(*box.lat)

    first_of_month = np.arange(FIRST_MONTH, FIRST_MONTH + MONTHS).astype("M8[D]")
    days = (first_of_month - np.datetime64("2018-01-01")).astype(int) + rng.uniform(8, 22, MONTHS)
    day_of_year = days % 365.25

    # Yearly mean and half range of temperature by latitude: a straight line through the climate
    # normals of Guangzhou (22.6, 8), Nanjing (16, 13), Beijing (12.5, 15.5) and Harbin (4.5, 21).
    mean = 22 - 0.74 * (lat - 22) - 2 * (region == "NW") + rng.normal(0, 0.7)
    half_range = 8 + 0.6 * (lat - 22)
    temperature = (
        mean
        - half_range * np.cos(2 * np.pi * (day_of_year - 20) / 365.25)
        + 1.5 * smooth_noise(rng, MONTHS)
    )

    monsoon = 0.5 - 0.5 * np.cos(2 * np.pi * (day_of_year - 25) / 365.25)  # most rain in late July
    wetness = np.clip(
        box.wetness + 0.3 * (monsoon - 0.5) + 0.18 * smooth_noise(rng, MONTHS, 0.3), 0.02, 1
    )
    drought = _droughts(rng, day_of_year, chance=0.35 - 0.25 * box.wetness)
    wetness = wetness * (1 - 0.7 * drought)

    cold = temperature < 1
    snow_chance = {"NE": 0.35, "NW": 0.15, "N": 0.15}.get(region, 0.12)
    snow = np.where(cold & (rng.random(MONTHS) < snow_chance), rng.uniform(0.2, 1, MONTHS), 0)

    season = ((day_of_year + 31) // 91.32).astype(int) % 4  # December opens the winter
    odds = np.array(box.clear)[season]
    clear = 1 / (1 + np.exp(-(np.log(odds / (1 - odds)) + 0.7 * smooth_noise(rng, MONTHS, 0.4))))

    # The growing season runs while the mean temperature is above 10 degrees (leaf-on) and 9 degrees
    # (leaf-off).
    def crossing(threshold):
        return (
            np.arccos(np.clip((mean - threshold) / half_range, -0.95, 0.95)) * 365.25 / (2 * np.pi)
        )

    leaf_on = 20 + crossing(10) + 365.25 * YEARS + rng.normal(0, 7, YEARS.size)
    leaf_off = 385.25 - crossing(9) + 365.25 * YEARS + rng.normal(0, 7, YEARS.size)
    return Site(
        f"{region}_{number // len(REGIONS):03d}",
        region,
        lon,
        lat,
        days,
        sun_zenith(lat, day_of_year),
        temperature,
        wetness,
        drought,
        snow,
        clear,
        leaf_on,
        leaf_off,
    )


def _droughts(rng, day_of_year, chance):
    """Droughts of 2 to 4 months that start between May and September, (T,) severity 0 to 1."""
    severity = np.zeros(MONTHS)
    starts = np.flatnonzero(
        (day_of_year > 120) & (day_of_year < 270) & (rng.random(MONTHS) < chance / 5)
    )
    for start in starts:
        severity[start : start + rng.integers(2, 5)] = rng.uniform(0.4, 1)
    return severity
