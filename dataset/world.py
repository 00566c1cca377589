"""Climates of the world set: where they lie, their weather month by month, and when plants grow.

A climate gives temperature and rain through the year. A bucket of soil water then says how far
plants can grow in a month: the growth index, 0 to 1, is the lower of what warmth and water allow.
The southern hemisphere follows from the latitude. Numbers are rounded climate normals; judgement.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dataset.climate import FIRST_MONTH, MONTHS, YEARS, Site, smooth_noise, sun_zenith

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
    crops: dict  # cropping system (worldcover.SYSTEMS) -> its share of the fields


# fmt: off
CLIMATES = {
    "ATL": Climate((-5, 9), (45, 56), (10.5, 7.5), 780, (310,), 0.15, 0.3, 0.15, 0.85, 0.15, 0.05,
        {"winter cereal": 0.36, "rape": 0.1, "maize": 0.2, "roots": 0.22, "vegetables": 0.07,
        "orchard": 0.05}),
    "CEN": Climate((12, 40), (45, 55), (8.8, 11.5), 600, (190,), 0.35, 0.35, 0.15, 0.65, 0.15, 0.1,
        {"winter cereal": 0.38, "rape": 0.12, "maize": 0.2, "summer": 0.18, "roots": 0.08,
        "orchard": 0.04}),
    "MED": Climate((-8, 28), (36, 43), (16, 8.5), 560, (345,), 0.75, 0.8, 0.5, 0.3, 0.45, 0.25,
        {"early cereal": 0.4, "olive": 0.2, "orchard": 0.15, "irrigated": 0.2, "vegetables": 0.05}),
    "MDS": Climate((116, 120), (-36, -31), (16, 6.5), 520, (345,), 0.7, 0.9, 0.5, 0.4, 0.4, 0.25,
        {"early cereal": 0.6, "olive": 0.1, "orchard": 0.15, "irrigated": 0.1, "vegetables": 0.05}),
    "BOR": Climate((14, 60), (57, 64), (3, 14), 560, (210,), 0.4, 0.7, 0.2, 0.6, 0.2, 0.08,
        {"spring cereal": 0.6, "rape": 0.14, "roots": 0.12, "winter cereal": 0.14}),
    "CRN": Climate((-98, -83), (38, 46), (9.5, 14.5), 900, (175,), 0.4, 0.15, 0.2, 0.6, 0.1, 0.08,
        {"maize": 0.48, "summer": 0.34, "winter cereal": 0.14, "orchard": 0.04}),
    "PLN": Climate((-108, -98), (33, 52), (9, 14), 430, (165,), 0.5, 0.4, 0.5, 0.35, 0.2, 0.2,
        {"winter cereal": 0.34, "spring cereal": 0.16, "maize": 0.14, "summer": 0.18,
        "irrigated": 0.18}),
    "SEU": Climate((-93, -78), (30, 37), (17.5, 9.5), 1250, (180,), 0.15, 0.55, 0.25, 0.6, 0.15,
        0.06,
        {"summer": 0.45, "maize": 0.2, "winter cereal": 0.1, "double": 0.17, "orchard": 0.08}),
    "WST": Climate((-121, -108), (36, 47), (9, 13), 290, (60,), 0.4, 0.75, 0.7, 0.2, 0.5, 0.4,
        {"irrigated": 0.35, "alfalfa": 0.1, "winter cereal": 0.35, "orchard": 0.15,
        "vegetables": 0.05}),
    "STP": Climate((60, 110), (42, 52), (4, 18), 300, (185,), 0.6, 0.4, 0.5, 0.25, 0.15, 0.3,
        {"spring cereal": 0.6, "irrigated": 0.2, "summer": 0.2}),
    "DES": Climate((-5, 55), (18, 33), (24, 9), 70, (340,), 0.6, 0.9, 0.8, 0.2, 0.4, 0.65,
        {"irrigated": 0.55, "early cereal": 0.2, "palms": 0.15, "vegetables": 0.1}),
    "SAH": Climate((-12, 20), (11, 14.5), (28, 4), 560, (222,), 1.0, 0.4, 0.85, 0.2, 0.25, 0.3,
        {"smallholder": 0.9, "irrigated": 0.05, "vegetables": 0.05}),
    "SVN": Climate((-8, 35), (3, 10), (25.5, 2), 1100, (215,), 0.8, 0.5, 0.6, 0.25, 0.2, 0.12,
        {"smallholder": 0.92, "long crop": 0.08}),
    "EAF": Climate((30, 38), (-3, 2), (21, 1), 1050, (112, 312), 0.65, 0.7, 0.5, 0.35, 0.2, 0.12,
        {"smallholder": 0.82, "long crop": 0.1, "palms": 0.08}),
    "HGH": Climate((37, 40), (7, 13), (16, 1.5), 950, (212,), 0.85, 0.6, 0.6, 0.4, 0.2, 0.15,
        {"smallholder": 0.9, "orchard": 0.1}),
    "SVS": Climate((24, 34), (-20, -11), (22, 3.5), 950, (196,), 1.0, 0.3, 0.65, 0.2, 0.2, 0.15,
        {"smallholder": 0.75, "summer": 0.15, "irrigated": 0.1}),
    "CER": Climate((-58, -45), (-20, -10), (24, 2), 1400, (190,), 0.95, 0.6, 0.5, 0.7, 0.2, 0.1,
        {"summer": 0.4, "double": 0.3, "long crop": 0.2, "irrigated": 0.1}),
    "CAA": Climate((-42, -37), (-12, -5), (26, 1.5), 600, (250,), 0.9, 0.15, 0.7, 0.45, 0.3, 0.25,
        {"smallholder": 0.75, "irrigated": 0.1, "palms": 0.15}),
    "IND": Climate((74, 85), (15, 29), (25.5, 6.5), 900, (215,), 1.0, 0.4, 0.5, 0.3, 0.2, 0.25,
        {"monsoon pair": 0.5, "smallholder": 0.2, "paddy": 0.1, "long crop": 0.1, "palms": 0.1}),
    "SEA": Climate((98, 108), (10, 19), (27, 2.5), 1600, (240,), 0.8, 0.75, 0.2, 0.4, 0.15, 0.08,
        {"paddy": 0.35, "two paddies": 0.2, "long crop": 0.3, "palms": 0.15}),
    "EQU": Climate((-66, -48), (-11, 3), (26, 1), 2100, (60,), 0.5, 0.95, 0.1, 0.85, 0.1, 0.06,
        {"smallholder": 0.3, "palms": 0.3, "double": 0.2, "long crop": 0.2}),
    "PAM": Climate((-63, -50), (-36, -25), (18, 6.5), 1150, (200,), 0.2, 0.5, 0.25, 0.65, 0.15,
        0.08,
        {"summer": 0.4, "double": 0.3, "maize": 0.15, "winter cereal": 0.15}),
    "AUS": Climate((145, 152), (-36, -26), (18, 7.5), 580, (210,), 0.2, 0.95, 0.6, 0.5, 0.25, 0.2,
        {"early cereal": 0.55, "summer": 0.2, "irrigated": 0.15, "orchard": 0.1}),
}
# fmt: on


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
    lon, lat = rng.uniform(*climate.lon), rng.uniform(*climate.lat)
    turn = 182.6 if lat < 0 and climate.warmth[1] > 1 else 0.0
    first_of_month = np.arange(FIRST_MONTH, FIRST_MONTH + MONTHS).astype("M8[D]")
    days = (first_of_month - np.datetime64("2018-01-01")).astype(int) + rng.uniform(8, 22, MONTHS)
    phase = 2 * np.pi * (days - turn) / 365.25
    mean = climate.warmth[0] + rng.normal(0, 1.5)
    half_range = climate.warmth[1] * rng.uniform(0.85, 1.15)
    temperature = mean - half_range * np.cos(phase - 0.35) + 1.3 * smooth_noise(rng, MONTHS)
    rain = _rain(rng, climate, phase)
    growth = _growth(temperature, rain, BUCKET)
    deep = _growth(temperature, rain, 4 * BUCKET)
    cold = temperature < 0.5
    snow = cold * (rng.random(MONTHS) < 0.55) * rng.uniform(0.2, 1, MONTHS)
    clear = np.clip(0.72 - 0.0018 * rain + 0.1 * smooth_noise(rng, MONTHS, 0.4), 0.15, 0.9)
    clear = np.where(cold & (mean < 12), 0.6 * clear, clear)
    # The leaf season of trees that are bare in winter; none where winters are warm.
    reach = np.clip((mean - 9.5) / half_range, -0.95, 0.95)
    half = np.arccos(reach) * 365.25 / (2 * np.pi)
    leaf_on = turn + 20 + half + 365.25 * YEARS + rng.normal(0, 6, YEARS.size)
    leaf_off = turn + 385 - half + 365.25 * YEARS + rng.normal(0, 6, YEARS.size)
    return WorldSite(
        name=f"{name}_{number // len(CLIMATES):03d}",
        region=name,
        lon=lon,
        lat=lat,
        days=days,
        sun_zenith=np.minimum(sun_zenith(lat, days % 365.25), 80),
        temperature=temperature,
        wetness=np.clip(0.15 + 0.0035 * rain + 0.1 * smooth_noise(rng, MONTHS, 0.3), 0.02, 1),
        drought=np.clip(0.7 - growth, 0, 1) * (temperature > 8),
        snow=snow,
        clear=clear,
        leaf_on=leaf_on,
        leaf_off=leaf_off,
        growth=growth,
        deep=deep,
        climate=climate,
        turn=turn,
    )


def _rain(rng, climate, phase):
    """Rain of each month in mm, (T,)."""
    peaks = 2 * np.pi * np.array(climate.peaks) / 365.25
    crest = np.cos((phase[:, None] - peaks) * (1 if len(peaks) == 1 else 2)).max(1)
    sharp = 1 + climate.seasonal * (1.35 * crest - 0.05 - (climate.seasonal > 0.9) * 0.15)
    amount = climate.rain / 12 * np.clip(sharp, 0.02, None) * rng.lognormal(0, 0.15)
    year = rng.lognormal(0, 0.2, MONTHS // 12 + 1).repeat(12)[:MONTHS]
    return amount * year * rng.lognormal(-0.13, 0.5, MONTHS)


def _growth(temperature, rain, bucket):
    """Growth index (T,): warmth up to 11 degrees, and water for what the air takes."""
    demand = np.clip(12 + 4.6 * temperature, 8, None)  # mm a month, after potential evaporation
    water, index = 0.5 * bucket, np.empty(MONTHS)
    for t in [
        *range(12),
        *range(MONTHS),
    ]:  # the first year twice, so that the bucket finds its level
        supply = water + rain[t]
        used = min(demand[t], supply) * np.clip(supply / (0.5 * bucket + demand[t]), 0.3, 1)
        water = np.clip(supply - used, 0, bucket)
        index[t] = used / demand[t]
    return np.clip(index * 1.15 - 0.08, 0, 1) * np.clip((temperature + 0.5) / 11, 0, 1)
