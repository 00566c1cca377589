"""The simulated samples: those that ship, and the script that makes them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset import (
    canopy,
    change,
    climate,
    figures,
    sensor,
    simulate,
    surfaces,
    water,
)
from dataset.pixels import Pixels
from utils.errors import InputError
from utils.legend import URBAN

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "dataset" / "urban.npz"
makes_spectra = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("prosail", "pyrsr")),
    reason="dataset/requirements.txt is not installed (prosail, pyrsr)",
)


@pytest.fixture(scope="module")
def shipped():
    with np.load(SHIPPED, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def all_made():
    return simulate.simulate(series=160, seed=5)  # two sites, the second one cut short


@pytest.fixture
def made(all_made):
    return dict(all_made)


# The set that ships


def test_shipped_file_has_the_arrays_the_loader_reads(shipped):
    assert shipped["x"].shape == (12000, 10, 48) and shipped["x"].dtype == np.int16
    assert shipped["y"].shape == (12000, 48) and shipped["y"].dtype == np.int8
    assert shipped["lonlat"].shape == (12000, 2) and shipped["site"].shape == (12000,)
    assert (
        np.unique(shipped["first_month"]).tolist() == ["2017-12"]
        and shipped["first_month"].dtype == "<U7"
    )
    assert shipped["bands"].tolist() == list(simulate.BANDS)
    assert shipped["classes"].tolist() == list(change.CLASSES)
    assert SHIPPED.stat().st_size < 12e6


def test_shipped_classes_follow_the_urban_legend():
    assert URBAN.names == change.CLASSES


def test_shipped_labels_are_complete_and_about_half_the_series_change(shipped):
    y = shipped["y"]
    number = (y[:, 1:] != y[:, :-1]).sum(1)
    assert set(np.unique(y)) == set(range(6))
    assert set(np.unique(number)) == {0, 1, 2, 3, 4}
    assert 0.45 < (number > 0).mean() < 0.55
    assert np.bincount(y.ravel()).min() > 0.08 * y.size  # no class is rare


def test_shipped_changes_reach_both_ends_and_every_month(shipped):
    y = shipped["y"]
    by_month = (y[:, 1:] != y[:, :-1]).sum(0)
    assert by_month.min() > 0.6 * by_month.mean()


def test_shipped_reflectance_is_physical_and_missing_months_miss_all_bands(shipped):
    missing = shipped["x"] == simulate.MISSING
    assert (missing.any(1) == missing.all(1)).all()
    assert 0.03 < missing.mean() < 0.15
    assert not missing[:, 0].all(1).any()  # no series without an observation
    seen = shipped["x"][~missing]
    assert seen.min() >= 1 and seen.max() <= 16000


def test_shipped_classes_look_like_what_they_are(shipped):
    x = np.where(shipped["x"] == simulate.MISSING, np.nan, shipped["x"] / 1e4).transpose(0, 2, 1)
    summer = np.zeros(48, bool)
    summer[[6, 7, 8, 18, 19, 20, 30, 31, 32, 42, 43, 44]] = True  # June to August
    median = np.array([np.nanmedian(x[(shipped["y"] == c) & summer], 0) for c in range(6)])
    ndvi = (median[:, 6] - median[:, 2]) / (median[:, 6] + median[:, 2])
    assert median[0, 8] < 0.05  # water is dark in the short-wave infrared
    assert ndvi[1] > 0.75 and ndvi[2] > 0.5  # woodland and grassland are green in summer
    assert ndvi[3] < 0.3 and ndvi[4] < 0.3  # bare soil and impervious surface are not
    assert median.min() > 0 and median.max() < 0.6


def test_shipped_sites_are_places_with_region_prefixes(shipped):
    prefixes = {name.split("_")[0] for name in shipped["site"]}
    assert prefixes == set(climate.REGIONS)
    assert 60 <= len(set(shipped["site"])) <= 100
    for name in np.unique(shipped["site"]):
        points = shipped["lonlat"][shipped["site"] == name]
        assert np.ptp(points, axis=0).max() < 0.05  # degrees: a few kilometres
        assert 73 < points[:, 0].mean() < 135 and 18 < points[:, 1].mean() < 54


# Making a set


@makes_spectra
def test_same_seed_gives_the_same_series_for_any_number_of_processes_and_any_length(made, tmp_path):
    again = simulate.simulate(
        series=152, seed=5, processes=2
    )  # and a smaller set is the beginning of a larger one
    for name in ("x", "y", "lonlat", "first_month", "site"):
        np.testing.assert_array_equal(made[name][:152], again[name])
        made[name] = made[name][:152]
    for arrays, path in ((made, tmp_path / "one.npz"), (again, tmp_path / "two.npz")):
        np.savez_compressed(path, **arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@makes_spectra
def test_another_seed_gives_other_series(made, shipped):
    assert not np.array_equal(made["x"][:150], shipped["x"][:150])
    assert not np.array_equal(made["y"][:150], shipped["y"][:150])


@makes_spectra
def test_made_set_has_the_form_of_the_shipped_one(made, shipped):
    assert made.keys() == shipped.keys()
    for name in made:
        assert (
            made[name].dtype.kind == shipped[name].dtype.kind
            and made[name].shape[1:] == shipped[name].shape[1:]
        )
    assert all(len(made[name]) == 160 for name in ("x", "y", "lonlat", "first_month", "site"))


@makes_spectra
def test_shipped_file_is_what_the_script_makes(shipped):
    x, y, lonlat, name = simulate.simulate_site(0, 0)
    np.testing.assert_array_equal(shipped["y"][:150], y)
    # another processor may round a value the other way
    assert np.abs(shipped["x"][:150].astype(int) - x).max() <= 1
    assert (shipped["site"][:150] == name).all()


@makes_spectra
def test_leaves_soil_and_water_keep_the_order_of_nature():
    rng = np.random.default_rng(0)
    tables = canopy.grow(rng, "grass")
    soil, zenith = np.full((1, 3, 10), 0.2), np.full(3, 40.0)
    leaf_area = np.array([[0.01, 1.5, 5.0]])
    green = canopy.canopy(tables, np.array([0]), leaf_area, np.zeros((1, 3)), zenith, soil)[0]
    dead = canopy.canopy(tables, np.array([0]), leaf_area, np.ones((1, 3)), zenith, soil)[0]
    assert np.abs(green[0] - 0.2).max() < 0.01  # no leaves: the soil is seen
    assert green[2, 6] > green[1, 6] > 0.2 > green[1, 2] > green[2, 2]
    assert dead[2, 2] > 2 * green[2, 2]  # dead leaves absorb no red

    site = climate.make_site(rng, 1)
    each = Pixels(rng, site, 50)
    ground = surfaces.soil(each, bright=(0.5, 0.5), rough=(0, 0))
    driest, wettest = site.wetness.argmin(), site.wetness.argmax()
    assert (
        np.median(ground[:, driest], 0) > np.median(ground[:, wettest], 0)
    ).all()  # wet soil is darker
    lake = water.water(each, ground)
    assert (lake > 0).all() and np.median(lake[..., 8]) < 0.03


# The parts that need no spectra


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_label_is_the_cover_with_the_largest_share(seed, n):
    labels, shares = change.histories(np.random.default_rng(seed), n)
    np.testing.assert_allclose(shares.sum(2), 1)
    assert shares.min() >= -1e-12
    own = np.take_along_axis(shares, labels[..., None].astype(int), 2)[..., 0]
    assert (own >= shares.max(2) - 1e-9).all()


@given(st.integers(0, 2**32), st.integers(0, 4))
def test_change_months_are_in_order_and_apart(seed, number):
    months = change.change_months(np.random.default_rng(seed), number)
    assert len(months) == number
    assert all(1 <= month < climate.MONTHS for month in months)
    assert (np.diff(months) >= change.SHORTEST).all()


@given(st.integers(0, 2**32))
def test_monthly_median_is_that_of_the_clear_looks(seed):
    rng = np.random.default_rng(seed)
    seen, clear = rng.random((3, 5, 6, 10)), rng.random((3, 5, 6)) < 0.4
    found = sensor.median(seen, clear)
    for i, t in np.ndindex(3, 5):
        if clear[i, t].any():
            np.testing.assert_allclose(found[i, t], np.median(seen[i, t, clear[i, t]], axis=0))
        else:
            assert np.isnan(found[i, t]).all()


def test_chances_sum_to_one():
    np.testing.assert_allclose(change.NEXT.sum(1), 1)
    assert (np.diag(change.NEXT) == 0).all()
    np.testing.assert_allclose([change.START.sum(), change.NUMBER.sum()], 1)
    for region in climate.REGIONS.values():
        assert sum(region.crops.values()) == pytest.approx(1)


@pytest.mark.parametrize("lat, day, zenith", [(40, 172, 27), (40, 355, 66.5), (23, 172, 21)])
def test_sun_stands_where_it_does(lat, day, zenith):
    assert climate.sun_zenith(lat, day) == pytest.approx(
        zenith, abs=2
    )  # the summer sun is high, the winter sun low


# The command line


@pytest.mark.parametrize(
    "wrong, said",
    [
        (["--series", "0"], "--series"),
        (["--processes", "0"], "--processes"),
        (["--seed", "-1"], "--seed"),
        (["--out", "set.csv"], ".npz"),
        (["--out", "nowhere/at/all.npz"], "does not exist"),
    ],
)
def test_wrong_argument_is_refused_in_one_line(wrong, said):
    with pytest.raises(InputError, match=said):
        simulate.arguments(wrong)


def test_wrong_arguments_end_with_exit_code_2_and_no_traceback():
    for wrong in (["--series", "-3"], ["--nonsense"], ["--serie", "10"]):
        run = subprocess.run(
            [sys.executable, "dataset/simulate.py", *wrong],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 2 and "Traceback" not in run.stderr and run.stderr.strip()


def test_figures_of_a_file_that_is_no_set_are_refused(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"not an archive")
    with pytest.raises(InputError, match="bad.npz"):
        figures.read(tmp_path / "bad.npz")


def test_figures_of_a_set_are_drawn(shipped, tmp_path):
    some = np.arange(0, 12000, 40)
    np.savez(
        tmp_path / "some.npz", **{name: shipped[name][some] for name in ("x", "y", "first_month")}
    )
    figures.draw(tmp_path / "some.npz", tmp_path)
    for name in ("simulated_classes.png", "simulated_changes.png"):
        assert (tmp_path / name).stat().st_size > 20_000
