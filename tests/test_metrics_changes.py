"""Scores of transitions, of change dates and of segments."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.label_pairs import K, pairs, slow_pairs
from utils.changes import segments, transitions
from utils.metrics import (
    change_date_errors,
    scores,
    segment_scores,
    transition_matrix,
    transition_scores,
)


def slow_edit_distance(first, second):
    """Levenshtein distance of the labels of two lists of segments."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        slow_edit_distance(first[1:], second) + 1,
        slow_edit_distance(first, second[1:]) + 1,
        slow_edit_distance(first[1:], second[1:]) + (first[0][2] != second[0][2]),
    )


@given(pairs(-1), st.integers(0, 3))
def test_transition_scores_pair_up_changes_of_one_kind(pair, tolerance):
    true, predicted = pair
    predicted = np.where(true >= 0, predicted, -1)
    here, there = (list(zip(*transitions(labels), strict=True)) for labels in (true, predicted))
    table = transition_scores(*pair, K, tolerance)
    kinds = sorted({change[2:] for change in here + there})
    assert list(zip(table.from_class, table.to_class, strict=True)) == kinds
    for row in table.itertuples():
        matched, mine = (
            0,
            [
                [c for c in side if c[2:] == (row.from_class, row.to_class)]
                for side in (here, there)
            ],
        )
        for series in range(len(true)):
            first, second = ([month for s, month, *_ in side if s == series] for side in mine)
            matched += slow_pairs(first, second, tolerance)
        assert (row.true, row.predicted, row.matched) == (len(mine[0]), len(mine[1]), matched)
        assert row.recall == pytest.approx(
            matched / row.true if row.true else math.nan, nan_ok=True
        )


def test_a_map_tile_without_any_label_has_no_transition():
    assert not transition_matrix(np.full((3, 12), -1, np.int8), K).any()


def test_change_dates_are_late_when_positive_and_nearest_first():
    true, predicted = np.zeros((2, 20), np.int8), np.zeros((2, 20), np.int8)
    true[0, 10:], predicted[0, 12:] = 1, 1  # 2 late
    true[1, 10:] = 1
    predicted[1, 6:9] = 1  # 6, 9 and 11: the nearer, and of two equally near the earlier
    predicted[1, 11:] = 1
    assert change_date_errors(true, predicted).tolist() == [-1, 2]
    assert change_date_errors(true, predicted, window=1).tolist() == [-1]


@pytest.mark.parametrize("late, found", [(-7, []), (-6, [-6]), (6, [6]), (7, [])])
def test_a_change_half_a_year_off_counts_and_one_farther_off_does_not(late, found):
    true, predicted = np.zeros((2, 1, 24), np.int8)
    true[0, 12:], predicted[0, 12 + late :] = 1, 1
    assert change_date_errors(true, predicted).tolist() == found


@pytest.mark.parametrize("late, matched", [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_a_transition_one_month_off_is_found_and_one_two_months_off_is_not(late, matched):
    true, predicted = np.zeros((2, 1, 24), np.int8)
    true[0, 12:], predicted[0, 12 + late :] = 1, 1
    assert transition_scores(true, predicted, K)["matched"].tolist() == [matched]


def test_over_segmentation_lowers_segment_scores_more_than_accuracy():
    true = np.repeat(np.array([[0, 1]], np.int8), 12, axis=1)
    predicted = true.copy()
    predicted[0, [4, 16]] = 2
    assert scores(true, predicted, K)["OA"] == pytest.approx(22 / 24)
    found = segment_scores(true, predicted, K)
    assert found["edit"] == pytest.approx(1 - 4 / 6)  # 0 2 0 1 2 1 against 0 1
    assert found["F1@50"] == pytest.approx(2 * 2 / (2 + 6))


@given(pairs(0, months=6), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_segment_scores_agree_with_a_plain_loop(pair, share):
    right, count, similarity = 0, 0, []
    for rows in zip(*pair, strict=True):
        true, predicted = (list(zip(*segments(row[None])[1:], strict=True)) for row in rows)
        taken = set()
        for start, stop, label in predicted:
            overlap = [
                (min(stop, b) - max(start, a)) / (max(stop, b) - min(start, a)) * (label == own)
                for a, b, own in true
            ]
            best = int(np.argmax(overlap))
            if overlap[best] >= share and best not in taken:
                taken.add(best)
        right, count = right + len(taken), count + len(true) + len(predicted)
        similarity.append(1 - slow_edit_distance(true, predicted) / max(len(true), len(predicted)))
    found = segment_scores(*pair, K, overlaps=(share,))
    assert found == pytest.approx(
        {"edit": np.mean(similarity), f"F1@{round(100 * share)}": 2 * right / count}
    )
