"""Two interpreters of the same points: how far they agree on classes, change and its month."""

import csv
from pathlib import Path

import numpy as np

from assessing.dates import WITHIN, dates_of
from assessing.differences import in_words
from assessing.interpreted import reference_of
from assessing.intervals import Z
from assessing.record import load_design
from utils.errors import InputError
from utils.files import written_whole
from utils.reference import CANNOT_TELL


def agreement(folder, one, other):
    """Compare two reference files of a design; returns the text and writes agreement.md and .csv.

    agreement.csv lists the points on which the two differ, for them to talk about. Raises
    InputError where they share no point.
    """
    folder = Path(folder)
    design = load_design(folder)
    first, second = (told_points(design, path) for path in (one, other))
    shared, rows, other_rows = np.intersect1d(first.ids, second.ids, return_indices=True)
    if len(shared) == 0:
        raise InputError(
            f"{other}: shares no point with {one}; expected points that both have told"
        )
    first, second = first.take(rows), second.take(other_rows)
    title = f"# {Path(one).name} and {Path(other).name}: {len(first)} points\n"
    text = "\n".join([title, class_text(first, second, len(design.classes)), "", ""])
    text += date_text(first, second)
    with written_whole(folder / "agreement.md") as part:
        part.write_text(text, encoding="utf-8")
    write_pairs(folder / "agreement.csv", first, second, design)
    return text


def told_points(design, path):
    """The points of a reference file that its interpreter could tell."""
    reference = reference_of(design, path)
    return reference.take(reference.confidence != CANNOT_TELL)


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
        value, low, high = kappa_interval(left, right, count)
        shown = f"{value:.2f} | {low:.2f} to {high:.2f}" if np.isfinite(value) else "- | -"
        same = np.mean(left == right)
        lines.append(f"| {name} | {same:.1%} | {shown} |")
    return "\n".join(lines)


def has_changed(labels):
    """1 where any month differs from the first, else 0: (n, 1) int."""
    changed = (labels != labels[:, :1]).any(axis=1)
    return changed.astype(int)[:, None]


def date_text(first, second):
    """How the dates of the changes agree that both saw."""
    dates = dates_of(first.labels, second.labels)
    if not dates.paired.any():
        return "No change that both saw within a year of each other.\n"
    pairs = int(dates.paired.sum())
    near = (dates.near.sum(axis=0) / pairs).tolist()
    shares = ", ".join(f"{share:.0%} within {n}" for n, share in zip(WITHIN, near))
    return (
        f"{pairs} changes seen by both (of {dates.true.sum()} and {dates.mapped.sum()}): {shares} "
        f"months; {dates.distance.sum() / pairs:.1f} months apart on average.\n"
    )


def kappa(table):
    """Cohen's kappa of a table of counts (K, K); NaN where both name one class only."""
    shares = table / table.sum()
    expected = (shares.sum(axis=0) * shares.sum(axis=1)).sum()
    return (np.trace(shares) - expected) / (1 - expected) if expected < 1 else np.nan


def kappa_interval(left, right, classes):
    """Kappa of labels (n, M) and its 95 % interval, from a jackknife that leaves out whole points.

    The months of a point are not independent; leaving out points and not months allows for that.
    """
    count, months = left.shape
    tables = np.zeros((count, classes, classes))
    points = np.repeat(np.arange(count), months)
    np.add.at(tables, (points, left.ravel(), right.ravel()), 1)
    total = tables.sum(axis=0)
    value = kappa(total)
    if count < 2:
        return value, np.nan, np.nan
    without = np.array([kappa(total - table) for table in tables])
    spread = ((without - without.mean()) ** 2).sum()
    margin = Z * np.sqrt((count - 1) / count * spread)
    return value, value - margin, min(1.0, value + margin)


def write_pairs(path, first, second, design):
    """The points on which two interpreters differ."""
    differ = (first.labels != second.labels).sum(axis=1)
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "months_that_differ", "one", "other"))
        for point in np.flatnonzero(differ):
            one = in_words(first.labels[point], design)
            other = in_words(second.labels[point], design)
            table.writerow((first.ids[point], differ[point], one, other))
