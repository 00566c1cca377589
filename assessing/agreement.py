"""Two interpreters of the same points: how far they agree on classes, change and its month."""

import csv
from pathlib import Path

import numpy as np

from assessing.dates import WITHIN, dates_of
from assessing.record import load_design
from utils.errors import InputError
from utils.files import written_whole
from utils.reference import CANNOT_TELL, read_reference


def agreement(folder, one, other):
    """Compare two reference files of a design; returns the text and writes agreement.md and .csv.

    agreement.csv lists the points on which the two differ, for them to talk about. Raises
    InputError where they share no point.
    """
    folder = Path(folder)
    design = load_design(folder)
    ids = design.column("id")
    first, second = (
        read_reference(path, design.months, design.classes, ids) for path in (one, other)
    )
    first, second = (each.take(each.confidence != CANNOT_TELL) for each in (first, second))
    shared = np.intersect1d(first.ids, second.ids)
    if len(shared) == 0:
        raise InputError(
            f"{other}: shares no point with {one}; expected points that both have told"
        )
    first, second = (each.take(rows_of(each.ids, shared)) for each in (first, second))
    text = agreement_text(first, second, len(design.classes), Path(one).name, Path(other).name)
    with written_whole(folder / "agreement.md") as part:
        part.write_text(text, encoding="utf-8")
    write_pairs(folder / "agreement.csv", first, second, design)
    return text


def rows_of(ids, wanted):
    """Positions of the wanted ids."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids[order], wanted)]


def agreement_text(first, second, classes, one, other):
    """What two interpreters agree on, as Markdown."""
    changed = [(each.labels != each.labels[:, :1]).any(axis=1) for each in (first, second)]
    changed = [each.astype(np.int8)[:, None] for each in changed]
    figures = [
        ("class of every month", first.labels, second.labels, classes),
        ("class of the last month", first.labels[:, -1:], second.labels[:, -1:], classes),
        ("changed or not", *changed, 2),
    ]
    lines = [f"# {one} and {other}: {len(first)} points\n", "| | same | kappa | 95 % interval |"]
    lines.append("| --- | ---: | ---: | ---: |")
    for name, left, right, count in figures:
        value, low, high = kappa_interval(left, right, count)
        same = (left == right).mean()
        shown = ("-", "-") if np.isnan(value) else (f"{value:.2f}", f"{low:.2f} to {high:.2f}")
        lines.append(f"| {name} | {same:.1%} | {shown[0]} | {shown[1]} |")
    return "\n".join([*lines, "", date_text(first, second)])


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
    points = np.repeat(np.arange(len(left)), left.shape[1])
    tables = np.zeros((len(left), classes, classes))
    np.add.at(tables, (points, left.ravel(), right.ravel()), 1)
    total = tables.sum(axis=0)
    value = kappa(total)
    without = np.array([kappa(total - table) for table in tables]) if len(left) > 1 else np.nan
    count = len(left)
    error = np.sqrt((count - 1) / count * ((without - np.mean(without)) ** 2).sum())
    return value, value - 1.96 * error, min(1.0, value + 1.96 * error)


def write_pairs(path, first, second, design):
    """The points on which two interpreters differ."""
    differ = (first.labels != second.labels).sum(axis=1)
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "months_that_differ", "one", "other"))
        for point in np.flatnonzero(differ):
            texts = (words(each.labels[point], design) for each in (first, second))
            table.writerow((first.ids[point], differ[point], *texts))


def words(labels, design):
    """'woodland, 2020-07 bare soil' of labels (T,)."""
    changes = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    later = [f"{design.months[month]} {design.classes[labels[month]]}" for month in changes]
    return ", ".join([design.classes[labels[0]], *later])
