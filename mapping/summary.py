"""The summary of a map: pixels and hectares of classes and of transitions, month by month."""

from typing import NamedTuple

import numpy as np

from utils.files import write_csv

NO_LABEL = "no label"
MILLIMETRES = 10**10  # square millimetres in a hectare


class Row(NamedTuple):
    """A row of summary.csv; text of what does not apply is empty.

    kind 'class': one row for every class (and 'no label') and month. kind 'transition': one for
    every transition and month in which it happened. hectares: of the ground, four decimals.
    """

    kind: str
    month: str
    class_name: str
    from_class: str
    to_class: str
    pixels: int
    hectares: str


HEADER = ("kind", "month", "class", "from_class", "to_class", "pixels", "hectares")


def summary(classes, transitions, months, legend):
    """Rows of the summary; classes, transitions: as `mapping.mosaic.assemble` returns them."""
    names = (NO_LABEL, *legend.names)
    rows = []
    for t, month in enumerate(months):
        for k, name in enumerate(names):
            pixels, area = classes[:, k, t]
            rows.append(Row("class", str(month), name, "", "", int(pixels), hectares(area)))
    for t, i, j in zip(*np.nonzero(transitions[0])):
        pixels, area = transitions[:, t, i, j]
        old = legend.names[i]
        new = legend.names[j]
        month = str(months[t])
        rows.append(Row("transition", month, "", old, new, int(pixels), hectares(area)))
    return rows


def hectares(area):
    """Square millimetres as hectares with four decimals."""
    return f"{area / MILLIMETRES:.4f}"


def write_summary(path, rows):
    """Write the summary as CSV."""
    write_csv(path, [HEADER, *rows])
