"""What changed when, in words, and how sure each change is."""

import numpy as np

from utils.changes import transitions

BESIDE = 3  # months on each side of a change that its confidence looks at


def change_confidence(predicted, probabilities):
    """Return how sure each predicted change is: (changes,) probabilities, in order of time.

    predicted: (T,) labels; probabilities: (K, T). Two means are taken: the probability of the old
    class over the last 3 months before the change, and that of the new class over the first 3
    months from the change on. The lower mean counts. A shorter segment has fewer months. So a date
    that is one month off costs little, and a doubtful class costs much.
    """
    found = transitions(predicted[None])
    edges = [0, *found.month, len(predicted)]  # of the segments
    sure = []
    for number, (old, new) in enumerate(zip(found.from_class, found.to_class, strict=True)):
        start, month, stop = edges[number : number + 3]
        before = probabilities[old, max(start, month - BESIDE) : month].mean()
        after = probabilities[new, month : min(stop, month + BESIDE)].mean()
        sure.append(min(before, after))
    return np.array(sure, float)


def changes_in_words(labels, months, legend, probabilities=None):
    """Return each change as a line such as '2020-04 bare soil -> impervious surface, 93 %'.

    The date is the first month of the new class. labels: (T,); months: (T,) datetime64[M].
    probabilities: (K, T) adds the confidence in percent (see change_confidence).
    """
    found = transitions(labels[None])
    changes = zip(found.month, found.from_class, found.to_class, strict=True)
    names = legend.names
    lines = [f"{months[month]} {names[old]} -> {names[new]}" for month, old, new in changes]
    if probabilities is None:
        return lines
    # 100 % would claim more than any probability can.
    shares = np.clip(100 * change_confidence(labels, probabilities), 0, 99)
    return [f"{line}, {share:.0f} %" for line, share in zip(lines, shares, strict=True)]
