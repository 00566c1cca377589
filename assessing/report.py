"""A design, its map and a reference file -> accuracy, areas and dates, with intervals."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from assessing.accuracy import ALL_MONTHS, AREA, change_rows, class_rows, error_matrix
from assessing.dates import WITHIN, date_estimates, dates_of
from assessing.differences import write_differences
from assessing.estimators import largest_part
from assessing.figures import area_figure
from assessing.grid import labels_at, open_map
from assessing.interpreted import interpreted_points
from assessing.intervals import FEW
from assessing.mapped import mapped_areas
from assessing.record import check_same_grid, load_design
from assessing.tables import report_text, write_table
from utils.files import claimed, written_whole

HEAVY = 0.25  # of an estimated area on one point: a warning


class Area(NamedTuple):
    """One area, hectares: what the map claims (NaN = not known), the estimate, its interval."""

    scope: str
    name: str
    mapped: float
    estimated: float
    margin: float
    low: float
    high: float
    points: int
    deciding: float


class DateFigure(NamedTuple):
    """One figure of the months of change; unit: share of changes, or months."""

    name: str
    unit: str
    value: float
    margin: float
    low: float
    high: float
    points: int
    deciding: float


def report(folder, reference=None, *, map_folder=None, unsure=True, apart=12):
    """Write the report of an assessment; returns its folder.

    folder: of `design`. reference: file of the interpreter; None: reference.csv in `folder`.
    map_folder: another map on the design's grid; None: the map of the design. unsure: count points
    marked unsure. apart: months; a change of the map farther from a true change does not date it.
    Raises InputError.
    """
    folder = Path(folder)
    design = load_design(folder)
    reference = Path(reference or folder / "reference.csv")
    points = interpreted_points(design, reference, unsure=unsure)
    chosen = open_map(map_folder or design.map)
    check_same_grid(design, chosen)
    mapped = map_labels(design, chosen, points.rows)

    rows = class_rows(points.sample, mapped, points.labels, design.months, design.classes)
    rows += change_rows(points.sample, mapped, points.labels, design.classes)
    areas = areas_of(rows, points.sample.total, mapped_areas(chosen, design))
    accuracies = [row for row in rows if row.measure != AREA]
    last = str(design.months[-1]), mapped[:, -1], points.labels[:, -1]
    matrix = error_matrix(points.sample, *last, design.classes)
    found = dates_of(mapped, points.labels, apart)
    dates = date_rows(points.sample, found)
    warnings = points.warnings + heavy_points(points, design) + no_change(found)
    shown = [row for row in rows if row.scope in (ALL_MONTHS, last[0], "change")]
    warnings += few_points([*shown, *dates])

    out = folder / ("report" if map_folder is None else f"report-{chosen.folder.resolve().name}")
    with claimed(out):
        write_table(out / "accuracy.csv", accuracies)
        write_table(out / "areas.csv", areas)
        write_table(out / "error_matrix.csv", matrix)
        write_table(out / "dates.csv", dates)
        with written_whole(out / "areas.png") as part:
            area_figure(areas, design).savefig(part, dpi=120)
        different = write_differences(out, folder, design, points, mapped)
        tables = accuracies, areas, dates, matrix
        text = report_text(design, chosen, reference, points, tables, warnings)
        with written_whole(out / "report.md") as part:
            part.write_text(text + different, encoding="utf-8")
    return out


def map_labels(design, chosen, rows):
    """The map's classes at points, in the design's months and class numbers: (n, T), -1 = none."""
    start = int((design.months[0] - chosen.months[0]).astype(int))
    labels = labels_at(chosen, design.column("row")[rows], design.column("column")[rows])
    labels = labels[:, start : start + design.month_count]
    known = [design.classes.index(name) for name in chosen.legend.names]
    return np.array([*known, -1], np.int8)[labels]  # the last entry serves -1


def areas_of(rows, hectares, mapped):
    """Areas in hectares of the rows that are areas."""
    return [
        Area(
            row.scope,
            row.name,
            mapped.get((row.scope, row.name), 0.0 if mapped else np.nan),
            *(hectares * value for value in (row.value, row.margin, row.low, row.high)),
            int(row.points),
            row.deciding,
        )
        for row in rows
        if row.measure == AREA
    ]


def date_rows(sample, dates):
    """The figures of the months of change; without true changes, those of the map's changes."""
    found = []
    for name, unit, estimate in date_estimates(sample, dates):
        low, high = estimate.share_interval() if unit == "share" else estimate.interval()
        value, margin = estimate.value, estimate.margin
        numbers = (value, margin, low, high, estimate.points, estimate.deciding)
        found.append(DateFigure(name, unit, *(float(number[0]) for number in numbers)))
    if dates.true.any():
        return found
    return found[len(WITHIN) : 2 * len(WITHIN)] if dates.mapped.any() else []


def no_change(dates):
    """A warning where only the map knows of changes."""
    if dates.true.any() or not dates.mapped.any():
        return []
    return [
        "The reference holds no change at all, and the map does. If the reference cannot know of "
        "changes, as parcels of one year cannot, then the figures of change say nothing."
    ]


def few_points(rows):
    """A warning where too few points decide some intervals."""
    marked = sum(row.deciding < FEW for row in rows)
    if not marked:
        return []
    return [
        f"In {marked} of the {len(rows)} figures of all months, the last month, change and its "
        f"dates, fewer than {FEW} points decide the error: those marked † have a rough interval. "
        "More points in their strata would mend that."
    ]


def heavy_points(points, design):
    """A warning on classes whose area hangs on one point of a large stratum."""
    last = points.labels[:, -1:] == np.arange(len(design.classes))
    shares = largest_part(points.sample, last)
    heavy = [
        f"{share:.0%} of the area of '{name}'"
        for name, share in zip(design.classes, shares)
        if share > HEAVY
    ]
    if not heavy:
        return []
    return [
        f"One point carries {', '.join(heavy)} (in {design.months[-1]}). More points in its "
        "stratum would steady that figure."
    ]
