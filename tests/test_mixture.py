"""Real series made as long as the simulated ones, and what is chosen on sets that are left out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from data_loader import Samples
from models.unfamiliar import unfamiliarity
from training import lacking, mixture, world
from utils.bands import BANDS
from utils.legend import URBAN

MONTHS = 48


def simulated(n=30):
    rng = np.random.default_rng(0)
    x = rng.uniform(5000, 6000, (n, 10, MONTHS)).astype(np.float32)
    y = np.zeros((n, MONTHS), np.int8)
    months = np.arange("2018-01", "2022-01", dtype="datetime64[M]")
    names = np.array([f"s{i}" for i in range(n)])
    return Samples(x=x, y=y, months=months, bands=BANDS, legend=URBAN, ids=names, site=names)


@given(st.integers(0, 2**31), st.integers(12, 30), st.integers(0, 11))
@settings(deadline=None, max_examples=25)
def test_lengthened_series_keep_the_season_of_the_real_one(seed, length, first):
    rng = np.random.default_rng(seed)
    calendar = (first + np.arange(length)) % 12
    x = np.where(np.isin(calendar, (5, 6, 7)), 4000.0, 1000.0)[None, None].repeat(10, 1)
    found = mixture.lengthen(rng, x.repeat(5, 0), first, MONTHS)
    assert found.shape == (5, 10, MONTHS) and found.dtype == np.float32
    bright = found[:, 0] > 2500
    assert (bright.sum(1) >= 8).all() and (
        bright.sum(1) <= 16
    ).all()  # three months a year, shifted
    assert np.isfinite(found).all()


def test_lengthened_series_miss_what_the_real_one_misses():
    x = np.full((3, 10, 12), 1000.0)
    x[:, 3] = np.nan
    x[:, :, 7] = np.nan
    found = mixture.lengthen(np.random.default_rng(0), x, 0, MONTHS)
    assert np.isnan(found[:, 3]).all()
    assert (np.isnan(found[:, 0]).sum(1) == MONTHS // 12).all()


def test_joined_series_carry_the_labels_of_what_they_show():
    made = simulated()
    x = np.full((200, 10, MONTHS), 1000.0, np.float32)
    y = np.full((200, MONTHS), 5, np.int8)
    joined, labels = mixture.join_some(np.random.default_rng(0), x, y, made)
    assert ((joined[:, 0] > 3000) == (labels == 0)).all()
    assert 0.05 < (labels[:, 1:] != labels[:, :-1]).any(1).mean() < 0.4
    assert (x == 1000).all() and (y == 5).all()  # what was given is left as it is


def test_rare_classes_are_repeated_and_common_ones_drawn():
    rng = np.random.default_rng(0)
    few = mixture.drawn(rng, np.arange(5))
    assert len(few) == 5 * mixture.COPIES and (np.bincount(few) == mixture.COPIES).all()
    many = mixture.drawn(rng, np.arange(5000))
    assert len(many) == len(set(many)) == mixture.EACH


def test_sets_that_may_not_train_what_ships_are_not_among_those_that_do(shared):
    assert not set(mixture.REAL) & set(mixture.TEST_ONLY)
    assert not any("landsat" in file or "coast" in file for file, _ in mixture.REAL.values())
    x, own, first = mixture.read_real(shared, "rondonia")
    assert set(own) == {1, 2} and x.shape[1] == 10 and first == 6


def test_real_sets_are_drawn_alike(shared):
    found = mixture.real_samples(shared, ["roraima", "rondonia_7bands"], simulated())
    assert found.x.shape[1:] == (10, MONTHS) and found.y.shape[1] == MONTHS
    assert set(found.site) == {"roraima", "rondonia_7bands"}
    assert len(set(found.ids)) == len(found)


def test_temperature_is_high_where_the_network_is_sure_and_wrong():
    own = np.array([0, 1] * 50)
    right = torch.nn.functional.one_hot(torch.from_numpy(own), 2).float()[:, :, None] * 6
    wrong = right.flip(1)
    mixed = torch.cat([right[:70], wrong[70:]])
    assert world.choose_temperature([(right, own)]) == 1
    assert world.choose_temperature([(mixed, own)]) > 3


def test_cost_is_the_least_that_keeps_stable_series_stable():
    scores = torch.zeros(100, 2, 12)
    scores[:, 0] = 1
    scores[:50, 1, 6] = 4  # an odd month in half of them, worth 3 nats, two changes
    still = np.full((100, 3, 12), 2000, np.float32)
    assert world.choose_cost([(still, [scores])], 1.0) == 2
    broken = np.where(np.arange(12) == 6, 9000, still).astype(np.float32)
    broken[:, :, 6:] = 9000
    assert world.choose_cost([(broken, [scores])], 1.0) > 2


def test_softened_network_says_the_same_less_surely():
    torch.manual_seed(0)
    net = models.build("patchnet", bands=BANDS, legend=URBAN).eval()
    x = 3000 * torch.rand(5, 10, 24)
    with torch.no_grad():
        before = net(x)
        world.soften(net, 2.0, 5.0)
        torch.testing.assert_close(net(x), before / 2)
    assert net.card["switch_cost"] == 5.0 and net.card["break"] == world.HALVED_AT


def test_class_of_most_months_is_scored():
    labels = np.array([[0, 0, 1], [1, 1, 1], [0, 1, 1]], np.int8)
    found = world.series_scores(labels, np.array([0, 1, 0]))
    assert found["OA"] == pytest.approx(2 / 3)
    assert found["macro_F1"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert found["changing"] == pytest.approx(2 / 3)


def test_weights_that_ship_label_landsat_series_that_no_training_saw(shared):
    net = models.load(Path(__file__).parents[1] / "model_data" / "world.safetensors")
    x, own, _ = mixture.read_real(shared, "pantanal_landsat")
    found = world.series_scores(models.label(net, x)[0], own)
    assert found["OA"] > 0.85 and found["macro_F1"] > 0.8 and found["changing"] < 0.02


def test_weights_that_ship_say_what_missing_bands_cost_and_what_is_strange():
    net = models.load(Path(__file__).parents[1] / "model_data" / "world.safetensors")
    assert set(net.card["without"]) == set(lacking.LACKING)
    assert max(net.card["without"].values()) < 8
    assert (unfamiliarity(net, np.full((3, 10, 24), 12_000, np.float32)) > 1).all()
    assert set(net.card["training"]["real"]) == set(mixture.REAL)
