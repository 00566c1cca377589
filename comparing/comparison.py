"""A comparison from samples to table and figures: what compare.py calls, and a notebook can.

from comparing.comparison import compare
table = compare("mine.csv", methods=("forest", "patchnet"), split="site", out="runs/mine")
"""

import json
import os
from pathlib import Path

from comparing import figures, study_figures
from comparing.cells import Cell, Data
from comparing.finished import SUFFIX, finished_cell
from comparing.registry import known
from comparing.running import method_of, run_cells
from comparing.studies import (
    STUDY_METHODS,
    markdown,
    mean_and_spread,
    printed,
    study_cells,
    study_table,
    transition_table,
)
from data_loader import load_samples, split_samples
from utils.errors import InputError
from utils.files import claimed, written_whole

DATA = "dataset/urban.npz"  # the samples that ship
VARIED = {"class": "classes", "bands": "bands"}  # what a study varies cannot be given too


def compare(
    data=DATA,
    *,
    methods=None,
    study=None,
    split="auto",
    first_month=None,
    bands=None,
    classes=None,
    train_size=0,
    epochs=0,
    seed=0,
    repeats=0,
    processes=None,
    threads=1,
    out=None,
    table=None,
):
    """Train every method on one split, test all on its test part, write table and figures.

    data: samples, in any format of data_loader.py. methods: names, or weights files of run.py;
    all if None. study: one of studies.STUDIES, None = the table. split, first_month, bands,
    classes, seed: as for run.py. train_size: training series, 0 = all. epochs: of the networks, 0
    = as the recipe says. repeats: seeds of each method, 0 = 3 in the study of size, else 1.
    processes: cells at a time, None = as many as there are cores. threads: of each process. out:
    folder of the results. table: write scores.csv here too. Returns the scores, a row for each
    seed: a DataFrame. Raises InputError for anything that cannot be used, before anything long
    begins.
    """
    settings = dict(locals())  # every argument, for config.json
    chosen, weights = checked_methods(methods, study)
    refuse_what_varies(study, settings)
    source = Data(str(data), first_month, bands, classes)
    samples = load_samples(data, first_month=first_month, bands=bands, classes=classes)
    split_samples(samples, split, seed=seed)  # raises for a split that cannot be
    base = Cell("", seed, epochs, split, split_seed=seed, train_size=train_size)
    cells = study_cells(study, chosen, samples, base, repeats or (3 if study == "size" else 1))
    folder = Path(out) if out else Path("runs") / (f"study_{study}" if study else "compare")
    with claimed(folder):
        ready = [finished_cell(path, base, samples, source, threads) for path in weights]
        refuse_twice([*chosen, *(cell.method for cell, _ in ready)])
        write_json(folder / "config.json", settings | {"out": folder})
        results = run_cells(
            [cell for _, cell in cells],
            source,
            folder / "cells",
            processes=processes or os.cpu_count() or 1,
            threads=threads,
        )
        cells += [(None, cell) for cell, _ in ready]
        results += [result for _, result in ready]
        scores = study_table(study, cells, results, samples)
        write_table(scores, study, folder, table)
        if study:
            draw_study(scores, study, folder)
        else:
            draw_comparison(scores, cells, results, samples, folder)
    print(f"{folder}: table and figures")
    return scores


def checked_methods(methods, study):
    """Return the methods to train, and the weights files that are not trained again.

    Raises InputError for a method that is not known, stands there twice, or lacks what it needs.
    """
    given = methods or (STUDY_METHODS if study else tuple(known()))
    weights = [method for method in given if str(method).endswith(SUFFIX)]
    chosen = [method for method in given if method not in weights]
    if study and weights:
        raise InputError(f"--methods {weights[0]}: not with --study, which trains each cell anew")
    unknown = [method for method in chosen if method not in known()]
    if unknown:
        raise InputError(
            f"--methods {unknown[0]}: not known; expected {', '.join(known())}, "
            f"or a {SUFFIX} of run.py"
        )
    refuse_twice(given)
    for method in chosen:
        method_of(Cell(method))  # says now what a method needs and lacks
    return chosen, weights


def refuse_twice(methods):
    """Raise InputError where two rows of the table would bear one name."""
    if len(set(methods)) < len(methods):
        raise InputError(
            f"--methods {','.join(map(str, methods))}: a method stands there twice; "
            "expected each once"
        )


def refuse_what_varies(study, settings):
    """Raise InputError where a flag fixes what the study varies."""
    flag = VARIED.get(study)
    if flag and settings[flag]:
        raise InputError(f"--{flag}: not with --study {study}, which varies the {flag} itself")


def write_json(path, settings):
    with written_whole(path) as part:
        part.write_text(json.dumps(settings, default=str, indent=1) + "\n", encoding="utf-8")


def write_table(table, study, folder, copy=None):
    """Write all scores as CSV, a row for each seed, and what a reader wants as Markdown.

    The Markdown holds the mean over seeds; it is printed too. copy: a second place for the CSV.
    """
    for place in filter(None, (folder / "scores.csv", copy)):
        with written_whole(place) as path:
            table.to_csv(path, index=False)
    by = {None: ["method"], "transfer": ["method", "train", "test"]}.get(study, [study, "method"])
    text = markdown(printed(mean_and_spread(table, by), by))
    with written_whole(folder / "scores.md") as path:
        path.write_text(text, encoding="utf-8")
    print(text, end="")


def draw_comparison(table, cells, results, samples, folder):
    """Write the transitions, and draw the figures of the table. Labels are of the first seed."""
    labels = {}
    for (_, cell), result in zip(cells, results):
        labels.setdefault(cell.method, result.labels[0])
    rows = results[0].rows
    with written_whole(folder / "transitions.csv") as path:
        transition_table(cells, results, samples).to_csv(path, index=False)
    save(figures.score_bars(mean_and_spread(table, ["method"])), folder / "scores.png")
    save(figures.date_errors(samples.y[rows], labels), folder / "date_errors.png")
    if len(labels) > 1:
        save(figures.disagreements(samples, rows, labels), folder / "disagreements.png")


def draw_study(table, study, folder):
    """Draw the picture of a study."""
    if study == "transfer":
        mean = mean_and_spread(table, ["method", "train", "test"])
        figure = study_figures.transfer_squares(mean)
    else:
        figure = study_figures.study_lines(mean_and_spread(table, ["method", study]), study)
    save(figure, folder / f"study_{study}.png")


def save(figure, path):
    with written_whole(path) as part:
        figure.savefig(part)
