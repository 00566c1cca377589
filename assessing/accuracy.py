"""What is estimated of classes and of change, as rows of tables.

Scopes are all months, a year, a month, or change. Of a year, each point counts with the share of
its months: so a year's overall accuracy is the share of area and months in which the map is right.
"""

from typing import NamedTuple

import numpy as np

from assessing.estimators import ratio
from utils.changes import transitions

OVERALL, USERS, PRODUCERS = "overall accuracy", "user's accuracy", "producer's accuracy"
AREA, OTHER_AREA = "area", "change area"
ALL_MONTHS = "all months"


class Row(NamedTuple):
    """One figure: a share, or an area as a share of the assessed area, with its 95 % interval.

    margin: 1.96 standard errors; points: that could be counted; deciding: that the error rests on.
    """

    scope: str
    measure: str
    name: str
    value: float
    margin: float
    low: float
    high: float
    points: int
    deciding: float


class Cell(NamedTuple):
    """One cell of an error matrix: points, and the share of the area that they stand for."""

    month: str
    map: str
    reference: str
    points: int
    share: float


def rows_of(scope, measure, names, estimates):
    """One Row for each of K names."""
    low, high = estimates.share_interval()
    numbers = estimates.value, estimates.margin, low, high, estimates.points, estimates.deciding
    columns = np.array(numbers, float).T.tolist()
    return [Row(scope, measure, name, *column) for name, column in zip(names, columns)]


def scopes(months):
    """Name of each scope, and the positions of its months: all months, each year, each month."""
    years = months.astype("datetime64[Y]")
    found = {ALL_MONTHS: np.arange(len(months))}
    found |= {str(year): np.flatnonzero(years == year) for year in np.unique(years)}
    return found | {str(month): np.array([i]) for i, month in enumerate(months)}


def class_rows(sample, mapped, reference, months, names):
    """Accuracy and area of the classes in every scope.

    mapped, reference (n, T): labels; a mapped -1 (no label) is wrong. Returns a list of Row.
    """
    rows = []
    for scope, steps in scopes(months).items():
        rows += scope_rows(sample, scope, mapped[:, steps], reference[:, steps], names)
    return rows


def scope_rows(sample, scope, mapped, reference, names):
    """Accuracy and area of the classes in some months (n, M)."""
    classes = np.arange(len(names))
    right = mapped == reference
    in_map = class_shares(mapped, classes)  # (n, K) share of the months
    in_reference = class_shares(reference, classes)
    both = class_shares(np.where(right, reference, -1), classes)
    overall = ratio(sample, right.mean(axis=1))
    rows = rows_of(scope, OVERALL, [""], overall)
    return rows + three_rows(sample, scope, names, in_map, in_reference, both)


def three_rows(sample, scope, names, in_map, in_reference, both):
    """User's and producer's accuracy and area of K classes, each (n, K), what each point says."""
    users = ratio(sample, both, in_map, from_map=True)
    producers = ratio(sample, both, in_reference)
    area = ratio(sample, in_reference)
    return [
        *rows_of(scope, USERS, names, users),
        *rows_of(scope, PRODUCERS, names, producers),
        *rows_of(scope, AREA, names, area),
    ]


def error_matrix(sample, month, mapped, reference, names):
    """Error matrix of one month as a list of Cell; mapped, reference (n,): labels.

    Its row 'no label' holds what the map leaves unlabelled. Only classes that some point has.
    """
    rows = (*names, "no label")
    share = sample.weight / sample.total
    cells = []
    for label in np.unique(mapped):
        for truth in np.unique(reference):
            here = (mapped == label) & (reference == truth)
            points = int(here.sum())
            cells.append(Cell(month, rows[label], names[truth], points, float(share[here].sum())))
    return cells


def class_shares(labels, classes):
    """Share of the months in which each class stands: (n, M) -> (n, K)."""
    return np.stack([(labels == label).mean(axis=1) for label in classes], axis=1)


def change_rows(sample, mapped, reference, names):
    """Accuracy and area of change, whether at all and of each transition, over all months.

    A transition that happens twice at a point counts twice, in hectares too, as in summary.csv.
    """
    in_map = counts_of(mapped, len(names))  # (n, K * K)
    in_reference = counts_of(reference, len(names))
    changed = in_map.any(axis=1, keepdims=True)  # (n, 1)
    truly = in_reference.any(axis=1, keepdims=True)
    unlabelled = (mapped < 0).all(axis=1, keepdims=True)
    right = (changed == truly) & ~unlabelled
    rows = rows_of("change", OVERALL, ["change or not"], ratio(sample, right))
    rows += pair_rows(sample, ["change"], changed.astype(float), truly.astype(float))
    seen = np.flatnonzero(in_map.any(axis=0) | in_reference.any(axis=0))
    if len(seen):
        kinds = [transition_name(names, kind) for kind in seen]
        rows += pair_rows(sample, kinds, in_map[:, seen], in_reference[:, seen])
    return rows


def pair_rows(sample, names, in_map, in_reference):
    """User's and producer's accuracy and area of what is counted in map and reference, (n, K)."""
    both = np.minimum(in_map, in_reference)
    return three_rows(sample, "change", names, in_map, in_reference, both)


def counts_of(labels, classes):
    """How often each transition happens at each point: (n, K * K) float."""
    found = transitions(labels)
    counts = np.zeros((len(labels), classes * classes))
    np.add.at(counts, (found.series, found.from_class * classes + found.to_class), 1)
    return counts


def transition_name(names, kind):
    """'woodland to bare soil' of a column of `counts_of`."""
    start, end = divmod(int(kind), len(names))
    return f"{names[start]} to {names[end]}"
