"""The simulated samples of all climates: what the script makes of weather, plants and ground."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset import (
    climate,
    simulate,
    spectra,
    world,
    world_crops,
    worldcover,
)
from dataset.pixels import Pixels

makes_world = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("prosail", "pyrsr", "earthlib")),
    reason="dataset/requirements.txt is not installed (prosail, pyrsr, earthlib)",
)


@given(st.integers(0, 2**32), st.integers(0, 200))
def test_weather_of_the_world_is_possible(seed, number):
    site = world.make_site(np.random.default_rng(seed), number)
    for name in ("growth", "deep", "wetness", "drought", "snow", "clear"):
        values = getattr(site, name)
        assert values.shape == (climate.MONTHS,) and (values >= 0).all() and (values <= 1).all()
    assert np.isfinite(site.temperature).all() and (site.sun_zenith <= 80).all()
    box = site.climate
    assert box.lon[0] <= site.lon <= box.lon[1] and box.lat[0] <= site.lat <= box.lat[1]


def test_seasons_of_the_south_are_half_a_year_late():
    sites = [world.make_site(np.random.default_rng(7), i) for i in range(len(world.CLIMATES))]
    month = (np.arange(climate.MONTHS) + 11) % 12  # January = 0
    for site in sites:
        if site.climate.warmth[1] < 5:
            continue  # hardly a season
        by_month = [site.temperature[month == m].mean() for m in range(12)]
        warmest = int(np.argmax(by_month))
        assert warmest in ((5, 6, 7, 8) if site.lat > 0 else (11, 0, 1, 2)), site.name


def test_plants_of_dry_climates_rest_and_those_of_wet_ones_do_not():
    def growth(name):
        number = list(world.CLIMATES).index(name)
        sites = [world.make_site(np.random.default_rng(i), number) for i in range(20)]
        return np.array([site.growth for site in sites])

    assert growth("DES").mean() < 0.25
    assert growth("EQU").mean() > 0.6
    month = (np.arange(climate.MONTHS) + 11) % 12
    sahel = growth("SAH")
    assert sahel[:, np.isin(month, (7, 8))].mean() > 3 * sahel[:, np.isin(month, (2, 3))].mean()


def test_crops_of_every_climate_are_known_and_sum_to_one():
    for name, each in world.CLIMATES.items():
        assert set(each.crops) <= set(world_crops.SYSTEMS), name
        assert sum(each.crops.values()) == pytest.approx(1), name


@makes_world
def test_sites_of_the_world_have_the_form_of_the_others(monkeypatch):
    monkeypatch.setattr(worldcover, "PLANTS_AT_HAND", 6)
    worldcover.library.cache_clear()
    x, y, lonlat, name = simulate.simulate_site(3, 2, "world")
    again = simulate.simulate_site(3, 2, "world")
    worldcover.library.cache_clear()
    assert x.shape == (60, 10, 48) and x.dtype == np.int16 and y.shape == (60, 48)
    np.testing.assert_array_equal(x, again[0])
    seen = x[x != simulate.MISSING]
    assert seen.min() >= 1 and seen.max() <= 16000
    assert name.startswith("MED_") and set(np.unique(y)) <= set(range(6))


def ndvi(x):
    return (x[..., 6] - x[..., 2]) / (x[..., 6] + x[..., 2])


@makes_world
def test_land_of_the_world_is_dry_and_green_when_real_land_is(monkeypatch):
    """As benchmarks/world_beside_real.py shows it; before, ground was dark in B11, fields bare."""

    def pixels_of(climate_name):
        number = list(world.CLIMATES).index(climate_name)
        sites = [world.make_site(np.random.default_rng(i), number) for i in range(8)]
        made = [Pixels(np.random.default_rng(i), site, 30) for i, site in enumerate(sites)]
        return np.concatenate([worldcover.covers(each) for each in made])  # (n, T, 6, 10)

    monkeypatch.setattr(worldcover, "PLANTS_AT_HAND", 6)
    worldcover.library.cache_clear()
    savanna, atlantic = pixels_of("SVN"), pixels_of("ATL")
    worldcover.library.cache_clear()
    crops = savanna[:, :12, 5]
    driest = crops[np.arange(len(crops)), ndvi(crops).argmin(axis=1)]
    assert np.median(driest[:, 8] / driest[:, 6]) > 1.3
    winter = (np.arange(climate.MONTHS) + 11) % 12 < 2  # January and February
    assert np.median(ndvi(atlantic[:, winter, 5])) > 0.5


@makes_world
def test_measured_spectra_look_like_what_they_are():
    soils, built, char = (spectra.measured(kind)[0] for kind in ("soil", "built", "char"))
    assert len(soils) > 4000 and len(built) > 800 and len(char) > 15
    soil = np.median(soils, 0)
    assert (np.diff(soil[:8]) > 0).all()  # soils get brighter towards the infrared
    assert (np.median(char, 0)[:8] < soil[:8]).all()
    drawn = spectra.draw(np.random.default_rng(0), "built", (5, 3))
    assert drawn.shape == (5, 3, 10) and (drawn > 0).all()
