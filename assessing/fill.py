"""Ground truth -> a reference file, for those who have it already.

Declared parcels, field plots or another map can stand for an interpreter, as far as their labels
can be trusted. Whether they were sampled blindly, and how well they know the month, is up to them.
"""

from pathlib import Path

import numpy as np

from assessing.known import Naming, from_raster, from_samples
from assessing.parcels import SUFFIXES, from_polygons
from assessing.record import load_design
from assessing.written import write_reference
from utils.errors import InputError
from utils.reference import CANNOT_TELL, SURE

RASTERS = (".tif", ".tiff", ".vrt")


def fill_reference(folder, source, field="class", classes=None, *, overwrite=False):
    """Write reference.csv of a design out of what is known; returns a line that says how many.

    source: samples that data_loader.py reads, with coordinates; a raster of classes; or polygons,
    whose class stands in `field`. classes: name in the source -> class of the design, '' = no
    label. A label holds from its month until the next one, the first also before. A point without a
    label, or with two classes in one month, becomes 'cannot tell'. Raises InputError.
    """
    folder, source = Path(folder), Path(source)
    design = load_design(folder)
    path = folder / "reference.csv"
    if path.exists() and not overwrite:
        raise InputError(f"{path}: is there already; expected --overwrite to replace it")
    if not source.exists():
        raise InputError(f"{source}: not found; expected samples, a raster or polygons")
    known = find_known(design, Naming(source, design.classes, classes or {}), field)
    labels, disputed = labels_of_points(design, known)
    told = (labels >= 0).all(axis=1)
    if not told.any():
        raise InputError(f"{source}: no point of the design has a label in it; expected some")
    confidence = np.where(told, SURE, CANNOT_TELL)
    write_reference(path, design, range(len(told)), labels, confidence, source.name)
    doubt = f" ({disputed} have two classes in one month)" if disputed else ""
    return (
        f"{path}: {told.sum()} of {len(told)} points have a label, the others cannot be told{doubt}"
    )


def find_known(design, naming, field):
    """Known of a source; its name tells what it is."""
    suffix = naming.source.suffix.lower()
    if suffix in RASTERS:
        return from_raster(design, naming)
    if suffix in SUFFIXES:
        return from_polygons(design, naming, field)
    return from_samples(design, naming)


def labels_of_points(design, known):
    """Labels of the points in the design's months, (n, T), -1 = not known; and how many points
    have two classes in one month.
    """
    shape = (len(design.points["id"]), design.month_count)
    labels = np.full(shape, -1, np.int8)
    disputed = 0
    labelled = known.label >= 0
    for point in np.unique(known.point[labelled]):
        mine = labelled & (known.point == point)
        pairs = sorted(set(zip(known.month[mine].tolist(), known.label[mine].tolist())))
        months, values = zip(*pairs)
        if len(set(months)) < len(pairs):
            disputed += 1
        else:
            labels[point] = spread(np.array(values), np.array(months, "datetime64[M]"), design)
    return labels, disputed


def spread(labels, months, design):
    """Labels (M,) of rising months in all months of the design: the last one so far, or the
    first.
    """
    place = np.searchsorted(months, design.months, side="right") - 1
    return labels[place.clip(min=0)]
