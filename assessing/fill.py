"""Labelled samples -> a reference file: for those who have ground truth already.

Declared parcels, field plots or another map can stand for an interpreter, as far as their labels
can be trusted. Whether they were sampled blindly, and how well they know the month, is up to them.
"""

import csv
from pathlib import Path

import numpy as np
from pyproj import Transformer

from assessing.record import load_design
from data_loader import load_samples
from utils.changes import segments
from utils.errors import InputError
from utils.files import written_whole
from utils.reference import CANNOT_TELL, SURE

HEAD = ("id", "interpreter", "first_month", "last_month", "class", "confidence", "lon", "lat")


def fill_reference(folder, source, *, overwrite=False):
    """Write reference.csv of a design from labelled samples; returns a line that says how many.

    source: a file or folder that data_loader.py reads, with coordinates. A point takes the labels
    of the sample in its pixel; where a sample labels only some months, its first label holds before
    and its last label after. Points without a labelled sample become 'cannot tell'. Raises
    InputError.
    """
    folder, source = Path(folder), Path(source)
    design = load_design(folder)
    path = folder / "reference.csv"
    if path.exists() and not overwrite:
        raise InputError(f"{path}: is there already; expected --overwrite to replace it")
    samples = load_samples(source)
    if samples.lonlat is None:
        raise InputError(f"{source}: has no coordinates; expected lonlat, or columns lon and lat")
    check_classes(source, samples, design)
    labels = labels_of_points(design, samples)
    told = (labels >= 0).all(axis=1)
    if not told.any():
        raise InputError(f"{source}: no labelled sample lies on a point of the design")
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(HEAD)
        table.writerows(segment_rows(design, labels, told, source.name))
    return f"{path}: {told.sum()} of {len(told)} points have a label, the others cannot be told"


def check_classes(source, samples, design):
    """Raise InputError for a label that is no class of the design."""
    used = np.unique(samples.y[samples.y >= 0])
    names = [samples.legend.names[label] for label in used]
    unknown = [name for name in names if name not in design.classes]
    if unknown:
        raise InputError(
            f"{source}: class '{unknown[0]}' is not in the design; expected "
            f"{', '.join(design.classes)} (see design --more-classes)"
        )


def labels_of_points(design, samples):
    """Labels of the design's points in its months: (n, T), -1 = not known."""
    cells = pixel_of(design.geobox, samples.lonlat)
    sample_in = {tuple(cell): row for row, cell in enumerate(cells)}
    place = {name: label for label, name in enumerate(design.classes)}
    known = [place.get(name, -1) for name in samples.legend.names]
    lookup = np.array([*known, -1], np.int8)  # the last entry serves -1
    shape = (len(design.points["id"]), design.month_count)
    labels = np.full(shape, -1, np.int8)
    points = zip(design.points["row"], design.points["column"])
    for point, cell in enumerate(points):
        row = sample_in.get(cell)
        if row is None:
            continue
        series = lookup[samples.y[row]]
        labels[point] = spread(series, samples.months_of(row), design.months)
    return labels


def pixel_of(geobox, lonlat):
    """Row and column of the pixels at these coordinates: (N, 2)."""
    across = Transformer.from_crs("EPSG:4326", geobox.crs.to_wkt(), always_xy=True)
    column, row = ~geobox.transform @ across.transform(*np.asarray(lonlat).T)
    return np.column_stack([np.floor(row), np.floor(column)]).astype(int)


def spread(labels, months, wanted):
    """Labels (M,) of `months` in the months `wanted`: the last label so far, or else the first."""
    known = labels >= 0
    if not known.any():
        return np.full(len(wanted), -1, np.int8)
    place = np.searchsorted(months[known], wanted, side="right") - 1
    return labels[known][place.clip(min=0)]


def segment_rows(design, labels, told, interpreter):
    """Rows of reference.csv."""
    months = design.months
    for point, number in enumerate(design.points["id"]):
        at = design.points["lon"][point], design.points["lat"][point]
        if not told[point]:
            yield (number, interpreter, months[0], months[-1], "", CANNOT_TELL, *at)
            continue
        found = segments(labels[point : point + 1])
        for start, stop, label in zip(found.start, found.stop, found.label):
            first, last = months[start], months[stop - 1]
            yield (number, interpreter, first, last, design.classes[label], SURE, *at)
