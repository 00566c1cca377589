"""What to compare: the cells of the table and of each study of the paper, and their scores."""

from dataclasses import replace

import numpy as np
import pandas as pd

from comparing.parts import parts_for, site_groups
from utils.bands import BANDS
from utils.changes import majority_filter
from utils.errors import InputError
from utils.metrics import filtered_scores, segment_scores, transition_scores

STUDIES = {
    "bands": "each single band, visible, visible and near infrared, all",
    "size": "training series from 50 up",
    "transfer": "train on one province or group of sites, test on each other",
    "class": "one class against the rest",
    "gaps": "share of test months taken away",
}
STUDY_METHODS = ("patchnet", "forest", "ccdc", "bfast")
SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
GAPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
BAND_SETS = {"visible": ("B2", "B3", "B4"), "visible + NIR": ("B2", "B3", "B4", "B8"), "all": BANDS}
SHOWN = ("OA", "mIoU", "sequence_accuracy", "spatial_F1", "temporal_F1", "temporal_change_F1")
FILTER = 3  # months of the majority filter before changes are scored, as published
# The row of the plain forest shows single months, so its labels are not filtered.
UNFILTERED = "forest"


def study_cells(study, methods, samples, base, repeats):
    """Cells of a study, or of the table (study None): list of (value that it varies, Cell).

    base: a Cell with what all share. repeats: seeds of each method, from the seed of `base` on.
    """
    if study is None or study == "gaps":
        variants = [(None, {"gaps": GAPS} if study else {})]
    else:
        variants = VARIANTS[study](samples, base)
    starts = [
        replace(base, method=method, seed=base.seed + repeat)
        for method in methods
        for repeat in range(repeats)
    ]
    return [(value, replace(cell, **what)) for value, what in variants for cell in starts]


def band_variants(samples, base):
    sets = {band: (band,) for band in samples.bands} | BAND_SETS
    known = set(samples.bands)
    usable = {name: bands for name, bands in sets.items() if known.issuperset(bands)}
    return [(name, {"bands": bands}) for name, bands in usable.items()]


def class_variants(samples, base):
    names = samples.legend.names
    if len(names) < 3:
        raise InputError(f"--study class: {len(names)} classes found; expected at least 3")
    return [(name, {"classes": (name,)}) for name in names]


def transfer_variants(samples, base):
    return [(name, {"train_group": str(name)}) for name in np.unique(site_groups(samples))]


def size_variants(samples, base):
    most = len(parts_for(base, samples)["train"])
    return [(size, {"train_size": size}) for size in SIZES if size <= most]


VARIANTS = {
    "bands": band_variants,
    "class": class_variants,
    "transfer": transfer_variants,
    "size": size_variants,
}


def filter_of(method):
    """Months of the majority filter before the changes of a method are scored; 1 = none."""
    return 1 if method == UNFILTERED else FILTER


def scores_as_published(method, true, labels, classes):
    """Scores by month of the labels as they are; change scores after a 3-month majority filter.

    The plain forest is not filtered. The edit score and the F1 of segments (as MS-TCN prints them)
    are those of the filtered labels too. Returns a dict.
    """
    width = filter_of(method)
    found = filtered_scores(true, labels, classes, width=width)
    return found | segment_scores(true, majority_filter(labels, width), classes)


def study_table(study, cells, results, samples):
    """One row for each result: a DataFrame.

    In the study of transfer one row for each test group, in that of gaps one for each share.
    """
    rows = []
    for (value, cell), result in zip(cells, results):
        facts = facts_of(cell, result)
        classes = 2 if cell.classes else len(samples.legend)
        for where, true, labels in tests_of(study, value, cell, result, samples):
            found = scores_as_published(cell.method, true, labels, classes)
            rows.append(where | facts | found)
    return pd.DataFrame(rows)


def facts_of(cell, result):
    """The columns of a row that are no scores."""
    return {
        "method": cell.method,
        "seed": cell.seed,
        "parameters": np.nan if result.parameters is None else float(result.parameters),
        "train_minutes": result.train_minutes,
        "train_cpu_minutes": result.train_cpu_minutes,
        "series_a_second": result.series_a_second,
        "series_a_cpu_second": result.series_a_cpu_second,
        "threads": result.threads,
        "series": len(result.rows),
        "setting": result.setting,
        "reasons": result.reasons or "",
    }


def tests_of(study, value, cell, result, samples):
    """The tests within one cell: list of (columns that say which, true labels, predictions)."""
    true = samples.y[result.rows]
    if cell.classes:  # the class itself is 0, the rest 1
        one = samples.legend.names.index(cell.classes[0])
        true = np.where(true < 0, -1, true != one).astype(np.int8)
    if study == "gaps":
        return [({"gaps": share}, true, labels) for share, labels in zip(cell.gaps, result.labels)]
    labels = result.labels[0]
    if study == "transfer":
        group = site_groups(samples)[result.rows]
        return [
            ({"train": value, "test": name}, true[group == name], labels[group == name])
            for name in np.unique(group)
        ]
    return [({study: value} if study else {}, true, labels)]


def transition_table(cells, results, samples):
    """Precision and recall of every transition, by method (first seed): a DataFrame.

    The labels are filtered as for the change scores.
    """
    tables, names = [], np.array(samples.legend.names)
    for (_, cell), result in zip(cells, results):
        if cell.seed != cells[0][1].seed:
            continue
        labels = majority_filter(result.labels[0], filter_of(cell.method))
        found = transition_scores(samples.y[result.rows], labels, len(names))
        found["from_class"] = names[found["from_class"]]
        found["to_class"] = names[found["to_class"]]
        found.insert(0, "method", cell.method)
        tables.append(found)
    return pd.concat(tables, ignore_index=True)


def mean_and_spread(table, by):
    """Mean over the seeds. With several seeds, <score>_sd beside it: the standard deviation."""
    apart = {"seed", *by}
    numbers = [
        name for name in table.columns if name not in apart and table[name].dtype.kind in "if"
    ]
    grouped = table.groupby(by, sort=False)[numbers]
    if table["seed"].nunique() == 1:
        return grouped.mean().reset_index()
    return grouped.mean().join(grouped.std().add_suffix("_sd")).reset_index()


def printed(table, by):
    """The columns a reader wants, as text: a DataFrame."""
    text = table[by].copy()
    for name in SHOWN:
        spread = table.get(f"{name}_sd", pd.Series(np.nan, table.index))
        text[name] = [in_words(*pair) for pair in zip(table[name], spread)]
    text["parameters"] = [
        "-" if np.isnan(value) else f"{value:,.0f}" for value in table["parameters"]
    ]
    text["train, min"] = [f"{value:.1f}" for value in table["train_minutes"]]
    text["series/s"] = [f"{value:,.0f}" for value in table["series_a_second"]]
    return text


def in_words(value, spread):
    """A score, and its spread where there is one."""
    return f"{value:.4f}" if np.isnan(spread) else f"{value:.4f} ± {spread:.4f}"


def markdown(table):
    """A DataFrame of text as a Markdown table."""
    head = list(table.columns)
    body = table.astype(str).to_numpy().tolist()
    rows = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
