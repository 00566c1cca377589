"""What changed when, in words: the lines, how sure they are, and where they fit beside a strip of
labels.
"""

from functools import lru_cache

import numpy as np
from matplotlib.textpath import TextPath

from utils.changes import change_months, transitions

MOST_WORDS = 10  # changes written out in a figure; more are only counted
BESIDE = 3  # months on each side of a change that its confidence looks at


def change_confidence(predicted, probabilities):
    """How sure each predicted change is: a probability for each one, in order of time.

    The lower of two means: that of the old class's probability over the last 3 months before the
    change, and that of the new class's over the first 3 months from it (fewer where the segment is
    shorter). So a date that is one month off costs little, and a doubtful class much. predicted:
    (T,); probabilities: (K, T). Returns (changes,).
    """
    found = transitions(predicted[None])
    stops = [*found.month[1:], len(predicted)]
    starts = [0, *found.month[:-1]]
    sure = [
        min(
            probabilities[old, max(start, month - BESIDE) : month].mean(),
            probabilities[new, month : min(stop, month + BESIDE)].mean(),
        )
        for start, month, stop, old, new in zip(
            starts, found.month, stops, found.from_class, found.to_class
        )
    ]
    return np.array(sure, float)


def changes_in_words(labels, months, legend, probabilities=None):
    """Each change as a line such as '2020-04 bare soil -> impervious surface, 93 %': the new
    class's first month.

    labels: (T,); months: (T,) datetime64[M]; probabilities: (K, T) adds the confidence (see
    change_confidence).
    """
    found = transitions(labels[None])
    lines = [
        f"{months[month]} {legend.names[old]} -> {legend.names[new]}"
        for month, old, new in zip(found.month, found.from_class, found.to_class)
    ]
    if probabilities is not None:
        # 100 % would claim more than any probability can.
        shares = np.clip(100 * change_confidence(labels, probabilities), 0, 99)
        lines = [f"{line}, {share:.0f} %" for line, share in zip(lines, shares)]
    return lines


def place_words(labels, months, legend, probabilities=None, *, width, margin, points):
    """Place the words of the changes so that no two overlap: list of (text, anchor, left, lane),
    inches from the left.

    A lane is one line of words, 0 next to the strip. Words start at their change; those too near
    the right edge end there. Each takes the nearest lane in which neither it nor its leader line to
    the strip meets other words; in the rare crowd without such a lane, the nearest where no words
    meet. width: of the time axis, margin: beside it, both in inches; points: font size.
    """
    change = np.flatnonzero(change_months(labels[None])[0])
    words = [
        text.replace("->", "→") for text in changes_in_words(labels, months, legend, probabilities)
    ]
    if not words:
        return [(f"no change: {legend.names[labels.max()]} all through", None, 0.0, 0)]
    if len(words) > MOST_WORDS:
        more, since = len(words) - MOST_WORDS + 1, months[change[MOST_WORDS - 1]]
        words[MOST_WORDS - 1 :] = [f"{more} more changes from {since} on"]
    boxes = []
    for text, anchor in zip(words, change * width / len(labels)):
        long = inches(text, points) + 0.15
        at_right = anchor + long > width + margin
        boxes.append((at_right, anchor, max(anchor - long, 0) if at_right else anchor, long, text))
    # From both sides to the middle: the leader line of the next one then passes outside the words
    # that are placed.
    boxes.sort(key=lambda box: box[1] if box[0] else -box[1])
    boxes.sort(key=lambda box: box[0])
    placed = []
    for _, anchor, left, long, text in boxes:
        tries = [(anchor, left, left + long, lane) for lane in range(len(placed) + 1)]
        free = [box for box in tries if not any(_clash(box, other) for other in placed)]
        apart = [
            box
            for box in tries
            if not any(_clash(box, other) for other in placed if other[3] == box[3])
        ]
        placed.append((*(free or apart)[0], text))
    return [(text, anchor, left, lane) for anchor, left, _, lane, text in placed]


def _clash(one, other):
    """Do two placed words overlap, or the leader line of one cross the other?"""
    (anchor, left, right, lane), (anchor2, left2, right2, lane2) = one, other[:4]
    if lane == lane2:
        return left < right2 and left2 < right
    return left2 < anchor < right2 if lane > lane2 else left < anchor2 < right


@lru_cache(maxsize=4096)
def inches(text, points):
    """Width of a text in the default font."""
    return TextPath((0, 0), text, size=points).get_extents().width / 72
