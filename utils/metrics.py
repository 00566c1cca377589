"""Scores of label series: months, changes, transitions, segments, probabilities.

Everywhere: `true` and `predicted` are (N, T) integer labels, `classes` is their number K, months
that `true` leaves unlabelled (-1) are left out of both, and a predicted -1 in a labelled month is a
wrong label of no class: changes are seen across it, and a series predicted -1 throughout is wrong
about whether it changed. Rows of every table are the truth. A score that nothing was counted for is
nan, except where the published code says otherwise.
"""

import numpy as np
import pandas as pd

from utils.changes import change_months, chunks, majority_filter, segments, transitions
from utils.errors import InputError
from utils.matching import drawn_months, matched_months, shifted

MONTHLY_SCORES = ("OA", "AA", "F1", "kappa", "mIoU")


def scores(true, predicted, classes, *, tolerance=1):
    """All scores of one prediction, in one flat dictionary of floats from 0 to 1 (kappa from -1).

    OA, AA, F1, kappa, mIoU: by month. F1 is the mean over the classes that have at least one right
    month, as published; `F1_all_classes` counts 0 for the others.
    spatial_*: did the series change at all. temporal_*: which months are change months; a predicted
    one is moved to a true one within `tolerance` months (`matching.drawn_months`). PA and UA are
    means over the change and the no-change row, an empty row counting 0.5, and F1 is their harmonic
    mean, as published (He et al. 2024, doi:10.1016/j.rse.2024.114101).
    spatial_change_*, temporal_change_*: precision, recall, F1 of change alone; a true and a
    predicted change month pair up at most once.
    sequence_accuracy: share of series with the right classes in the right order, whatever the
    months. BC, SC, SCS: DynamicEarthNet (Toker et al. 2022, CVPR), a series' months in place of the
    images: BC is the intersection over union of change months (no tolerance), SC the mIoU of the
    labels at the true change months, SCS their mean. Raises InputError for arrays that do not fit
    together, labels outside -1 .. K-1, and no labelled month at all.
    """
    true, predicted = _checked(true, predicted, classes, tolerance)
    if true.max() < 0:
        raise InputError(
            f"true labels: found no labelled month in {len(true)} series, expected at least one"
        )
    total = None
    for part in chunks(len(true)):
        counts = _count(*_labelled(true[part], predicted[part]), classes, tolerance)
        total = counts if total is None else {name: total[name] + counts[name] for name in counts}
    return {name: float(value) for name, value in _scores_of_counts(total).items()}


def filtered_scores(true, labels, classes, width=3):
    """All scores as published: those by month of the labels as they are, the others after a
    majority filter.
    """
    by_month = scores(true, labels, classes)
    filtered = scores(true, majority_filter(labels, width), classes)
    return filtered | {name: by_month[name] for name in MONTHLY_SCORES}


def selection_score(found):
    """The one number that chooses an epoch or a setting on validation: the mean of OA, spatial F1
    and temporal F1.

    found: dictionary of scores, as `filtered_scores` returns it. A score that is nan is left out of
    the mean.
    """
    return float(np.nanmean([found["OA"], found["spatial_F1"], found["temporal_F1"]]))


def confusion(true, predicted, classes):
    """Months by true class (rows) and predicted class (columns): (K, K) integers. A predicted -1 is
    in no column.
    """
    true, predicted = _checked(true, predicted, classes)
    return sum(
        _table(*_labelled(true[part], predicted[part]), classes) for part in chunks(len(true))
    )[:, :classes]


def transition_matrix(labels, classes):
    """Changes by from-class (rows) and to-class (columns): (K, K) integers with an empty
    diagonal.
    """
    labels, _ = _checked(labels, labels, classes)
    found = transitions(labels)
    return _table(found.from_class, found.to_class, classes)[:, :classes]


def transition_scores(true, predicted, classes, tolerance=1):
    """Precision and recall of every transition that occurs, a row each, by class ids.

    A predicted change is matched when a true one of the same from-class and to-class lies within
    `tolerance` months; each pairs up at most once. Returns a DataFrame: from_class, to_class, true,
    predicted, matched (counts), precision, recall.
    """
    true, predicted = _checked(true, predicted, classes, tolerance)
    counts = np.zeros((3, classes * classes), np.int64)  # true, predicted, matched
    for part in chunks(len(true)):
        pair = [
            _transition_codes(labels, classes).T
            for labels in _labelled(true[part], predicted[part])
        ]
        matched = np.where(matched_months(*pair, tolerance), pair[0], -1)
        for row, codes in zip(counts, (*pair, matched), strict=True):
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
            "precision": _ratio(matched, predicted_count),
            "recall": _ratio(matched, true_count),
        }
    )


def change_date_errors(true, predicted, *, window=6):
    """Months by which predicted changes come late (+) or early (-), of the changes that pair up
    within `window` months.

    Nearest pairs first, the earlier one of two equally near; each change pairs up at most once,
    whatever its classes. Returns (M,) integers, for a histogram.
    """
    true, predicted = _checked(true, predicted, np.iinfo(np.int32).max, window)
    errors = np.zeros(2 * window + 1, np.int64)
    for part in chunks(len(true)):
        left, found = (change_months(labels).T for labels in _labelled(true[part], predicted[part]))
        for error in sorted(range(-window, window + 1), key=abs):  # 0, -1, 1, -2, 2, ...
            for_true, for_found = shifted(left, found, error)
            pairs = for_true & for_found
            for_true &= ~pairs
            for_found &= ~pairs
            errors[error + window] += pairs.sum()
    return np.repeat(np.arange(-window, window + 1), errors)


def segment_scores(true, predicted, classes, *, overlaps=(0.1, 0.25, 0.5)):
    """Edit score and segmental F1 at overlaps (Lea et al. 2017, CVPR; as in MS-TCN), which show
    over-segmentation.

    edit: 1 - edit distance of the class sequences / length of the longer, mean over series. F1@10,
    F1@25, F1@50: a predicted segment is right when it overlaps a true one of its class by that
    intersection over union, each true one once. Returns a dictionary of floats from 0 to 1.
    """
    true, predicted = _checked(true, predicted, classes)
    hits, count, edits, series = np.zeros(len(overlaps), np.int64), 0, 0.0, 0
    for part in chunks(len(true)):
        pair = _labelled(true[part], predicted[part])
        found = [segments(labels) for labels in pair]
        count += sum(len(each.label) for each in found)
        hits += _segment_hits(pair[0].shape, *found, overlaps)
        similarity = _edit_similarity(*found, len(pair[0]))
        edits, series = edits + np.nansum(similarity), series + np.isfinite(similarity).sum()
    f1 = _ratio(2 * hits, count)
    return {
        "edit": float(_ratio(edits, series)),
        **{f"F1@{round(100 * k)}": float(value) for k, value in zip(overlaps, f1, strict=True)},
    }


def expected_calibration_error(probabilities, true, bins=15):
    """Mean gap between confidence and accuracy over equal bins of confidence (Guo et al. 2017,
    ICML), 0 to 1.

    probabilities: (N, K, T), their maximum is the confidence; true: (N, T), -1 left out; NaN
    probabilities left out.
    """
    probabilities, true = np.asarray(probabilities), np.asarray(true)
    if probabilities.ndim != 3 or probabilities[:, 0].shape != true.shape:
        raise InputError(
            f"probabilities: found shape {probabilities.shape} for labels of shape {true.shape}, "
            "expected (series, classes, months) for (series, months)"
        )
    _checked(true, true, probabilities.shape[1])
    sums = np.zeros((3, bins))  # months, right ones, confidence
    for part in chunks(len(true), 8192):
        confidence = probabilities[part].max(axis=1)
        use = (true[part] >= 0) & np.isfinite(confidence)
        right = (probabilities[part].argmax(axis=1) == true[part])[use]
        confidence = confidence[use].astype(np.float64)
        place = np.clip((confidence * bins).astype(int), 0, bins - 1)
        for row, weights in zip(sums, (None, right, confidence), strict=True):
            row += np.bincount(place, weights, minlength=bins)
    months, right, confidence = sums
    return float(_ratio(np.abs(right - confidence).sum(), months.sum()))


def _checked(true, predicted, classes, tolerance=0):
    """The two as arrays, or InputError."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim != 2 or true.shape != predicted.shape:
        raise InputError(
            f"labels: found true {true.shape} and predicted {predicted.shape}, "
            "expected one shape (series, months)"
        )
    for name, labels in (("true", true), ("predicted", predicted)):
        if not np.issubdtype(labels.dtype, np.signedinteger):
            raise InputError(f"{name} labels: found {labels.dtype}, expected signed integers")
        if labels.size and not -1 <= labels.min() <= labels.max() < classes:
            raise InputError(
                f"{name} labels: found {labels.min()} to {labels.max()}, "
                f"expected -1 (not labelled) to {classes - 1}"
            )
    if true.size == 0:
        raise InputError(
            f"labels: found none, shape {true.shape}, expected at least one series and one month"
        )
    if not isinstance(tolerance, int | np.integer) or tolerance < 0:
        raise InputError(f"tolerance: found {tolerance}, expected whole months, 0 or more")
    return true, predicted


def _labelled(true, predicted):
    """Both in the months that `true` labels, -1 in the others."""
    return true, np.where(true >= 0, predicted, predicted.dtype.type(-1))


def _ratio(part, whole):
    """part / whole, nan where whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _mean(values):
    """Mean of those that are not nan; nan if all are."""
    return _ratio(np.nansum(values), np.isfinite(values).sum())


def _table(true, predicted, classes):
    """Counts (K, K + 1); the last column holds predicted -1. True -1 is left out."""
    side = classes + 1
    places = (
        np.where(true >= 0, true, classes).astype(np.intp) * side
    )  # -1 becomes the last row ...
    places += np.where(predicted >= 0, predicted, classes)  # ... or column
    return np.bincount(places.ravel(), minlength=side * side).reshape(side, side)[:classes]


def _count(true, predicted, classes, tolerance):
    """All that the scores are made from; counts of parts of the series add up to those of the
    whole.
    """
    true_change, predicted_change = change_months(true), change_months(predicted)
    used, empty = (true >= 0).any(axis=1), (predicted < 0).all(axis=1)
    changed = true_change.any(axis=1)
    changed_predicted = np.where(
        empty, ~changed, predicted_change.any(axis=1)
    )  # no label at all is no right answer
    by_month = [
        np.ascontiguousarray(change.T) for change in (true_change, predicted_change)
    ]  # (T, N), quick to loop
    matched = matched_months(*(change.view(np.int8) - 1 for change in by_month), tolerance)
    hit, false_alarm = drawn_months(*by_month, tolerance)
    return {
        "months": _table(true, predicted, classes),
        "spatial": _two_by_two(
            changed & changed_predicted & used, changed, changed_predicted & used, used.sum()
        ),
        "temporal": _two_by_two(
            hit, true_change, np.array([hit.sum(), false_alarm.sum()]), (true >= 0).sum()
        ),
        "change": np.array([matched.sum(), true_change.sum(), predicted_change.sum()]),
        "sequences": np.array(
            [_same_sequence(true, predicted, true_change, predicted_change)[used].sum(), used.sum()]
        ),
        "change_overlap": np.array(
            [(true_change & predicted_change).sum(), (true_change | predicted_change).sum()]
        ),
        "changed_months": _table(true[true_change], predicted[true_change], classes),
    }


def _scores_of_counts(counts):
    """The scores, from what `_count` counted."""
    matched, true_changes, predicted_changes = counts["change"]
    both, either = counts["change_overlap"]
    bc, sc = _ratio(both, either), _mean(_class_scores(counts["changed_months"])[2])
    series_both, series_true, series_predicted = (
        counts["spatial"][0, 0],
        counts["spatial"][0].sum(),
        counts["spatial"][:, 0].sum(),
    )
    return {
        **_monthly_scores(counts["months"]),
        **_published_scores("spatial", counts["spatial"]),
        **_published_scores("temporal", counts["temporal"]),
        **_change_scores("spatial", series_both, series_true, series_predicted),
        **_change_scores("temporal", matched, true_changes, predicted_changes),
        "sequence_accuracy": _ratio(*counts["sequences"]),
        "BC": bc,
        "SC": sc,
        "SCS": (bc + sc) / 2,
    }


def _class_scores(table):
    """Recall, F1 and IoU of each class from a table (K, K + 1)."""
    right, true, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)[:-1]
    return (
        _ratio(right, true),
        _ratio(2 * right, true + predicted),
        _ratio(right, true + predicted - right),
    )


def _monthly_scores(table):
    recall, f1, iou = _class_scores(table)
    months, right = table.sum(), np.diag(table)
    agreement = right.sum() / months
    chance = (table.sum(axis=1) * 1.0 * table.sum(axis=0)[:-1]).sum() / months**2
    return {
        "OA": agreement,
        "AA": _mean(recall),
        "F1": _mean(f1[right > 0]),
        "F1_all_classes": _mean(f1),
        "kappa": _ratio(agreement - chance, 1 - chance),
        "mIoU": _mean(iou),
    }


def _two_by_two(both, true, predicted, count):
    """[[hit, missed], [false alarm, rightly none]] of `count` cases."""
    both, true, predicted = both.sum(), true.sum(), predicted.sum()
    return np.array([[both, true - both], [predicted - both, count - true - predicted + both]])


def _published_scores(name, table):
    """PA, UA: mean of the change and the no-change row or column; F1: their harmonic mean."""
    pa, ua = (
        np.nan_to_num(_ratio(np.diag(table), table.sum(axis=axis)), nan=0.5).mean()
        for axis in (1, 0)
    )
    return {
        f"{name}_PA": pa,
        f"{name}_UA": ua,
        f"{name}_F1": np.nan_to_num(_ratio(2 * pa * ua, pa + ua)),
    }


def _change_scores(name, matched, true, predicted):
    return {
        f"{name}_change_precision": _ratio(matched, predicted),
        f"{name}_change_recall": _ratio(matched, true),
        f"{name}_change_F1": _ratio(2 * matched, true + predicted),
    }


def _transition_codes(labels, classes):
    """from-class * K + to-class at change months, -1 elsewhere: (N, T)."""
    found = transitions(labels)
    codes = np.full(labels.shape, -1, np.int32)
    codes[found.series, found.month] = found.from_class.astype(np.int32) * classes + found.to_class
    return codes


def _same_sequence(true, predicted, true_change, predicted_change):
    """Series whose segments have the same classes in the same order: (N,) bool."""
    first = [
        np.take_along_axis(labels, (labels >= 0).argmax(axis=1)[:, None], axis=1)[:, 0]
        for labels in (true, predicted)
    ]
    number = true_change.sum(axis=1)
    same = (first[0] == first[1]) & (number == predicted_change.sum(axis=1))
    # These series have equally many changes, so the lists of all their changes run side by side.
    differ = true[true_change & same[:, None]] != predicted[predicted_change & same[:, None]]
    same[np.repeat(np.flatnonzero(same), number[same])[differ]] = False
    return same


def _owners(found, shape):
    """Number of the segment that each month belongs to, -1 for none: (N * T,)."""
    length = found.stop - found.start
    owners = np.full(shape[0] * shape[1], -1)
    begin = found.series * shape[1] + found.start
    owners[np.arange(length.sum()) + np.repeat(begin - np.cumsum(length) + length, length)] = (
        np.repeat(np.arange(len(length)), length)
    )
    return owners


def _segment_hits(shape, true, predicted, overlaps):
    """Right segments at each overlap: true ones that are the best overlap of a predicted one of
    their class.
    """
    owners = np.stack([_owners(true, shape), _owners(predicted, shape)])
    start = np.flatnonzero(np.r_[True, (owners[:, 1:] != owners[:, :-1]).any(axis=0)])
    shared = np.diff(start, append=owners.shape[1])
    use = (owners[:, start] >= 0).all(axis=0)
    (a, b), shared = owners[:, start[use]], shared[use]
    union = (true.stop - true.start)[a] + (predicted.stop - predicted.start)[b] - shared
    overlap = np.where(true.label[a] == predicted.label[b], shared / union, -1)
    order = np.lexsort((-overlap, b))
    best = order[np.unique(b[order], return_index=True)[1]]  # of each predicted segment
    return np.array([len(np.unique(a[best[overlap[best] >= share]])) for share in overlaps])


def _edit_similarity(true, predicted, count):
    """1 - Levenshtein distance of the class sequences / length of the longer: (N,), nan without
    labels.
    """
    (true, true_length), (predicted, predicted_length) = (
        _sequences(found, count) for found in (true, predicted)
    )
    row = np.repeat(
        np.arange(len(predicted) + 1)[:, None], count, axis=1
    )  # distance of the empty to the first j
    distance = predicted_length.copy()
    for i, label in enumerate(true, 1):
        above, row = row, np.full_like(row, i)
        for j in range(1, len(row)):
            row[j] = np.minimum(
                np.minimum(above[j], row[j - 1]) + 1, above[j - 1] + (label != predicted[j - 1])
            )
        done = np.flatnonzero(true_length == i)
        distance[done] = row[predicted_length[done], done]
    return 1 - _ratio(distance, np.maximum(true_length, predicted_length))


def _sequences(found, count):
    """Class sequences (longest, N), filled with -1, and their lengths (N,)."""
    length = np.bincount(found.series, minlength=count)
    place = np.arange(len(found.series)) - (np.cumsum(length) - length)[found.series]
    classes = np.full((length.max(initial=0), count), -1)
    classes[place, found.series] = found.label
    return classes, length
