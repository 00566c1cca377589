"""Choose, among labelled series, those that tell a reader most about a network."""

from itertools import zip_longest

import numpy as np

from utils.changes import segments

QUIET = "no change, strongest season, right"
CASES = ("one change, right", "several changes, right", QUIET, "wrong", "no true labels")


def telling(true, predicted, strength):
    """Return the places of series in the order in which to show them, and the case of each series.

    true, predicted: (N, T) labels, -1 = not labelled. strength (N,): of the season. The cases take
    turns, in the order of CASES. A case is told by the sequence of the true classes and whether the
    predicted sequence is the same. Series without a change come in order of their season, the
    strongest first. Series without true labels come last in each turn.
    """
    cases = cases_of(true, predicted)
    queues = {case: [] for case in CASES}
    for place, case in enumerate(cases):
        queues[case].append(place)
    queues[QUIET].sort(key=lambda place: -strength[place])
    turns = zip_longest(*queues.values())
    return [place for turn in turns for place in turn if place is not None], cases


def cases_of(true, predicted):
    """Return the case of each series, one of CASES; months without a true label do not count."""
    predicted = np.where(true >= 0, predicted, -1)
    pairs = zip(sequences(true), sequences(predicted), strict=True)
    return [case_of(classes, answer) for classes, answer in pairs]


def case_of(classes, answer):
    """Return the case of one series from its true and its predicted sequence of classes."""
    if not classes:
        return "no true labels"
    if classes != answer:
        return "wrong"
    changes = len(classes) - 1
    return (QUIET, "one change, right", "several changes, right")[min(changes, 2)]


def sequences(labels):
    """Return the classes of each series (N, T) in their order, as N tuples.

    A series without labels gives ().
    """
    runs = segments(labels)
    return [tuple(runs.label[runs.series == row].tolist()) for row in range(len(labels))]


def season(x, bands):
    """Return how strong the season of series x (N, C, T) is, for choosing only: (N,).

    It is the spread (10 to 90 %) of NDVI, or of the band that varies most where B4 or B8 is
    missing. Snow and clouds brighten B4 and B8 alike, so they count less than leaves.
    """
    if {"B4", "B8"} <= set(bands):
        red = x[:, bands.index("B4")]
        infrared = x[:, bands.index("B8")]
        ndvi = (infrared - red) / np.maximum(infrared + red, 1)
        x = ndvi[:, None]
    spread = np.zeros(x.shape[:2])
    observed = np.isfinite(x).any(axis=2)
    for place in zip(*np.nonzero(observed), strict=True):
        low, high = np.nanpercentile(x[place], (10, 90))
        spread[place] = high - low
    return spread.max(axis=1)
