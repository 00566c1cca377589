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

    true, predicted: (N, T) integer labels, -1 = not labelled; classes: their number.
    Returns a dictionary: edit, and F1@ and the percent of each overlap. A score that nothing was
    counted for is nan.
    """
    true, predicted = checked_labels(true, predicted, classes)
    hits = np.zeros(len(overlaps), np.int64)
    count = 0  # of segments, true and predicted
    similarity, series = 0.0, 0  # sum of the edit scores, and number of series that have one
    for part in chunks(len(true)):
        true_part, predicted_part = in_labelled_months(true[part], predicted[part])
        truth, answer = segments(true_part), segments(predicted_part)
        count += len(truth.label) + len(answer.label)
        hits += _hits(true_part.shape, truth, answer, overlaps)
        each = _edit_similarity(truth, answer, len(true_part))
        similarity += np.nansum(each)
        series += np.isfinite(each).sum()
    scores = {"edit": float(ratio(similarity, series))}
    for overlap, hit in zip(overlaps, hits, strict=True):
        percent = round(100 * overlap)
        scores[f"F1@{percent}"] = float(ratio(2 * hit, count))
    return scores


def _hits(shape, true, predicted, overlaps):
    """Return how many true segments are hit at each overlap.

    Each predicted segment may hit one true segment: of those of its class, the one that it overlaps
    most. shape: (N, T) of the labels. true, predicted: Segments.
    """
    owner = _owners(true, shape)
    predicted_owner = _owners(predicted, shape)
    both = (owner >= 0) & (predicted_owner >= 0)
    # Months that two segments share lie side by side, so each pair is one run of equal numbers.
    number = max(len(predicted.label), 1)
    pair = owner[both] * number + predicted_owner[both]
    start = np.flatnonzero(np.diff(pair, prepend=-1))
    shared = np.diff(start, append=len(pair))  # months
    a, b = np.divmod(pair[start], number)  # the true and the predicted segment of each pair
    length = true.stop - true.start
    predicted_length = predicted.stop - predicted.start
    union = length[a] + predicted_length[b] - shared
    same_class = true.label[a] == predicted.label[b]
    overlap = np.where(same_class, shared / union, -1)
    order = np.lexsort((-overlap, b))
    _, first = np.unique(b[order], return_index=True)
    best = order[first]  # the pair of each predicted segment that overlaps most
    hits = []
    for share in overlaps:
        enough = best[overlap[best] >= share]
        hits.append(len(np.unique(a[enough])))
    return np.array(hits)


def _owners(found, shape):
    """Return the number of the segment that each month belongs to, -1 for none: (N * T,).

    A segment begins where its number is added, and ends where the number is taken away.
    """
    n, months = shape
    number = np.arange(1, len(found.label) + 1)
    first = found.series * months
    step = np.zeros(n * months + 1, np.int64)
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
    row = np.arange(len(predicted_classes) + 1)[:, None].repeat(count, axis=1)
    distance = predicted_length.copy()
    for i, label in enumerate(classes, 1):
        above, row = row, np.full_like(row, i)
        for j, answer in enumerate(predicted_classes, 1):
            one_left_out = np.minimum(above[j], row[j - 1]) + 1
            put_instead = above[j - 1] + (label != answer)
            row[j] = np.minimum(one_left_out, put_instead)
        done = np.flatnonzero(length == i)
        distance[done] = row[predicted_length[done], done]
    return 1 - ratio(distance, np.maximum(length, predicted_length))


def _sequences(found, count):
    """Return class sequences (longest, N), filled with -1, and their lengths (N,)."""
    length = np.bincount(found.series, minlength=count)
    first = np.cumsum(length) - length  # number of each series' first segment
    number = np.arange(len(found.series))
    place = number - first[found.series]
    longest = length.max(initial=0)
    classes = np.full((longest, count), -1)
    classes[place, found.series] = found.label
    return classes, length
