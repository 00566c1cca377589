"""drawing/: which series are drawn, and that each passes through the network once."""

import re

import numpy as np

import models
from data_loader import BANDS
from drawing import choice
from drawing.telling import QUIET, season, sequences, telling
from tests.conftest import made_up


def half_right(y):
    """Labels that are right but for series with two changes, of which the second is overlooked."""
    answer = y.copy()
    twice = [len(classes) == 3 for classes in sequences(y)]
    answer[twice, y.shape[1] // 2 :] = 1
    return answer


def answering(monkeypatch, samples, answer):
    """Let `models.label` give answer(true labels), and count the series that pass through it."""
    passed = []
    keys = np.arange(len(samples), dtype=np.float32)
    samples.x[:, 0, 0] = keys  # so that the made-up network knows each series again

    def label(net, x, *, probabilities):
        passed.extend(x[:, 0, 0].astype(int))
        labels = answer(samples.y[np.searchsorted(keys, x[:, 0, 0])])
        return labels, None, np.zeros((len(x), 6, x.shape[-1]))

    monkeypatch.setattr(models, "label", label)
    return passed


def names_of(drawn):
    return [int(re.search(r"\d+", series.name).group()) for series in drawn]


def test_default_samples_are_of_four_kinds():
    samples = made_up()
    samples.y[5::3, -1] = 2  # some of two changes get a third, which the network finds
    places, cases = telling(samples.y, half_right(samples.y), season(samples.x, BANDS))
    assert [cases[place] for place in places[:4]] == [
        "one change, right",
        "several changes, right",
        QUIET,
        "wrong",
    ]
    assert sorted(places) == list(range(60))


def test_the_unchanged_sample_has_the_strongest_season():
    samples = made_up()
    samples.x[9, BANDS.index("B8")] += 4000 * np.sin(np.arange(24) / 12 * 2 * np.pi) ** 2
    samples.x[12, :, ::3] = 9000  # snow
    places, cases = telling(samples.y, samples.y, season(samples.x, BANDS))
    assert next(place for place in places if cases[place] == QUIET) == 9
    alone = season(samples.x[:, [6]], ("B8",))  # without B4 the band itself counts
    assert alone.shape == (60,) and alone[12] == max(alone)
    assert season(np.full((2, 2, 12), np.nan), ("B4", "B8")).tolist() == [0, 0]
    ramp = np.stack([np.arange(11.0), np.full(11, 9000.0)])[:, None]  # bright is no season
    assert season(ramp, ("B8",)).tolist() == [8, 0]


def test_changed_gives_only_series_with_true_changes(monkeypatch):
    samples = made_up()
    answering(monkeypatch, samples, lambda y: y)
    drawn = choice.telling_series(None, samples, np.arange(60), changed=True, n=30)
    rows = names_of(drawn)
    assert len(set(rows)) == 30 and all(row % 3 for row in rows)


def test_wrong_gives_only_series_that_are_labelled_wrongly(monkeypatch):
    samples = made_up()
    answering(monkeypatch, samples, half_right)
    drawn = choice.telling_series(None, samples, np.arange(60), wrong=True, n=50)
    assert sorted(names_of(drawn)) == list(range(2, 60, 3))
    assert {series.reason for series in drawn} == {"wrong"}


def test_each_series_passes_through_the_network_once(monkeypatch):
    samples = made_up(700)
    passed = answering(monkeypatch, samples, half_right)
    drawn = choice.telling_series(None, samples, np.arange(700), n=4)
    assert len(passed) == len(set(passed)) == choice.LOOKED_AT
    assert set(names_of(drawn)) <= set(passed)
    for series in drawn:  # each with the labels of its own
        row = names_of([series])[0]
        np.testing.assert_array_equal(series.true, samples.y[row])
        np.testing.assert_array_equal(series.predicted, half_right(samples.y)[row])


def test_months_without_label_are_not_called_wrong():
    y = made_up().y
    y[:, :4] = -1
    _, cases = telling(y, np.where(y < 0, 5, y), np.zeros(60))
    assert set(cases) == {"one change, right", "several changes, right", QUIET}
    y[3] = -1
    assert telling(y, np.zeros_like(y), np.zeros(60))[1][3] == "no true labels"
