"""Scores of label series: months, changes, transitions, segments, probabilities.

Everywhere:

- `true` and `predicted` are (N, T) integer labels, and `classes` is their number K.
- Months that `true` leaves unlabelled (-1) are left out of both.
- A prediction of -1 where a true label exists counts as an error of no class. Changes are found by
  skipping such months. A series predicted -1 everywhere counts as wrong on "did it change?".
- A change month is the first month of the new class.
- Rows of every table are the truth.
- A score that nothing was counted for is nan, except where the published code says otherwise.
- Arrays that do not fit together, labels outside -1 .. K-1 and no label at all raise InputError.
"""

import numpy as np

from utils.changes import change_months, chunks, majority_filter
from utils.errors import InputError
from utils.matching import drawn_months, matched_months
from utils.metrics_changes import change_date_errors, transition_matrix, transition_scores
from utils.metrics_segments import segment_scores
from utils.metrics_shared import (
    checked_labels,
    class_table,
    in_labelled_months,
    mean_of_known,
    ratio,
)

__all__ = [
    "change_date_errors",
    "confusion",
    "expected_calibration_error",
    "filtered_scores",
    "scores",
    "segment_scores",
    "selection_score",
    "transition_matrix",
    "transition_scores",
]
MONTHLY_SCORES = ("OA", "AA", "F1", "kappa", "mIoU")


def scores(true, predicted, classes, *, tolerance=1):
    """Return all scores of one prediction: a flat dictionary of floats, 0 to 1 (kappa from -1).

    Months: OA, AA, F1, kappa, mIoU. F1 is the mean over the classes that have at least one right
    month, as published; `F1_all_classes` counts 0 for the other classes.

    spatial_*: did the series change at all. temporal_*: which months are change months; a predicted
    change month within `tolerance` months of a true one is moved onto it, see
    `matching.drawn_months`. PA and UA are means over the change and the no-change row; a row
    without any case counts 0.5. F1 is their harmonic mean. All three are as published (He et al.
    2024, doi:10.1016/j.rse.2024.114101).

    spatial_change_*, temporal_change_*: precision, recall and F1 of change alone; a true and a
    predicted change month pair up at most once.

    sequence_accuracy: share of series with the right classes in the right order, whatever the
    months.

    BC, SC, SCS: of DynamicEarthNet (Toker et al. 2022, CVPR), with the months of a series in place
    of the images. BC is the intersection over union of change months, without tolerance. SC is the
    mIoU of the labels at the true change months. SCS is the mean of the two.
    """
    true, predicted = checked_labels(true, predicted, classes, tolerance)
    if true.max() < 0:
        raise InputError(
            f"true labels: found no labelled month in {len(true)} series, expected at least one"
        )
    total = {}
    for part in chunks(len(true)):
        pair = in_labelled_months(true[part], predicted[part])
        for name, counts in _count(*pair, classes, tolerance).items():
            total[name] = total.get(name, 0) + counts
    return {name: float(value) for name, value in _scores_of_counts(total).items()}


def filtered_scores(true, labels, classes, width=3):
    """Return all scores as published.

    The scores by month are those of the labels as they are. The other scores are those of the
    labels after a majority filter of `width` months.
    """
    by_month = scores(true, labels, classes)
    filtered = scores(true, majority_filter(labels, width), classes)
    return filtered | {name: by_month[name] for name in MONTHLY_SCORES}


def selection_score(found):
    """Return the one number that chooses an epoch or a setting on the validation part.

    It is the mean of OA, spatial F1 and temporal F1. found: dictionary of scores, as
    `filtered_scores` returns it. A score that is nan is left out of the mean.
    """
    return float(np.nanmean([found["OA"], found["spatial_F1"], found["temporal_F1"]]))


def confusion(true, predicted, classes):
    """Return months by true class (rows) and predicted class (columns): (K, K) integers.

    A predicted -1 is in no column.
    """
    true, predicted = checked_labels(true, predicted, classes)
    total = np.zeros((classes, classes + 1), np.int64)
    for part in chunks(len(true)):
        total += class_table(*in_labelled_months(true[part], predicted[part]), classes)
    return total[:, :classes]


def expected_calibration_error(probabilities, true, bins=15):
    """Return the mean gap between confidence and accuracy, 0 to 1 (Guo et al. 2017, ICML).

    probabilities: (N, K, T); their maximum is the confidence. true: (N, T). The gap is taken in
    equal bins of confidence. Months with NaN probabilities are left out.
    """
    probabilities, true = np.asarray(probabilities), np.asarray(true)
    if probabilities.ndim != 3 or probabilities[:, 0].shape != true.shape:
        raise InputError(
            f"probabilities: found shape {probabilities.shape} for labels of shape {true.shape}, "
            "expected (series, classes, months) for (series, months)"
        )
    checked_labels(true, true, probabilities.shape[1])
    months, right, confidence = np.zeros((3, bins))  # sums in each bin
    for part in chunks(len(true), 8192):
        highest = probabilities[part].max(axis=1)  # (n, T)
        use = (true[part] >= 0) & np.isfinite(highest)
        hit = (probabilities[part].argmax(axis=1) == true[part])[use]
        sure = highest[use].astype(np.float64)
        place = np.clip((sure * bins).astype(int), 0, bins - 1)
        months += np.bincount(place, minlength=bins)
        right += np.bincount(place, hit, minlength=bins)
        confidence += np.bincount(place, sure, minlength=bins)
    return float(ratio(np.abs(right - confidence).sum(), months.sum()))


def _count(true, predicted, classes, tolerance):
    """Return all that the scores are made from, as arrays.

    The counts of parts of the series add up to those of the whole.
    """
    true_change, predicted_change = change_months(true), change_months(predicted)
    used = (true >= 0).any(axis=1)
    changed = true_change.any(axis=1)
    no_answer = (predicted < 0).all(axis=1)  # which is wrong about whether the series changed
    changed_predicted = np.where(no_answer, ~changed, predicted_change.any(axis=1)) & used
    by_month = [np.ascontiguousarray(change.T) for change in (true_change, predicted_change)]
    codes = [change.view(np.int8) - 1 for change in by_month]  # (T, N), 0 = change, -1 = none
    matched = matched_months(*codes, tolerance)
    hit, false_alarm = drawn_months(*by_month, tolerance)
    same = _same_sequence(true, predicted, true_change, predicted_change)
    either = (true_change | predicted_change).sum()
    return {
        "months": class_table(true, predicted, classes),
        "spatial": _two_by_two(
            (changed & changed_predicted).sum(), changed.sum(), changed_predicted.sum(), used.sum()
        ),
        "temporal": _two_by_two(
            hit.sum(), true_change.sum(), hit.sum() + false_alarm.sum(), (true >= 0).sum()
        ),
        "change": np.array([matched.sum(), true_change.sum(), predicted_change.sum()]),
        "sequences": np.array([same[used].sum(), used.sum()]),
        "change_overlap": np.array([(true_change & predicted_change).sum(), either]),
        "changed_months": class_table(true[true_change], predicted[true_change], classes),
    }


def _scores_of_counts(counts):
    """Return the scores, from what `_count` counted."""
    series = counts["spatial"]
    _, _, iou_at_changes = _class_scores(counts["changed_months"])
    bc = ratio(*counts["change_overlap"])
    sc = mean_of_known(iou_at_changes)
    return {
        **_monthly_scores(counts["months"]),
        **_published_scores("spatial", series),
        **_published_scores("temporal", counts["temporal"]),
        **_change_scores("spatial", series[0, 0], series[0].sum(), series[:, 0].sum()),
        **_change_scores("temporal", *counts["change"]),
        "sequence_accuracy": ratio(*counts["sequences"]),
        "BC": bc,
        "SC": sc,
        "SCS": (bc + sc) / 2,
    }


def _class_scores(table):
    """Return recall, F1 and IoU of each class from a table (K, K + 1)."""
    right = np.diag(table)
    true = table.sum(axis=1)
    predicted = table.sum(axis=0)[:-1]
    return (
        ratio(right, true),
        ratio(2 * right, true + predicted),
        ratio(right, true + predicted - right),
    )


def _monthly_scores(table):
    recall, f1, iou = _class_scores(table)
    months, right = table.sum(), np.diag(table)
    agreement = right.sum() / months
    true = table.sum(axis=1) * 1.0  # whole numbers could overflow
    predicted = table.sum(axis=0)[:-1]
    chance = (true * predicted).sum() / months**2
    return {
        "OA": agreement,
        "AA": mean_of_known(recall),
        "F1": mean_of_known(f1[right > 0]),
        "F1_all_classes": mean_of_known(f1),
        "kappa": ratio(agreement - chance, 1 - chance),
        "mIoU": mean_of_known(iou),
    }


def _two_by_two(both, true, predicted, count):
    """Return [[hit, missed], [false alarm, rightly none]] of `count` cases."""
    rightly_none = count - true - predicted + both
    return np.array([[both, true - both], [predicted - both, rightly_none]])


def _published_scores(name, table):
    """Return PA and UA, the means of the change and the no-change row or column, and F1.

    F1 is the harmonic mean of PA and UA.
    """
    right = np.diag(table)
    pa = np.nan_to_num(ratio(right, table.sum(axis=1)), nan=0.5).mean()
    ua = np.nan_to_num(ratio(right, table.sum(axis=0)), nan=0.5).mean()
    f1 = np.nan_to_num(ratio(2 * pa * ua, pa + ua))
    return {f"{name}_PA": pa, f"{name}_UA": ua, f"{name}_F1": f1}


def _change_scores(name, matched, true, predicted):
    return {
        f"{name}_change_precision": ratio(matched, predicted),
        f"{name}_change_recall": ratio(matched, true),
        f"{name}_change_F1": ratio(2 * matched, true + predicted),
    }


def _same_sequence(true, predicted, true_change, predicted_change):
    """Return whether the segments of each series have the same classes in the same order: (N,)."""
    number = true_change.sum(axis=1)
    same = (number == predicted_change.sum(axis=1)) & (_first(true) == _first(predicted))
    # These series have equally many changes, so the lists of all their changes run side by side.
    true_classes = true[true_change & same[:, None]]
    differ = true_classes != predicted[predicted_change & same[:, None]]
    series = np.repeat(np.flatnonzero(same), number[same])
    same[series[differ]] = False
    return same


def _first(labels):
    """Return the first label of each series, -1 where it has none: (N,)."""
    month = (labels >= 0).argmax(axis=1)
    return np.take_along_axis(labels, month[:, None], axis=1)[:, 0]
