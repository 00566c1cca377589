"""Labels of points -> a reference file, as the page of an interpreter writes it."""

import csv

from utils.changes import segments
from utils.files import written_whole
from utils.reference import CANNOT_TELL

HEAD = ("id", "interpreter", "first_month", "last_month", "class", "confidence", "lon", "lat")


def write_reference(path, design, points, labels, confidence, interpreter):
    """Write n points of a design: a row for each segment, one without a class for 'cannot tell'.

    points (n,): positions among the design's points; labels (n, T); confidence (n,).
    """
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(HEAD)
        for point, series, word in zip(points, labels, confidence):
            place = design.points["lon"][point], design.points["lat"][point]
            who = design.points["id"][point], interpreter
            for span in spans_of(design, series, word):
                table.writerow((*who, *span, word, *place))


def spans_of(design, series, word):
    """First month, last month and class of each segment of labels (T,)."""
    if word == CANNOT_TELL:
        return [(design.months[0], design.months[-1], "")]
    found = segments(series[None])
    columns = zip(found.start, found.stop, found.label)
    return [
        (design.months[start], design.months[stop - 1], design.classes[label])
        for start, stop, label in columns
    ]
