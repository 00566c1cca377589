"""A comparison from samples to table and figures: what compare.py calls, and a notebook can.

from comparing.comparison import compare
table = compare("mine.csv", methods=("forest", "patchnet"), split="site", out="runs/mine")
"""

import os
from pathlib import Path

from comparing.cells import Cell, Data
from comparing.finished import SUFFIX, finished_cell
from comparing.registry import known
from comparing.results import write_all, write_json
from comparing.running import method_of, run_cells
from comparing.studies import STUDY_METHODS, study_cells, study_table
from data_loader import load_samples, split_samples
from utils.errors import InputError
from utils.files import claimed

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

    The arguments are the flags of compare.py (`python compare.py --help`); methods, bands and
    classes are tuples. Returns the scores, a row for each method and seed: a DataFrame. Raises
    InputError for what cannot be used, before anything long begins.
    """
    settings = dict(locals())  # every argument, for config.json
    chosen, weights = checked_methods(methods, study)
    refuse_what_varies(study, settings)
    source = Data(str(data), first_month, bands, classes)
    samples = load_samples(data, first_month=first_month, bands=bands, classes=classes)
    split_samples(samples, split, seed=seed)  # raises for a split that cannot be
    base = Cell("", seed, epochs, split, split_seed=seed, train_size=train_size)
    seeds = repeats or (3 if study == "size" else 1)
    cells = study_cells(study, chosen, samples, base, seeds)
    with claimed(folder_of(out, study)) as folder:
        ready = [finished_cell(path, base, samples, source, threads) for path in weights]
        refuse_twice([*chosen, *(cell.method for cell, _ in ready)])
        write_json(folder / "config.json", settings | {"out": folder})
        to_run, workers = [cell for _, cell in cells], processes or os.cpu_count() or 1
        results = run_cells(to_run, source, folder / "cells", processes=workers, threads=threads)
        cells += [(None, cell) for cell, _ in ready]
        results += [result for _, result in ready]
        scores = study_table(study, cells, results, samples)
        write_all(scores, study, cells, results, samples, folder, table)
    print(f"{folder}: table and figures")
    return scores


def folder_of(out, study):
    """Where the results go."""
    if out:
        return Path(out)
    return Path("runs") / (f"study_{study}" if study else "compare")


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
