"""What to compare: the cells of the table and of each study of the paper, and the tables made from
their results.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from comparing.cells import parts_for, site_groups
from data_loader import BANDS
from utils.errors import InputError
from utils.metrics import filtered_scores, transition_scores

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
# its row shows single months; every other method's change scores are after the majority filter
UNFILTERED = "forest"


def study_cells(study, methods, samples, base, repeats):
    """Cells of a study, or of the table (study ''), each with what it varies: list of (value,
    Cell).

    base: a Cell with what all share. repeats: seeds of the method, from the seed of `base` on.
    """
    starts = [
        replace(base, method=method, seed=base.seed + repeat)
        for method in methods
        for repeat in range(repeats)
    ]
    if study == "":
        return [("", cell) for cell in starts]
    if study == "gaps":
        return [("", replace(cell, gaps=GAPS)) for cell in starts]
    if study == "bands":
        sets = {band: (band,) for band in samples.bands} | BAND_SETS
        sets = {name: bands for name, bands in sets.items() if set(bands) <= set(samples.bands)}
        return [
            (name, replace(cell, bands=bands)) for name, bands in sets.items() for cell in starts
        ]
    if study == "class":
        if len(samples.legend) < 3:
            raise InputError(
                f"--study class: {len(samples.legend)} classes found; expected at least 3"
            )
        return [
            (name, replace(cell, classes=(name,)))
            for name in samples.legend.names
            for cell in starts
        ]
    if study == "transfer":
        return [
            (name, replace(cell, train_group=str(name)))
            for name in np.unique(site_groups(samples))
            for cell in starts
        ]
    most = len(parts_for(base, samples)["train"])
    return [
        (size, replace(cell, train_size=size)) for size in SIZES if size <= most for cell in starts
    ]


def scores_of(method, true, labels, classes):
    """Scores as published: by month as they are, changes after a 3-month majority filter (not the
    plain forest).
    """
    return filtered_scores(true, labels, classes, width=1 if method == UNFILTERED else 3)


def study_table(study, cells, results, samples):
    """One row a result, and in transfer a row for each test group, in gaps one for each share: a
    DataFrame.
    """
    rows = []
    for (value, cell), result in zip(cells, results):
        facts = {
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
        for where, true, labels in tests_of(study, value, cell, result, samples):
            classes = 2 if cell.classes else len(samples.legend)
            rows.append(where | facts | scores_of(cell.method, true, labels, classes))
    return pd.DataFrame(rows)


def tests_of(study, value, cell, result, samples):
    """The tests within one cell: list of (columns that say which, true labels, predicted
    labels).
    """
    true = samples.y[result.rows]
    if cell.classes:  # the class itself is 0, the rest 1
        one = samples.legend.names.index(cell.classes[0])
        true = np.where(true < 0, -1, true != one).astype(np.int8)
    if study == "gaps":
        return [({"gaps": share}, true, labels) for share, labels in zip(cell.gaps, result.labels)]
    if study == "transfer":
        group = site_groups(samples)[result.rows]
        return [
            ({"train": value, "test": name}, true[group == name], result.labels[0][group == name])
            for name in np.unique(group)
        ]
    return [({study: value} if study else {}, true, result.labels[0])]


def transition_table(cells, results, samples):
    """Precision and recall of every transition, by method (first seed): a DataFrame."""
    tables, names = [], np.array(samples.legend.names)
    for (_, cell), result in zip(cells, results):
        if cell.seed != cells[0][1].seed:
            continue
        found = transition_scores(samples.y[result.rows], result.labels[0], len(names))
        found[["from_class", "to_class"]] = names[found[["from_class", "to_class"]].to_numpy()]
        found.insert(0, "method", cell.method)
        tables.append(found)
    return pd.concat(tables, ignore_index=True)


def mean_and_spread(table, by):
    """Mean over the seeds and, where there are several, the standard deviation beside it as
    <score>_sd.
    """
    numbers = [
        name
        for name in table.columns
        if name not in ("seed", *by) and table[name].dtype.kind in "if"
    ]
    grouped = table.groupby(by, sort=False)[numbers]
    if table["seed"].nunique() == 1:
        return grouped.mean().reset_index()
    return grouped.mean().join(grouped.std().add_suffix("_sd")).reset_index()


def printed(table, by):
    """The columns a reader wants, as text: a DataFrame."""
    text = table[by].copy()
    for name in SHOWN:
        spread = table.get(f"{name}_sd")
        text[name] = [
            f"{value:.4f}"
            if spread is None or np.isnan(spread[row])
            else f"{value:.4f} ± {spread[row]:.4f}"
            for row, value in table[name].items()
        ]
    text["parameters"] = [
        "-" if np.isnan(value) else f"{value:,.0f}" for value in table["parameters"]
    ]
    text["train, min"] = [f"{value:.1f}" for value in table["train_minutes"]]
    text["series/s"] = [f"{value:,.0f}" for value in table["series_a_second"]]
    return text


def markdown(table):
    """A DataFrame of text as a Markdown table."""
    rows = [
        list(table.columns),
        ["---"] * len(table.columns),
        *table.astype(str).to_numpy().tolist(),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
