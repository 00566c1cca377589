"""The report's text, in Markdown, and its tables, in CSV."""

import csv
import math

import numpy as np

from assessing.accuracy import ALL_MONTHS, OVERALL, PRODUCERS, USERS
from assessing.intervals import FEW
from utils.files import written_whole

HOW = f"""
## How to read this

- Every figure stands for the whole assessed area, not for the points: each point counts with the
  area it stands for (Stehman 2014, Int. J. Remote Sens. 35:4923-4939).
- **±** is 1.96 standard errors, as in Olofsson et al. (2014, Remote Sens. Environ. 148:42-57). It
  is left out where all points agree.
- The **95 % interval** is Wilson's, on the effective number of points. It is not symmetric close to
  0 and 1. Publish this one: benchmarks/assess_coverage.py shows how often each holds the truth.
- **†** stands where fewer than {FEW} points decide the error: all others are much alike. Such
  an interval may hold the truth clearly more or less often than in 95 % of the samples.
- User's accuracy: of the land that the map calls so, the share that is so. Producer's accuracy: of
  the land that is so, the share that the map calls so.
- A year counts all of its months: the share of area and months in which the map is right.
- A change month is the first month of the new class.
"""


def write_table(path, rows):
    """Write named tuples as CSV; an unknown number is an empty cell."""
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        if rows:
            table.writerow(rows[0]._fields)
        table.writerows([cell(value) for value in row] for row in rows)


def cell(value):
    """A value as it stands in a CSV."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value


def report_text(design, chosen, reference, points, tables, warnings):
    """The report as Markdown; tables: rows of accuracy, of areas, of dates, of the error matrix."""
    accuracies, areas, dates, matrix = tables
    last = design.months[-1]
    parts = [
        f"# Accuracy of {chosen.folder.name}\n",
        sample_text(design, reference, points),
        warning_text(warnings),
        "## Accuracy of the classes\n",
        accuracy_table(accuracies, ALL_MONTHS),
        yearly_table(accuracies, design),
        f"## Error matrix, {last}\n",
        matrix_table(matrix),
        f"## Areas, {last}\n",
        "![Mapped and estimated areas](areas.png)\n",
        area_table(areas, str(last)),
        "## Change\n",
        change_text(accuracies, areas),
        "## Months of change\n",
        date_table(dates),
        strata_table(design, points),
        HOW,
        "accuracy.csv, areas.csv and dates.csv hold every month, year and class.\n",
    ]
    return "\n".join(parts)


def sample_text(design, reference, points):
    """What was sampled, and who interpreted it."""
    by = f" by {', '.join(points.interpreters)}" if points.interpreters else ""
    kind = "Stratified random sample" if design.probability else "Points to train on"
    settings = design.settings
    return (
        f"{len(points.rows)} interpreted points of {len(design.points['id'])}, "
        f"{len(design.strata)} strata, {points.sample.total:,.1f} ha, {design.months[0]} to "
        f"{design.months[-1]}. Reference: {reference.name}{by}. {kind}; strata: "
        f"{settings['strata']}; at least {settings['minimum']} points in each; seed "
        f"{settings['seed']}. {design.outside:,.1f} ha of the grid lie outside the strata (no "
        "label, or nodata) and are not assessed.\n"
    )


def matrix_table(cells):
    """Points, and the share of the area, of each pair of classes; rows are the map's."""
    columns = dict.fromkeys(cell.reference for cell in cells)
    rows = {}
    for cell in cells:
        shown = f"{cell.points} ({cell.share:.1%})" if cell.points else "-"
        rows.setdefault(cell.map, []).append(shown)
    head = ("map, below; reference, right", *columns)
    table = markdown(head, [(name, *shown) for name, shown in rows.items()])
    return table + "\nPoints of the sample, and in brackets the share of the area they stand for.\n"


def change_text(accuracies, areas):
    """Accuracy and areas of change and of each transition."""
    seen = [row.points for row in accuracies if row.scope == row.name == "change"]
    if not any(seen):
        high = next(area.high for area in areas if area.scope == area.name == "change")
        return (
            "No point of the sample changes, neither in the map nor in the reference. The area of "
            f"change is {hectares(high)} ha at most (end of the 95 % interval).\n"
        )
    tables = accuracy_table(accuracies, "change"), area_table(areas, "change")
    note = "Land that makes a transition twice counts twice, as in summary.csv.\n"
    return "\n".join([*tables, note])


def warning_text(warnings):
    """The warnings as a quotation, which no reader misses."""
    if not warnings:
        return ""
    return "## Warnings\n\n" + "\n".join(f"> - {line}" for line in warnings) + "\n"


def markdown(head, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(plain, line)) + " |" for line in lines) + "\n"


def plain(text):
    """A text that does not break a Markdown table."""
    return str(text).replace("|", "/").replace("\n", " ")


def share(row, unit=""):
    """'0.88 ± 0.07 (0.79 to 0.94)', or '-' where nothing can be said."""
    if math.isnan(row.value):
        return "-"
    if math.isnan(row.margin):
        return f"{row.value:.2f} (no interval)"
    return f"{row.value:.2f}{plus_minus(row)} ({row.low:.2f} to {row.high:.2f}){unit}{mark(row)}"


def mark(row):
    """' †' where too few points decide the interval."""
    return " †" if row.deciding < FEW else ""


def plus_minus(row, form="{:.2f}".format):
    """' ± 0.07'; nothing where all points agree, which is no proof that there is no error."""
    agree = row.margin == 0 and row.low < row.high
    return "" if agree else f" ± {form(row.margin)}"


def accuracy_table(accuracies, scope):
    """User's and producer's accuracy of each class, and the overall accuracy, in one scope."""
    found = {(row.measure, row.name): row for row in accuracies if row.scope == scope}
    overall = next(row for (measure, _), row in found.items() if measure == OVERALL)
    names = [name for measure, name in found if measure == PRODUCERS]
    rows = []
    for name in names:
        users, producers = found[USERS, name], found[PRODUCERS, name]
        if users.points or producers.points:
            points = f"{users.points:.0f} / {producers.points:.0f}"
            rows.append((name, share(users), share(producers), points))
    what = "change or not" if scope == "change" else scope
    text = f"Overall accuracy, {what}: **{share(overall)}**\n\n"
    return text + markdown(("", USERS, PRODUCERS, "points map / reference"), rows)


def yearly_table(accuracies, design):
    """Overall accuracy of each year."""
    years = dict.fromkeys(str(month)[:4] for month in design.months)
    overall = {row.scope: row for row in accuracies if row.measure == OVERALL}
    rows = [(year, share(overall[year])) for year in years]
    return markdown(("year", OVERALL), rows)


def area_table(areas, scope):
    """Mapped and estimated hectares in one scope."""
    rows = [
        (
            area.name,
            hectares(area.mapped),
            hectares(area.estimated) + plus_minus(area, hectares),
            f"{hectares(area.low)} to {hectares(area.high)}{mark(area)}",
        )
        for area in areas
        if area.scope == scope
    ]
    return markdown(("", "mapped, ha", "estimated, ha", "95 % interval, ha"), rows)


def hectares(value):
    """Hectares with as many digits as they need."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}"


def date_table(dates):
    """The figures of the months of change."""
    if not dates:
        return "The reference holds no change, so nothing can be said of its months.\n"
    rows = []
    for row in dates:
        unit = "" if row.unit == "share" else " months"
        rows.append((row.name, share(row, unit), f"{row.points:.0f}"))
    text = markdown(("", "estimate ± (95 % interval)", "points"), rows)
    return text + "\nLag: the map's month minus the true month; above 0 the map is late.\n"


def strata_table(design, points):
    """The strata, and the points in each."""
    stratum = design.column("stratum")[points.rows]
    counts = np.bincount(stratum, minlength=len(design.strata)).tolist()
    rows = []
    for counted, each in zip(counts, design.strata):
        stands_for = f"{each['hectares'] / counted:,.2f}" if counted else "-"
        sizes = f"{each['pixels']:,}", hectares(each["hectares"])
        rows.append((each["name"], *sizes, each["points"], counted, stands_for))
    head = ("stratum", "pixels", "ha", "points drawn", "points counted", "ha per point")
    note = (
        "A class that covers less of a stratum than one point stands for (ha per point) is likely "
        "to be missed there.\n"
    )
    return "\n".join(["## Strata\n", markdown(head, rows), note])
