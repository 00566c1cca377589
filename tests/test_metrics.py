"""Scores: utils/metrics.py and utils/matching.py."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from tests.label_pairs import K, pairs, random_pair, slow_pairs
from utils import changes
from utils.changes import change_months, segments
from utils.errors import InputError
from utils.metrics import (
    change_date_errors,
    confusion,
    expected_calibration_error,
    scores,
    segment_scores,
    transition_matrix,
    transition_scores,
)

MONTHLY = ("OA", "AA", "F1", "F1_all_classes", "kappa", "mIoU")


def equal(first, second):
    return first.keys() == second.keys() and all(
        np.isclose(first[name], second[name], rtol=0, atol=1e-12, equal_nan=True) for name in first
    )


def slow_published_table(true, predicted, tolerance):
    """Hit, missed, false alarm, rightly none: the published rule, one change at a time."""
    table = np.zeros(4, int)
    for true_row, predicted_row in zip(change_months(true), change_months(predicted), strict=True):
        found = list(np.flatnonzero(predicted_row))
        for month in np.flatnonzero(true_row):
            found = [month if abs(each - month) <= tolerance else each for each in found]
        here, there = set(np.flatnonzero(true_row)), set(found)
        table += [
            len(here & there),
            len(here - there),
            len(there - here),
            true.shape[1] - len(here | there),
        ]
    return table


def test_scores_are_those_of_the_published_code(shared):
    cases = json.loads((shared / "metric_cases.json").read_text())
    arrays = np.load(shared / "metric_cases.npz")
    for case, expected in cases.items():
        classes = expected.pop("classes")
        found = scores(arrays[f"{case}_true"], arrays[f"{case}_pred"], classes)
        assert {name: round(found[name], 5) for name in expected} == expected, case


def test_published_scores_by_hand():
    true = np.array([[0, 0, 0, 1, 1, 1], [2, 2, 2, 2, 2, 2]])
    predicted = np.array([[0, 0, 1, 1, 1, 1], [2, 2, 2, 2, 0, 0]])
    found = scores(true, predicted, K)
    assert found["OA"] == pytest.approx(9 / 12)
    assert (found["spatial_PA"], found["spatial_UA"]) == pytest.approx(
        ((1 + 0) / 2, (1 / 2 + 0.5) / 2)
    )
    assert (found["temporal_PA"], found["temporal_UA"]) == pytest.approx(
        ((1 + 10 / 11) / 2, (1 / 2 + 1) / 2)
    )
    assert (found["temporal_change_precision"], found["temporal_change_recall"]) == (0.5, 1)
    assert (found["BC"], found["SC"], found["SCS"]) == (0, 1, 0.5)
    assert found["sequence_accuracy"] == 0.5


@given(pairs(0), st.integers(0, 3))
def test_temporal_scores_follow_the_published_rule_one_change_at_a_time(pair, tolerance):
    hit, missed, false, none = slow_published_table(*pair, tolerance)
    found = scores(*pair, K, tolerance=tolerance)

    def share(part, whole):
        return part / whole if whole else 0.5

    assert found["temporal_PA"] == pytest.approx(
        (share(hit, hit + missed) + share(none, none + false)) / 2
    )
    assert found["temporal_UA"] == pytest.approx(
        (share(hit, hit + false) + share(none, none + missed)) / 2
    )


@given(pairs(0))
def test_monthly_scores_agree_with_scikit_learn(pair):
    true, predicted = (labels.ravel() for labels in pair)
    found = scores(*pair, K)
    there, hit = np.union1d(true, predicted), np.unique(true[true == predicted])
    assert found["OA"] == pytest.approx(sk.accuracy_score(true, predicted))
    assert found["AA"] == pytest.approx(
        sk.recall_score(true, predicted, labels=np.unique(true), average="macro")
    )
    assert found["mIoU"] == pytest.approx(
        sk.jaccard_score(true, predicted, labels=there, average="macro")
    )
    assert found["F1_all_classes"] == pytest.approx(
        sk.f1_score(true, predicted, labels=there, average="macro")
    )
    if len(hit):
        assert found["F1"] == pytest.approx(
            sk.f1_score(true, predicted, labels=hit, average="macro")
        )
    if len(there) > 1:
        assert found["kappa"] == pytest.approx(sk.cohen_kappa_score(true, predicted))


@given(pairs(-1), st.integers(0, 4))
def test_each_change_pairs_up_once_and_as_many_as_can(pair, tolerance):
    true, predicted = pair
    predicted = np.where(true >= 0, predicted, -1)
    months = [
        [np.flatnonzero(row) for row in change_months(labels)] for labels in (true, predicted)
    ]
    matched = sum(slow_pairs(a, b, tolerance) for a, b in zip(*months, strict=True))
    found = scores(*pair, K, tolerance=tolerance)
    for name, side in (("recall", months[0]), ("precision", months[1])):
        count = sum(map(len, side))
        assert found[f"temporal_change_{name}"] == pytest.approx(
            matched / count if count else math.nan, nan_ok=True
        )


@given(pairs(-1))
def test_sequence_accuracy_compares_classes_in_order_whatever_the_months(pair):
    true, predicted = pair
    predicted = np.where(true >= 0, predicted, -1)
    sequences = []
    for labels in (true, predicted):
        found = segments(labels)
        sequences.append(
            [found.label[found.series == series].tolist() for series in range(len(true))]
        )
    same = [a == b for a, b in zip(*sequences, strict=True) if a]
    assert scores(*pair, K)["sequence_accuracy"] == pytest.approx(np.mean(same))


@given(pairs(-1))
def test_perfect_prediction_scores_one(pair):
    true, _ = pair
    found = scores(
        true, true, K, tolerance=0
    )  # with more, the published rule merges true changes in a row
    changed = change_months(true).any(axis=1)
    used = (true >= 0).any(axis=1)
    for name, value in found.items():
        if name.endswith(("_PA", "_UA", "_F1")) and "change" not in name:
            # As published, a row that has no case counts one half.
            rows = (
                (changed.any(), not changed[used].all())
                if name.startswith("spatial")
                else (changed.any(), True)
            )
            assert value == pytest.approx(np.mean([1 if there else 0.5 for there in rows]))
        else:
            assert math.isnan(value) or value == pytest.approx(1)
            assert not (changed.any() and math.isnan(value) and name != "kappa")
    assert set(segment_scores(true, true, K).values()) == {1.0}
    assert not change_date_errors(true, true).any()


@given(pairs(-1), st.randoms(use_true_random=False))
def test_the_order_of_series_does_not_matter(pair, random):
    order = list(range(len(pair[0])))
    random.shuffle(order)
    assert equal(scores(*pair, K), scores(pair[0][order], pair[1][order], K))
    assert equal(segment_scores(*pair, K), segment_scores(pair[0][order], pair[1][order], K))


@given(pairs(-1))
def test_scores_lie_between_nothing_and_all(pair):
    for name, value in {**scores(*pair, K), **segment_scores(*pair, K)}.items():
        assert math.isnan(value) or (-1 if name == "kappa" else 0) <= value <= 1 + 1e-12, name


@given(pairs(-1))
def test_counts_add_up(pair):
    true, predicted = pair
    table = confusion(true, predicted, K)
    assert table.shape == (K, K) and table.sum() == ((true >= 0) & (predicted >= 0)).sum()
    assert np.trace(table) == ((true == predicted) & (true >= 0)).sum()
    moves = transition_matrix(true, K)
    assert moves.sum() == change_months(true).sum() and np.trace(moves) == 0
    assert transition_scores(true, predicted, K).true.sum() == moves.sum()


@given(pairs(-1))
def test_what_is_predicted_in_unlabelled_months_does_not_matter(pair):
    true, predicted = pair
    other = np.where(true >= 0, predicted, (predicted + 2) % K).astype(np.int8)
    assert equal(scores(true, predicted, K), scores(true, other, K))
    assert equal(segment_scores(true, predicted, K), segment_scores(true, other, K))
    assert np.array_equal(change_date_errors(true, predicted), change_date_errors(true, other))


def test_results_do_not_depend_on_the_chunks(monkeypatch):
    pair = random_pair()
    probabilities = np.random.default_rng(1).dirichlet(np.ones(K), pair[0].shape).transpose(0, 2, 1)

    def everything():
        return {
            **scores(*pair, K),
            **segment_scores(*pair, K),
            "errors": change_date_errors(*pair).sum(),
            "ece": expected_calibration_error(probabilities, pair[0]),
            "transitions": transition_scores(*pair, K).matched.sum(),
        }

    whole = everything()
    monkeypatch.setattr(changes, "CHUNK", 17)
    assert equal(whole, everything())


def test_a_prediction_without_any_label_is_wrong_everywhere():
    true = np.zeros((4, 12), np.int8)
    true[:2, 6:] = 1
    found = scores(true, np.full_like(true, -1), K)
    for name in (
        "OA",
        "AA",
        "F1_all_classes",
        "mIoU",
        "spatial_PA",
        "sequence_accuracy",
        "SC",
        "spatial_change_F1",
    ):
        assert found[name] == 0, name


def test_series_without_any_true_label_count_nowhere():
    true, predicted = random_pair()
    longer = [
        np.concatenate([labels, extra])
        for labels, extra in ((true, np.full((5, 24), -1, np.int8)), (predicted, predicted[:5]))
    ]
    assert equal(scores(true, predicted, K), scores(*longer, K))


def test_a_class_that_is_nowhere_does_not_lower_the_means():
    pair = random_pair()
    assert equal(scores(*pair, K), scores(*pair, K + 4))


def test_two_changes_predicted_around_one_true_one_cost_precision():
    true, predicted = np.array([[0, 0, 0, 0, 1, 1, 1, 1]]), np.array([[0, 0, 0, 1, 0, 1, 1, 1]])
    found = scores(true, predicted, K)
    assert found["temporal_PA"] == found["temporal_UA"] == 1  # the published rule sees nothing
    assert found["temporal_change_precision"] == pytest.approx(1 / 3)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    true = np.zeros((1, 10), np.int8)
    probabilities = np.zeros((1, 2, 10))
    probabilities[:, 0], probabilities[:, 1] = 0.7, 0.3
    assert expected_calibration_error(probabilities, true) == pytest.approx(0.3)
    true[0, :3] = 1
    assert expected_calibration_error(probabilities, true) == pytest.approx(0)
    true[0, :5] = -1
    probabilities[0, :, 5] = np.nan
    assert expected_calibration_error(probabilities, true) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "change",
    [
        {"predicted": np.zeros((3, 11), np.int8)},
        {"true": np.zeros(12, np.int8)},
        {"true": np.full((3, 12), 3, np.int8)},
        {"predicted": np.full((3, 12), -2, np.int8)},
        {"predicted": np.zeros((3, 12))},
        {"true": np.full((3, 12), -1, np.int8)},
        {"tolerance": -1},
        {"tolerance": 1.5},
        {"true": np.zeros((0, 12), np.int8), "predicted": np.zeros((0, 12), np.int8)},
    ],
)
def test_wrong_arguments_end_in_one_clear_line(change):
    arguments = {
        "true": np.zeros((3, 12), np.int8),
        "predicted": np.zeros((3, 12), np.int8),
        **change,
    }
    with pytest.raises(InputError, match="found .* expected") as error:
        scores(**arguments, classes=K)
    assert "\n" not in str(error.value)


def test_probabilities_of_another_shape_end_in_one_clear_line():
    with pytest.raises(InputError, match="probabilities: found .* expected"):
        expected_calibration_error(np.zeros((3, 12, 2)), np.zeros((3, 12), np.int8))
