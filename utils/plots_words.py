"""Where words of changes stand in a figure: above or below a strip of labels, none over another."""

from functools import lru_cache

import numpy as np
from matplotlib.textpath import TextPath

from utils.changes import change_months
from utils.words import changes_in_words

MOST_WORDS = 10  # changes written out in a figure; more are only counted


def place_words(labels, months, legend, probabilities=None, *, width, margin, points):
    """Return words of changes that do not overlap: a list of (text, anchor, left, lane).

    anchor, left: inches from the left of the time axis; anchor is the place of the change, None
    where the words tell of none. lane: a line of words, 0 next to the strip. width: of the time
    axis, margin: beside it, both in inches. points: font size.

    Words start at their change; words too near the right edge end there. Each takes the nearest
    lane where neither the words nor their leader line to the strip meet other words. In the rare
    crowd without such a lane it is the nearest lane where no words meet.
    """
    change = np.flatnonzero(change_months(labels[None])[0])
    lines = changes_in_words(labels, months, legend, probabilities)
    if not lines:
        return [(f"no change: {legend.names[labels.max()]} all through", None, 0.0, 0)]
    words = [line.replace("->", "→") for line in lines]
    if len(words) > MOST_WORDS:
        more = len(words) - MOST_WORDS + 1
        since = months[change[MOST_WORDS - 1]]
        words[MOST_WORDS - 1 :] = [f"{more} more changes from {since} on"]
    from_left, from_right = [], []
    for text, anchor in zip(words, change * width / len(labels)):
        long = inches(text, points) + 0.15
        if anchor + long > width + margin:
            from_right.append((anchor, max(anchor - long, 0), long, text))
        else:
            from_left.append((anchor, anchor, long, text))
    placed = []
    # From both sides to the middle: the leader line of the next words then passes outside the words
    # that are placed.
    for anchor, left, long, text in [*reversed(from_left), *from_right]:
        tries = [(anchor, left, left + long, lane) for lane in range(len(placed) + 1)]
        placed.append((*_best_lane(tries, placed), text))
    return [(text, anchor, left, lane) for anchor, left, _, lane, text in placed]


def _best_lane(tries, placed):
    """Return the first try that meets no placed words, else the first without words over words."""
    for box in tries:
        if not any(_clash(box, other) for other in placed):
            return box
    for box in tries:
        if not any(box[3] == other[3] and _clash(box, other) for other in placed):
            return box


def _clash(one, other):
    """Return whether two placed words overlap, or the leader line of one crosses the other."""
    anchor, left, right, lane = one
    anchor2, left2, right2, lane2 = other[:4]
    if lane == lane2:
        return left < right2 and left2 < right
    return left2 < anchor < right2 if lane > lane2 else left < anchor2 < right


@lru_cache(maxsize=4096)
def inches(text, points):
    """Return the width of a text in the default font."""
    return TextPath((0, 0), text, size=points).get_extents().width / 72
