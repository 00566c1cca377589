"""A design and a reference file -> the sample that the estimators take, and what to warn of."""

from dataclasses import dataclass

import numpy as np

from assessing.estimators import Sample
from utils.errors import InputError
from utils.reference import CANNOT_TELL, UNSURE, read_reference

SAME_PLACE = 1e-4  # degrees, 11 m: spreadsheets round


@dataclass(frozen=True)
class Interpreted:
    """The n points that count.

    sample: for the estimators; rows (n,): their positions among the design's points; labels (n, T):
    the reference; confidence (n,); interpreters: their names; warnings: lines for the reader.
    """

    sample: Sample
    rows: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    interpreters: tuple
    warnings: list


def interpreted_points(design, path, *, unsure=True):
    """Read a reference file of a design; raises InputError where no point is left."""
    ids = design.column("id")
    reference = reference_of(design, path)
    told = reference.confidence != CANNOT_TELL
    doubtful = reference.confidence == UNSURE
    kept = told if unsure else told & ~doubtful
    if not kept.any():
        raise InputError(f"{path}: no point is left that counts; expected at least one")
    warnings = []
    if not design.probability:
        warnings.append(
            "NO PROBABILITY SAMPLE. These points were chosen to train on, so they do not stand for "
            "the area. The figures describe the points, not the map. Do not publish them."
        )
    warnings += left_out(len(ids), reference, told, doubtful, unsure)
    reference = reference.take(kept)
    position = {name: place for place, name in enumerate(ids)}
    rows = np.array([position[name] for name in reference.ids])
    sample, more = sample_of(design, rows)
    names = reference.interpreters
    warnings += more
    return Interpreted(sample, rows, reference.labels, reference.confidence, names, warnings)


def reference_of(design, path):
    """Read a reference file of a design; raises InputError for that of another one, too.

    Every design numbers its points from 1, so that their places must tell.
    """
    ids = design.column("id")
    reference = read_reference(path, design.months, design.classes, ids)
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids[order], reference.ids)]
    places = np.column_stack([design.column("lon"), design.column("lat")])[rows]
    apart = np.abs(reference.lonlat - places).max(axis=1)  # NaN where the file has no places
    if (apart > SAME_PLACE).any():
        point = int(np.nanargmax(apart))
        found, expected = ("{:.5f}, {:.5f}".format(*at[point]) for at in (reference.lonlat, places))
        raise InputError(
            f"{path}: id {reference.ids[point]} lies at {found}; expected {expected}: the file "
            "belongs to another design"
        )
    return reference


def left_out(total, reference, told, doubtful, unsure):
    """Warnings on points that do not count."""
    lines = []
    if len(reference) < total:
        lines.append(
            f"{total - len(reference)} of {total} points are not interpreted. The estimates hold "
            "only if those that are were taken in the order of the page, which is random."
        )
    if not told.all():
        lines.append(
            f"{np.sum(~told)} points that nobody could tell are left out. If they are the "
            "difficult ones, the map looks better than it is."
        )
    if doubtful.any():
        what = "are counted as if they were sure" if unsure else "are left out"
        lines.append(f"{doubtful.sum()} unsure points {what} (see --without-unsure).")
    return lines


def named(strata):
    """'Stratum 'a'', or 'Each of the strata 'a', 'b''."""
    names = ", ".join(f"'{each['name']}'" for each in strata)
    return f"Stratum {names}" if len(strata) == 1 else f"Each of the strata {names}"


def sample_of(design, rows):
    """The Sample of these points, without the strata that lack points; and warnings."""
    stratum = design.column("stratum")[rows]
    counts = np.bincount(stratum, minlength=len(design.strata))
    there = np.flatnonzero(counts)
    lines = []
    empty = [each for count, each in zip(counts, design.strata) if count == 0]
    lone = [each for count, each in zip(counts, design.strata) if count == 1 < each["pixels"]]
    if empty:
        hectares = sum(each["hectares"] for each in empty)
        lines.append(
            f"{named(empty)} has no point: {hectares:,.1f} ha are left out of every figure."
        )
    if lone:
        lines.append(
            f"{named(lone)} has one point, which shows no variance: that of all points stands in "
            "for it."
        )
    sample = Sample(
        np.searchsorted(there, stratum),
        design.column("hectares")[rows],
        design.of_strata("pixels")[there],
        design.of_strata("hectares")[there],
    )
    return sample, lines
