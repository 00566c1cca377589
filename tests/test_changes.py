"""Change months, segments, transitions and majority filters: utils/changes.py."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from utils import changes
from utils.changes import (
    change_months,
    majority_filter,
    segments,
    spatial_majority_filter,
    transitions,
)
from utils.errors import InputError

WITH_GAPS = hnp.arrays(
    np.int8, st.tuples(st.integers(1, 6), st.integers(1, 14)), elements=st.integers(-1, 2)
)
IMAGES = hnp.arrays(
    np.int8,
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    elements=st.integers(-1, 2),
)
WIDTHS = st.sampled_from([1, 3, 5, 7, 31])


def slow_changes(row):
    """(month, from, to) of one series, by a loop."""
    found, last = [], -1
    for month, label in enumerate(row):
        if label >= 0:
            if last >= 0 and label != last:
                found.append((month, last, label))
            last = label
    return found


def slow_vote(window, own):
    """The label of a window with one winner, else the own one."""
    ranking = Counter(int(label) for label in window.ravel() if label >= 0).most_common(2)
    if own < 0 or (len(ranking) == 2 and ranking[0][1] == ranking[1][1]):
        return own
    return ranking[0][0]


def test_change_month_is_the_first_month_of_the_new_class():
    assert change_months(np.array([[0, 0, 2, 2, 1]])).tolist() == [
        [False, False, True, False, True]
    ]


def test_unlabelled_months_neither_make_nor_hide_a_change():
    labels = np.array([[0, -1, 0, -1, 1, -1], [-1, -1, 2, 2, -1, -1], [-1] * 6])
    assert np.argwhere(change_months(labels)).tolist() == [[0, 4]]


@given(WITH_GAPS)
def test_changes_agree_with_a_plain_loop(labels):
    expected = [(i, *change) for i, row in enumerate(labels) for change in slow_changes(row)]
    found = transitions(labels)
    assert list(zip(*found, strict=True)) == expected
    assert np.argwhere(change_months(labels)).tolist() == [list(change[:2]) for change in expected]


@given(WITH_GAPS)
def test_segments_rebuild_the_labels_and_are_one_more_than_the_changes(labels):
    found = segments(labels)
    rebuilt = np.full_like(labels, -1)
    for series, start, stop, label in zip(*found, strict=True):
        assert (rebuilt[series, start:stop] == -1).all()
        rebuilt[series, start:stop] = label
        assert labels[series, start] == labels[series, stop - 1] == label
    assert np.array_equal(np.where(labels >= 0, rebuilt, -1), labels)
    expected = change_months(labels).sum(axis=1) + (labels >= 0).any(axis=1)
    assert np.array_equal(np.bincount(found.series, minlength=len(labels)), expected)


@given(WITH_GAPS, WIDTHS)
def test_majority_filter_agrees_with_a_plain_loop(labels, width):
    half = width // 2
    expected = [
        [slow_vote(row[max(t - half, 0) : t + half + 1], row[t]) for t in range(len(row))]
        for row in labels
    ]
    assert majority_filter(labels, width).tolist() == np.array(expected).tolist()


@given(IMAGES, WIDTHS)
def test_spatial_filter_agrees_with_a_plain_loop(labels, width):
    half = width // 2
    expected = labels.copy()
    for z, y, x in np.ndindex(labels.shape):
        window = labels[z, max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]
        expected[z, y, x] = slow_vote(window, labels[z, y, x])
    assert np.array_equal(spatial_majority_filter(labels, width), expected)


@given(WITH_GAPS, WIDTHS)
def test_filter_changes_nothing_in_the_array_it_was_given(labels, width):
    before = labels.copy()
    majority_filter(labels, width)
    spatial_majority_filter(labels, width)
    assert np.array_equal(labels, before)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(2, 5)), min_size=1, max_size=5))
def test_filter_of_three_months_leaves_segments_of_two_months_and_more(runs):
    labels = np.repeat([label for label, _ in runs], [length for _, length in runs])[None].astype(
        np.int8
    )
    assert np.array_equal(majority_filter(labels), labels)


@given(WITH_GAPS)
def test_filter_repeated_comes_to_rest(labels):
    for _ in range(labels.shape[1]):
        labels = majority_filter(labels)
    assert np.array_equal(majority_filter(labels), labels)


def test_filter_smooths_every_class_alike():
    for blip in range(3):
        labels = np.full((1, 7), (blip + 1) % 3, np.int8)
        labels[0, 3] = blip
        assert (majority_filter(labels) == (blip + 1) % 3).all()


def test_a_tie_of_two_other_labels_keeps_the_own_one():
    assert majority_filter(np.array([[0, 0, 1, 2, 2]]), 5)[0, 2] == 1


def test_a_wide_spatial_window_counts_all_its_votes():
    labels = np.zeros((21, 21), np.int8)
    labels[:12] = 1  # 252 votes against 189: more than a byte holds together
    assert spatial_majority_filter(labels, 41)[20, 20] == 1


def test_results_do_not_depend_on_the_chunks(monkeypatch):
    labels = np.random.default_rng(0).integers(-1, 3, (50, 12)).astype(np.int8)
    whole = change_months(labels), majority_filter(labels)
    monkeypatch.setattr(changes, "CHUNK", 7)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(whole, (change_months(labels), majority_filter(labels)))
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda labels: majority_filter(labels, 4),
        lambda labels: majority_filter(labels, 0),
        lambda labels: spatial_majority_filter(labels, 2.5),
        lambda labels: change_months(labels[0]),
        lambda labels: segments(labels.astype(float)),
        lambda labels: spatial_majority_filter(labels[0]),
        lambda labels: change_months(labels.astype(np.uint8)),
    ],
)
def test_wrong_arguments_end_in_one_clear_line(call):
    with pytest.raises(InputError, match="found .* expected") as error:
        call(np.zeros((3, 12), np.int8))
    assert "\n" not in str(error.value)
