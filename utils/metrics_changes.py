"""Scores of the changes of class: which transitions are found, and how many months early or late.

Arguments and the months that count are those of utils/metrics.py.
"""

import numpy as np
import pandas as pd

from utils.changes import change_months, chunks, transitions
from utils.matching import matched_months, shifted
from utils.metrics_shared import checked_labels, class_table, in_labelled_months, ratio


def transition_matrix(labels, classes):
    """Return changes by from-class (rows) and to-class (columns): (K, K), the diagonal empty."""
    labels, _ = checked_labels(labels, labels, classes)
    found = transitions(labels)
    return class_table(found.from_class, found.to_class, classes)[:, :classes]


def transition_scores(true, predicted, classes, tolerance=1):
    """Return precision and recall of every transition that occurs, a row each, by class ids.

    A predicted change is matched when a true one of the same from-class and to-class lies within
    `tolerance` months. Each change pairs up at most once. Returns a DataFrame: from_class,
    to_class, true, predicted, matched (counts), precision, recall.
    """
    true, predicted = checked_labels(true, predicted, classes, tolerance)
    counts = np.zeros((3, classes * classes), np.int64)  # true, predicted, matched
    for part in chunks(len(true)):
        pair = in_labelled_months(true[part], predicted[part])
        true_codes, predicted_codes = (_codes(labels, classes).T for labels in pair)  # (T, N)
        matched = matched_months(true_codes, predicted_codes, tolerance)
        each = (true_codes, predicted_codes, np.where(matched, true_codes, -1))
        for row, codes in zip(counts, each, strict=True):
            row += np.bincount(codes[codes >= 0], minlength=classes * classes)
    occurring = np.flatnonzero(counts[:2].any(axis=0))
    true_count, predicted_count, matched = counts[:, occurring]
    return pd.DataFrame(
        {
            "from_class": occurring // classes,
            "to_class": occurring % classes,
            "true": true_count,
            "predicted": predicted_count,
            "matched": matched,
            "precision": ratio(matched, predicted_count),
            "recall": ratio(matched, true_count),
        }
    )


def change_date_errors(true, predicted, *, window=6):
    """Return by how many months predicted changes are late (+) or early (-): (M,) integers.

    Only changes that pair up within `window` months count. The nearest pairs are made first, the
    earlier of two that are equally near. Each change pairs up at most once, whatever its classes.
    """
    true, predicted = checked_labels(true, predicted, tolerance=window)
    months = np.arange(-window, window + 1)
    count = np.zeros(len(months), np.int64)
    for part in chunks(len(true)):
        pair = in_labelled_months(true[part], predicted[part])
        left, found = (change_months(labels).T for labels in pair)  # changes still without partner
        for place in np.argsort(np.abs(months), kind="stable"):  # 0, -1, 1, -2, 2, ...
            true_left, predicted_left = shifted(left, found, months[place])
            pairs = true_left & predicted_left
            true_left &= ~pairs
            predicted_left &= ~pairs
            count[place] += pairs.sum()
    return np.repeat(months, count)


def _codes(labels, classes):
    """Return from-class * K + to-class at change months, and -1 elsewhere: (N, T)."""
    found = transitions(labels)
    codes = np.full(labels.shape, -1, np.int32)
    transition = found.from_class.astype(np.int32) * classes + found.to_class
    codes[found.series, found.month] = transition
    return codes
