"""Scores of segments: edit score and F1 at overlaps, which show over-segmentation.

Source: Lea et al. 2017 (CVPR), as used in MS-TCN (Farha and Gall 2019, CVPR). Arguments and the
months that count are those of utils/metrics.py.
"""

import numpy as np

from utils.changes import chunks, segments
from utils.metrics_shared import checked_labels, in_labelled_months, ratio


def segment_scores(true, predicted, classes, *, overlaps=(0.1, 0.25, 0.5)):
    """Return the edit score and the F1 of segments at these overlaps: floats from 0 to 1.

    edit: 1 - edit distance of the class sequences / length of the longer one, mean over series.
    F1@10, F1@25, F1@50: a predicted segment is right when it overlaps a true one of its class by
    that intersection over union. Each true segment counts once.
    """
    true, predicted = checked_labels(true, predicted, classes)
    hits = np.zeros(len(overlaps), np.int64)
    count, similarity, series = 0, 0.0, 0
    for part in chunks(len(true)):
        pair = in_labelled_months(true[part], predicted[part])
        found = [segments(labels) for labels in pair]
        count += sum(len(each.label) for each in found)
        hits += _hits(pair[0].shape, *found, overlaps)
        each = _edit_similarity(*found, len(pair[0]))
        similarity += np.nansum(each)
        series += np.isfinite(each).sum()
    scores = {"edit": float(ratio(similarity, series))}
    for overlap, f1 in zip(overlaps, ratio(2 * hits, count), strict=True):
        scores[f"F1@{round(100 * overlap)}"] = float(f1)
    return scores


def _hits(shape, true, predicted, overlaps):
    """Return how many true segments are hit at each overlap.

    Each predicted segment may hit one true segment: of those of its class, the one that it overlaps
    most. shape: (N, T) of the labels. true, predicted: Segments.
    """
    owner, predicted_owner = _owners(true, shape), _owners(predicted, shape)
    both = (owner >= 0) & (predicted_owner >= 0)
    # Months that two segments share lie side by side, so each pair is one run of equal numbers.
    pair = owner[both] * len(predicted.label) + predicted_owner[both]
    start = np.flatnonzero(np.diff(pair, prepend=-1))
    shared = np.diff(start, append=len(pair))
    a, b = np.divmod(pair[start], max(len(predicted.label), 1))
    length, predicted_length = true.stop - true.start, predicted.stop - predicted.start
    union = length[a] + predicted_length[b] - shared
    overlap = np.where(true.label[a] == predicted.label[b], shared / union, -1)
    order = np.lexsort((-overlap, b))
    best = order[np.unique(b[order], return_index=True)[1]]  # of each predicted segment
    return np.array([len(np.unique(a[best[overlap[best] >= share]])) for share in overlaps])


def _owners(found, shape):
    """Return the number of the segment that each month belongs to, -1 for none: (N * T,)."""
    number = np.arange(1, len(found.label) + 1)
    first = found.series * shape[1]
    step = np.zeros(shape[0] * shape[1] + 1, np.int64)
    step[first + found.start] += number
    step[first + found.stop] -= number
    return step.cumsum()[:-1] - 1


def _edit_similarity(true, predicted, count):
    """Return 1 - edit distance of the class sequences / length of the longer one: (N,).

    A series without labels gives nan. The distance is that of Levenshtein, for all series at once.
    """
    classes, length = _sequences(true, count)
    predicted_classes, predicted_length = _sequences(predicted, count)
    # row[j]: distance of the first i true classes to the first j predicted ones, (J + 1, N)
    row = np.repeat(np.arange(len(predicted_classes) + 1)[:, None], count, axis=1)
    distance = predicted_length.copy()
    for i, label in enumerate(classes, 1):
        above, row = row, np.full_like(row, i)
        for j, answer in enumerate(predicted_classes, 1):
            left_out = np.minimum(above[j], row[j - 1]) + 1
            row[j] = np.minimum(left_out, above[j - 1] + (label != answer))
        done = np.flatnonzero(length == i)
        distance[done] = row[predicted_length[done], done]
    return 1 - ratio(distance, np.maximum(length, predicted_length))


def _sequences(found, count):
    """Return class sequences (longest, N), filled with -1, and their lengths (N,)."""
    length = np.bincount(found.series, minlength=count)
    first = np.cumsum(length) - length
    place = np.arange(len(found.series)) - first[found.series]
    classes = np.full((length.max(initial=0), count), -1)
    classes[place, found.series] = found.label
    return classes, length
