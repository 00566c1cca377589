"""Climates of the world set: where they lie, their weather month by month, and when plants grow.

A climate gives temperature and rain through the year. A bucket of soil water then says how far
plants can grow in a month: the growth index, 0 to 1, is the lower of what warmth and water allow.
The southern hemisphere follows from the latitude. Numbers are rounded climate normals; judgement.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dataset.climate import (
    MONTHS,
    YEAR,
    YEARS,
    Site,
    days_seen,
    half_cold_season,
    smooth_noise,
    sun_zenith,
    yearly_angle,
)
from dataset.tables import pieces, rows

BUCKET = 120  # mm of water that roots of grass reach


class Climate(NamedTuple):
    lon: tuple  # degrees, west and east side of the box
    lat: tuple  # degrees, south and north
    warmth: tuple  # yearly mean and half range of temperature, degrees Celsius
    rain: float  # mm a year
    peaks: tuple  # days of the year with the most rain
    seasonal: float  # 0 rain all year, 1 none in the dry season
    evergreen: float  # share of the trees
    open_wood: float  # share of the woodland whose crowns do not close
    managed: float  # share of the grassland that is mown, sown or grazed; the rest grows wild
    scrub: float  # share of the wild grassland that is low woody plants
    sparse: float  # mean share of open soil in wild grassland
    crops: dict  # cropping system of world_crops.csv -> its share of the fields


def read_climates():
    """The climates of world_climates.csv by name, in their order."""
    found = {}
    for row in rows("world_climates", words=["name", "peaks", "crops"]):
        name = row.pop("name")
        found[name] = Climate(
            lon=(row.pop("west"), row.pop("east")),
            lat=(row.pop("south"), row.pop("north")),
            warmth=(row.pop("warmth"), row.pop("half_range")),
            peaks=tuple(float(day) for day in pieces(row.pop("peaks"))),
            crops=read_shares(row.pop("crops")),
            **row,
        )
    return found


def read_shares(text):
    """'0.6 maize; 0.4 summer' as a dict."""
    pairs = [piece.split(" ", 1) for piece in pieces(text)]
    return {crop: float(share) for share, crop in pairs}


CLIMATES = read_climates()


@dataclass(frozen=True)
class WorldSite(Site):
    growth: np.ndarray  # (T,) 0 to 1: how far warmth and water let shallow roots grow
    deep: np.ndarray  # (T,) the same for the deep roots of trees
    climate: Climate
    turn: float  # days that the seasons are late: half a year in the southern hemisphere


def make_site(rng, number):
    """Draw site `number` of the world: climates take turns."""
    name = list(CLIMATES)[number % len(CLIMATES)]
    climate = CLIMATES[name]
    lon = rng.uniform(*climate.lon)
    lat = rng.uniform(*climate.lat)
    turn = 182.6 if lat < 0 and climate.warmth[1] > 1 else 0.0
    days = days_seen(rng)
    phase = yearly_angle(days - turn)
    mean = climate.warmth[0] + rng.normal(0, 1.5)
    half_range = climate.warmth[1] * rng.uniform(0.85, 1.15)
    season = mean - half_range * np.cos(phase - 0.35)
    temperature = season + 1.3 * smooth_noise(rng, MONTHS)
    rain = _rain(rng, climate, phase)
    growth = _growth(temperature, rain, BUCKET)
    snow, clear = _snow_and_clear(rng, mean, temperature, rain)
    leaf_on, leaf_off = _leaf_season(rng, mean, half_range, turn)
    noise = 0.1 * smooth_noise(rng, MONTHS, 0.3)
    return WorldSite(
        name=f"{name}_{number // len(CLIMATES):03d}",
        region=name,
        lon=lon,
        lat=lat,
        days=days,
        sun_zenith=np.minimum(sun_zenith(lat, days % YEAR), 80),
        temperature=temperature,
        wetness=np.clip(0.15 + 0.0035 * rain + noise, 0.02, 1),
        drought=np.clip(0.7 - growth, 0, 1) * (temperature > 8),
        snow=snow,
        clear=clear,
        leaf_on=leaf_on,
        leaf_off=leaf_off,
        growth=growth,
        deep=_growth(temperature, rain, 4 * BUCKET),
        climate=climate,
        turn=turn,
    )


def _snow_and_clear(rng, mean, temperature, rain):
    """Share of open ground under snow, and chance that a look is clear, (T,) each."""
    cold = temperature < 0.5
    snow = cold * (rng.random(MONTHS) < 0.55) * rng.uniform(0.2, 1, MONTHS)
    clear = 0.72 - 0.0018 * rain + 0.1 * smooth_noise(rng, MONTHS, 0.4)
    clear = np.clip(clear, 0.15, 0.9)
    return snow, np.where(cold & (mean < 12), 0.6 * clear, clear)


def _leaf_season(rng, mean, half_range, turn):
    """First and last days, (Y,) each, of trees that are bare in winter; none where it is warm."""
    half = half_cold_season(mean, half_range, 9.5)
    starts = turn + 20 + half + YEAR * YEARS + rng.normal(0, 6, YEARS.size)
    ends = turn + 385 - half + YEAR * YEARS + rng.normal(0, 6, YEARS.size)
    return starts, ends


def _rain(rng, climate, phase):
    """Rain of each month in mm, (T,)."""
    peaks = yearly_angle(np.array(climate.peaks))
    once = len(peaks) == 1
    times = 1 if once else 2
    after_peak = phase[:, None] - peaks
    crest = np.cos(after_peak * times).max(1)
    rainless = (climate.seasonal > 0.9) * 0.15
    sharp = 1 + climate.seasonal * (1.35 * crest - 0.05 - rainless)
    sharp = np.clip(sharp, 0.02, None)
    amount = climate.rain / 12 * sharp * rng.lognormal(0, 0.15)
    year = rng.lognormal(0, 0.28, MONTHS // 12 + 1).repeat(12)[:MONTHS]
    return amount * year * rng.lognormal(-0.13, 0.5, MONTHS)


def _growth(temperature, rain, bucket):
    """Growth index (T,): warmth up to 11 degrees, and water for what the air takes."""
    demand = np.clip(12 + 4.6 * temperature, 8, None)  # mm a month, after potential evaporation
    water, index = 0.5 * bucket, np.empty(MONTHS)
    # The first year twice, so that the bucket finds its level.
    for t in [*range(12), *range(MONTHS)]:
        supply = water + rain[t]
        reach = np.clip(supply / (0.5 * bucket + demand[t]), 0.3, 1)
        used = min(demand[t], supply) * reach
        water = np.clip(supply - used, 0, bucket)
        index[t] = used / demand[t]
    warm = np.clip((temperature + 0.5) / 11, 0, 1)
    return np.clip(index * 1.15 - 0.08, 0, 1) * warm
