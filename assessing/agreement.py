"""Two interpreters of the same points: how far they agree on classes, change and its month.

Intervals come from a jackknife over whole points. The months of a point are not independent, and
leaving out points and not months allows for that.
"""

import csv
from pathlib import Path

import numpy as np

from assessing.dates import dates_of
from assessing.differences import in_words
from assessing.interpreted import reference_of
from assessing.intervals import Z
from assessing.record import load_design
from assessing.written import write_reference
from utils.errors import InputError
from utils.files import written_whole
from utils.reference import CANNOT_TELL, UNSURE

NEAR = ("in the very month", "within 1 month", "within 3 months")


def agreement(folder, one, other):
    """Compare two reference files of a design; returns the text of agreement.md.

    Also writes agreement.csv, the points on which the two differ, and agreed.csv, a reference file
    of the others: loaded into the page, it leaves open only what is to be settled. Raises
    InputError where the files share no point.
    """
    folder = Path(folder)
    design = load_design(folder)
    first, second = shared_points(design, one, other)
    told = (first.confidence != CANNOT_TELL) & (second.confidence != CANNOT_TELL)
    if not told.any():
        raise InputError(f"{other}: shares no point with {one} that both could tell")
    same = (first.labels == second.labels).all(axis=1)
    write_differing(folder / "agreement.csv", first.take(~same), second.take(~same), design)
    write_agreed(folder / "agreed.csv", first.take(same), second.take(same), design)
    first, second = first.take(told), second.take(told)
    parts = [
        f"# {Path(one).name} and {Path(other).name}: {told.sum()} points\n",
        class_text(first, second, len(design.classes)),
        date_text(first, second),
        f"{same.sum()} of {len(same)} points are alike in every month: agreed.csv. The others are "
        "in agreement.csv. To settle them, open index.html in a private window, load agreed.csv "
        "and press j.\n",
    ]
    text = "\n".join(parts)
    with written_whole(folder / "agreement.md") as part:
        part.write_text(text, encoding="utf-8")
    return text


def shared_points(design, one, other):
    """The points that two reference files share, in the same order."""
    first, second = (reference_of(design, path) for path in (one, other))
    shared, rows, other_rows = np.intersect1d(first.ids, second.ids, return_indices=True)
    if Path(one).read_bytes() == Path(other).read_bytes():
        raise InputError(f"{other}: is the same as {one}; expected files of two interpreters")
    if len(shared) == 0:
        raise InputError(f"{other}: shares no point with {one}; expected points that both have")
    return first.take(rows), second.take(other_rows)


def class_text(first, second, classes):
    """How two interpreters agree on classes and on change, as a Markdown table."""
    months = first.labels, second.labels
    last = [labels[:, -1:] for labels in months]
    changed = [has_changed(labels) for labels in months]
    lines = ["| | same | kappa | 95 % interval |", "| --- | ---: | ---: | ---: |"]
    for name, (left, right), count in (
        ("class of every month", months, classes),
        ("class of the last month", last, classes),
        ("changed or not", changed, 2),
    ):
        same = np.mean(left == right)
        tables = tables_of(left, right, count)
        value, interval = in_numbers(*jackknife(kappa, tables, -1, 1), "{:.2f}")
        lines.append(f"| {name} | {same:.1%} | {value} | {interval} |")
    return "\n".join(lines) + "\n"


def has_changed(labels):
    """1 where any month differs from the first, else 0: (n, 1) int."""
    changed = (labels != labels[:, :1]).any(axis=1)
    return changed.astype(int)[:, None]


def date_text(first, second):
    """How the dates of the changes agree that both saw, as a Markdown table."""
    dates = dates_of(first.labels, second.labels)
    if not dates.paired.any():
        return "No change that both saw within a year of each other.\n"
    counts = dates.paired.sum(), dates.mapped.sum(), dates.true.sum()  # mapped: of the first
    lines = [
        "{:.0f} changes seen by both, of {} and {}:\n".format(*counts),
        "| | | 95 % interval |",
        "| --- | ---: | ---: |",
    ]
    figures = [(name, near, 1, "{:.0%}") for name, near in zip(NEAR, dates.near.T)]
    figures.append(("months apart, mean", dates.distance, np.inf, "{:.1f}"))
    for name, values, highest, form in figures:
        pairs = np.column_stack([values, dates.paired])
        value, interval = in_numbers(*jackknife(share, pairs, 0, highest), form)
        lines.append(f"| {name} | {value} | {interval} |")
    return "\n".join(lines) + "\n"


def in_numbers(value, low, high, form):
    """A figure and its interval as text; '-' where there is none."""
    if not np.isfinite(value):
        return "-", "-"
    interval = f"{form} to {form}".format(low, high) if np.isfinite(low) else "-"
    return form.format(value), interval


def kappa(table):
    """Cohen's kappa of a table of counts (K, K); NaN where both name one class only."""
    shares = table / table.sum()
    expected = (shares.sum(axis=0) * shares.sum(axis=1)).sum()
    return (np.trace(shares) - expected) / (1 - expected) if expected < 1 else np.nan


def share(sums):
    """The ratio of two sums; NaN for 0 / 0."""
    return sums[0] / sums[1] if sums[1] else np.nan


def tables_of(left, right, classes):
    """Counts of pairs of labels (n, M) at each point: (n, K, K)."""
    count, months = left.shape
    tables = np.zeros((count, classes, classes))
    points = np.repeat(np.arange(count), months)
    np.add.at(tables, (points, left.ravel(), right.ravel()), 1)
    return tables


def jackknife(statistic, parts, lowest, highest):
    """A statistic of the sum of parts (n, ...), and its 95 % interval: (value, low, high).

    lowest, highest: that the statistic can be. The interval is NaN where all points say the same.
    """
    total, count = parts.sum(axis=0), len(parts)
    value = statistic(total)
    without = np.array([statistic(total - part) for part in parts])
    if count < 2 or np.isnan(without).any():
        return value, np.nan, np.nan
    spread = ((without - without.mean()) ** 2).sum()
    if spread == 0:
        return value, np.nan, np.nan
    margin = Z * np.sqrt((count - 1) / count * spread)
    return value, max(lowest, value - margin), min(highest, value + margin)


def write_differing(path, first, second, design):
    """The points on which two interpreters differ."""
    differ = (first.labels != second.labels).sum(axis=1)
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "months_that_differ", "one", "other"))
        for point, months in enumerate(differ):
            one = in_words(first.labels[point], design)
            other = in_words(second.labels[point], design)
            table.writerow((first.ids[point], months, one, other))


def write_agreed(path, first, second, design):
    """The points on which two interpreters agree, as a reference file; unsure where one was."""
    doubtful = second.confidence == UNSURE
    confidence = np.where(doubtful, UNSURE, first.confidence)
    position = {name: place for place, name in enumerate(design.points["id"])}
    points = [position[name] for name in first.ids]
    names = " and ".join([*first.interpreters, *second.interpreters])
    write_reference(path, design, points, first.labels, confidence, names)
