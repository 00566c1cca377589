"""The methods beside the networks: what they find, and that no series makes them fail."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyxccd")
pytest.importorskip("statsmodels")

from comparing import registry as methods
from comparing.methods import segments
from comparing.methods.ccdc import CCDC, cold, month_of, segment_medians
from comparing.methods.sccd import SCCD, sccd_breaks
from comparing.methods.selection import choose
from data_loader import BANDS
from tests.comparing_samples import LEVELS, labels_with_change, near, samples_of
from utils.errors import InputError
from utils.legend import COAST
from utils.metrics import filtered_scores, selection_score

QUICK = {  # one setting each, small forests: what is tested here is not how good they are
    "ccdc": {"conse": 4, "probability": 0.99, "trees": 20},
    "sccd": {"conse": 3, "probability": 0.99, "trees": 20},
    "bfast": {"band": "B8", "h": 0.15, "level": 0.05, "trees": 20},
    "bfast_monitor": {"band": "B8", "history": 12, "level": 0.05, "trees": 20},
    "forest": {"smallest_leaf": 1, "trees": 20},
    "forest_filter": {"smallest_leaf": 1, "trees": 20},
}


@pytest.fixture(scope="module")
def train():
    return samples_of(labels_with_change(120))


# every method, the same face


@pytest.mark.parametrize("name", QUICK)
def test_labels_of_plain_series_are_right(name, train):
    test = samples_of(labels_with_change(60, seed=1), seed=1)
    method = methods.build(name, **QUICK[name]).fit(train)
    labels = method.predict(test)
    assert labels.shape == test.y.shape and labels.dtype == np.int8
    assert (labels == test.y).mean() > 0.9
    assert len(method.reasons) == len(test)


@pytest.mark.parametrize("name", QUICK)
def test_awkward_series_are_answered(name, train):
    random = np.random.default_rng(3)
    x = samples_of(labels_with_change(8, seed=2), seed=2).x
    x[0] = np.nan  # nothing seen at all
    x[1] = 1000  # constant
    x[2] = 0
    x[3, :, random.permutation(60)[:50]] = np.nan  # ten months left
    x[4, :, :40] = np.nan
    x[5, random.random((10, 60)) < 0.4] = np.nan  # single bands missing
    x[6] = -500
    x[7, :, 10:] = np.nan
    test = replace(train.take(np.arange(8)), x=x)
    method = methods.build(name, **QUICK[name]).fit(train)
    labels = method.predict(test)
    assert labels.min() >= 0 and labels.max() < len(COAST)
    assert "no observation" in method.reasons[0]
    assert (labels[0] == segments.most_common_class(train.y)).all()


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("steps", [12, 13, 23, 24, 25, 48])
def test_short_series_are_answered(name, steps):
    train = samples_of(labels_with_change(40, steps=60)[:, -steps:])
    labels = methods.build(name, **QUICK[name]).fit(train).predict(train)
    assert labels.shape == (40, steps) and labels.min() >= 0


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("bands", [("B4",), ("B2", "B3", "B4"), ("B2", "B3", "B4", "B8")])
def test_few_bands_are_enough(name, bands):
    train = samples_of(labels_with_change(40), bands=bands)
    wanted = {key: value for key, value in QUICK[name].items() if key != "band"}
    labels = methods.build(name, **wanted).fit(train).predict(train)
    assert labels.shape == train.y.shape


@pytest.mark.parametrize("name", QUICK)
def test_unlabelled_months_and_own_dates_are_taken(name, train):
    y = train.y.copy()
    y[:, ::3] = -1
    y[:20] = -1
    months = train.months + np.arange(len(train))[:, None] % 5
    labels = (
        methods.build(name, **QUICK[name]).fit(replace(train, y=y, months=months)).predict(train)
    )
    assert (labels == train.y).mean() > 0.8


@pytest.mark.parametrize("name", QUICK)
def test_the_same_seed_gives_the_same_labels(name, train):
    first, second = (
        methods.build(name, **QUICK[name], seed=4).fit(train).predict(train) for _ in range(2)
    )
    assert (first == second).all()


@pytest.mark.parametrize("name", QUICK)
def test_nothing_in_the_samples_is_changed(name, train):
    x, y = train.x.copy(), train.y.copy()
    methods.build(name, **QUICK[name]).fit(train, train).predict(train)
    assert np.array_equal(x, train.x, equal_nan=True) and (y == train.y).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(12, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_any_gaps_are_answered(steps, share, seed):
    samples = samples_of(labels_with_change(20)[:, -steps:])
    gone = np.random.default_rng(seed).random(samples.x.shape) < share
    gappy = replace(samples, x=np.where(gone, np.nan, samples.x).astype(np.float32))
    for name in ("bfast", "bfast_monitor", "ccdc", "sccd"):
        labels = methods.build(name, **QUICK[name]).fit(gappy).predict(gappy)
        assert labels.min() >= 0


def test_an_unknown_method_is_an_input_error():
    with pytest.raises(InputError, match="kalman"):
        methods.build("kalman")


def test_a_band_that_the_samples_lack_is_an_input_error(train):
    with pytest.raises(InputError, match="B99"):
        methods.build("bfast", band="B99").fit(train)


def test_validation_chooses_the_setting():
    class Constant:
        def __init__(self, value):
            self.value = value

        def fit(self, train, validation):
            return self

        def predict(self, samples):
            return np.full(samples.y.shape, self.value, np.int8)

    samples = samples_of(np.full((5, 24), 2))
    setting, tried = choose(Constant, {"value": (0, 2, 1)}, samples, samples)
    assert setting == {"value": 2} and len(tried) == 3
    assert choose(Constant, {"value": (0, 2, 1)}, samples, None)[0] == {
        "value": 2
    }  # without one, the middle
    right, wrong = (
        selection_score(filtered_scores(samples.y, labels, 5))
        for labels in (samples.y, samples.y * 0)
    )
    assert right > wrong


# segments


def test_gaps_are_filled_along_a_line():
    x = np.array([[np.nan, 2, np.nan, np.nan, 8, np.nan], [np.nan] * 6], np.float32)
    assert segments.filled(x).tolist() == [[2, 2, 4, 6, 8, 8], [0] * 6]


def test_features_of_a_segment_are_those_of_its_season():
    month = np.arange(48)
    season = 1000 + 200 * month / 12 + 300 * np.cos(2 * np.pi * month / 12)
    x = np.where(month < 24, season, 5000)[None, None].astype(np.float32)
    starts = np.zeros((1, 48), bool)
    starts[0, [0, 24]] = True
    level, slope, cosine, sine, rmse, months = segments.season_features(
        x, starts, np.datetime64("2000-01") + month
    )[0]
    assert abs(level - (1000 + 200 * 11.5 / 12)) < 10 and abs(slope - 200) < 10
    assert abs(cosine - 300) < 10 and abs(sine) < 10 and rmse < 10 and months == 24
    assert np.allclose(
        segments.season_features(x, starts, np.datetime64("2000-01") + month)[1],
        [5000, 0, 0, 0, 0, 24],
    )


def test_class_of_a_segment_is_its_most_frequent_label():
    starts = np.array([[1, 0, 0, 1, 0], [1, 0, 0, 0, 0]], bool)
    y = np.array([[2, 2, 1, 0, -1], [-1] * 5])
    label, months = segments.segment_classes(starts, y, 3)
    assert label.tolist() == [2, 0, -1] and months.tolist() == [2, 1, 0]
    medians = segment_medians(np.array([[[1, 9, 2, 4, 5]], [[3, 3, 3, 3, 8]]], np.float32), starts)
    assert medians.ravel().tolist() == [2, 4, 3]


# CCDC


@pytest.mark.parametrize("conse", [3, 4])
def test_ccdc_sees_a_change_until_too_few_months_are_left(conse):
    months = np.datetime64("2018-01") + np.arange(60)

    def found(change):
        random = np.random.default_rng(change)
        x = (
            1500
            + 300 * np.cos(2 * np.pi * np.arange(60) / 12)
            + 30 * random.standard_normal((10, 60))
        )
        x[:, change:] += 800
        breaks = np.zeros((1, 60), bool)
        for record in cold(x, months, conse=conse, probability=0.99, bands=BANDS):
            if record["t_break"] > 0 and record["change_prob"] == 100:
                breaks[0, month_of(record["t_break"], months)] = True
        return near(breaks, change)[0]

    assert all(found(change) for change in (12, 24, 36, 60 - conse))
    assert not found(60 - conse + 1)


def test_ccdc_dates_a_break_at_the_first_new_month(train):
    y = np.zeros((1, 60), int)
    y[:, 30:] = 3
    starts, features = fitted_ccdc(train).segment(samples_of(y, seed=9))
    assert np.flatnonzero(starts[0]).tolist() == [0, 30]
    assert features.shape == (2, 90) and np.isfinite(features).all()
    level = features[:, :80].reshape(2, 10, 8)[
        :, :, 0
    ]  # at the middle of the segment, not at day 0
    assert np.abs(level - LEVELS[[0, 3]][:, None] * np.linspace(0.6, 1.4, 10)).max() < 300


# S-CCD


@pytest.mark.parametrize("conse", [2, 3, 4])
def test_sccd_sees_a_change_until_too_few_months_are_left(conse):
    months = np.datetime64("2018-01") + np.arange(60)

    def found(change):
        random = np.random.default_rng(change)
        x = 1500 + 300 * np.cos(2 * np.pi * np.arange(60) / 12)
        x = x + 30 * random.standard_normal((10, 60))
        x[:, change:] += 800
        breaks = sccd_breaks(x, months, conse=conse, probability=0.99, bands=BANDS)
        return near(breaks[None], change)[0]

    assert all(found(change) for change in (12, 24, 36, 60 - conse))
    assert not found(60 - conse + 1)


@pytest.mark.parametrize("apart, found", [(12, [24]), (24, [24, 48])])
def test_sccd_misses_a_break_that_follows_within_a_year_and_a_half(apart, found):
    months = np.datetime64("2018-01") + np.arange(72)
    x = 1500 + 300 * np.cos(2 * np.pi * np.arange(72) / 12)
    x = x + 30 * np.random.default_rng(0).standard_normal((10, 72))
    x[:, 24:] += 800
    x[:, 24 + apart :] -= 1500
    breaks = sccd_breaks(x, months, conse=3, probability=0.99, bands=BANDS)
    assert np.flatnonzero(breaks).tolist() == found


def test_sccd_dates_a_break_at_the_first_new_month(train):
    y = np.zeros((1, 60), int)
    y[:, 30:] = 3
    starts = SCCD(**QUICK["sccd"]).fit(train).segment(samples_of(y, seed=9))
    assert np.flatnonzero(starts[0]).tolist() == [0, 30]


@pytest.mark.parametrize("method, most", [(CCDC, 12), (SCCD, 10)])
def test_more_bands_than_pyxccd_takes_are_an_input_error(method, most):
    bands = tuple(f"X{number}" for number in range(most + 1))
    with pytest.raises(InputError, match=f"{most + 1} bands found; expected at most {most}"):
        method().fit(samples_of(labels_with_change(4), bands=bands))


def fitted_ccdc(train):
    method = CCDC(**QUICK["ccdc"])
    return method.fit(train)
