"""The score that says when a series is unlike all that training saw."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models.unfamiliar import describe, learn, unfamiliarity
from utils.bands import BANDS
from utils.legend import URBAN


def series(level, n=1000, seed=0):
    rng = np.random.default_rng(seed)
    own = level * rng.uniform(0.7, 1.3, (n, 1, 1)) * rng.uniform(0.9, 1.1, (n, 10, 1))
    months = own * rng.uniform(0.9, 1.1, (n, 10, 24))
    return months.astype(np.float32)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = models.build("patchnet", bands=BANDS, legend=URBAN)
    net.card["familiar"] = learn(series(2000.0))
    return net


def test_series_like_those_of_training_are_familiar_and_others_are_not(net):
    assert (unfamiliarity(net, series(2000.0, seed=1)) < 1).mean() > 0.9
    assert (unfamiliarity(net, series(7000.0)) > 1).all()


def test_score_survives_a_weights_file(net, tmp_path):
    models.save(tmp_path / "net.safetensors", net)
    again = models.load(tmp_path / "net.safetensors")
    x = series(3000.0)
    np.testing.assert_array_equal(unfamiliarity(again, x), unfamiliarity(net, x))


def test_weights_of_before_say_that_they_cannot_tell():
    plain = models.build("patchnet", bands=BANDS, legend=URBAN)
    assert unfamiliarity(plain, series(2000.0)) is None


def test_familiar_series_stay_so_without_a_band_and_without_months(net):
    x = series(2000.0, seed=1)
    x[:, 3] = np.nan
    x[:, :, 5:9] = np.nan
    assert (unfamiliarity(net, x) < 1).mean() > 0.85


def test_series_never_seen_has_no_score(net):
    x = series(2000.0, n=3)
    x[1] = np.nan
    assert np.isnan(unfamiliarity(net, x)).tolist() == [False, True, False]


@given(st.integers(0, 2**31), st.integers(1, 70))
@settings(deadline=None, max_examples=25)
def test_description_is_mean_and_spread_of_the_months_seen(seed, months):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 9000, (4, 3, months)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = np.nan
    found = describe(x)
    for i, band in np.ndindex(4, 3):
        own = x[i, band, :: 5 if months >= 48 else 1]
        own = own[np.isfinite(own)] / 1e4
        expected = (own.mean(), own.std()) if own.size else (np.nan, np.nan)
        np.testing.assert_allclose((found[i, band], found[i, 3 + band]), expected, atol=2e-3)


def test_integers_with_the_mark_of_no_observation_score_as_floats_do(net):
    x = series(2000.0).round()
    x[:, :, 3] = np.nan
    marked = np.where(np.isnan(x), -32768, x).astype(np.int16)
    np.testing.assert_allclose(unfamiliarity(net, marked), unfamiliarity(net, x), rtol=1e-4)
