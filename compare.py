"""Every method on one split, in one table; and the paper's studies.

    python compare.py                                                  # all methods on the samples that ship
    python compare.py --data coast.npz --methods ccdc,bfast,forest,patchnet --split site --out runs/compare_coast
    python compare.py --methods ccdc,forest,runs/urban/weights.safetensors   # weights of run.py, not trained again
    python compare.py --study size --methods patchnet,forest           # bands, size, transfer, class or gaps

Methods: ccdc, bfast, bfast_monitor, forest (single months), forest_filter (and a majority filter), the networks of
run.py, fcn-paper (the published network and recipe), and weights files of run.py that were trained on the same split.
Needs `pip install -r requirements-compare.txt`.
Leaves a folder with the table (CSV, Markdown), figures and config.json. An interrupted run goes on when called again.
"""

import argparse
import json
import os
from pathlib import Path

from comparing import figures, methods
from comparing.cells import Cell, Data, build, run_cells
from comparing.finished import SUFFIX, finished_cell
from comparing.methods.network import known_networks
from comparing.studies import (
    STUDIES,
    STUDY_METHODS,
    markdown,
    mean_and_spread,
    printed,
    study_cells,
    study_table,
    transition_table,
)
from data_loader import load_samples, split_samples
from utils.errors import InputError, run_main
from utils.files import written_whole


def make_parser():
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=formatter, allow_abbrev=False
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data", default="dataset/urban.npz", help="samples, in any format of data_loader.py"
    )
    data.add_argument(
        "--first-month", metavar="YYYY-MM", help="for published arrays, which hold no dates"
    )
    data.add_argument("--bands", help="names of the bands to use, with commas; default all")
    data.add_argument(
        "--classes", help="classes to keep, with commas, the rest merged into one; default all"
    )
    data.add_argument(
        "--split", default="auto", help="auto, site, sample, province:A,B, or a file of ids"
    )
    data.add_argument(
        "--train-size",
        type=int,
        default=0,
        metavar="N",
        help="series to train with, drawn; 0 = all",
    )
    study_help = "; ".join(f"{name}: {text}" for name, text in STUDIES.items())
    methods = parser.add_argument_group("methods")
    methods.add_argument(
        "--methods",
        help="with commas; default all for the table, "
        f"{','.join(STUDY_METHODS)} for a study; in the table also weights files of run.py",
    )
    methods.add_argument("--study", choices=STUDIES, help=study_help)
    methods.add_argument(
        "--epochs", type=int, default=0, help="of the networks; 0 = as the recipe says"
    )
    methods.add_argument("--seed", type=int, default=0, help="of the split and of the methods")
    methods.add_argument(
        "--repeats", type=int, default=0, help="seeds of each method; 0 = 3 for size, else 1"
    )
    run = parser.add_argument_group("run")
    run.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="cells at a time, each its own process",
    )
    run.add_argument("--threads", type=int, default=1, help="threads of each process")
    run.add_argument(
        "--out", type=Path, help="folder of the results; default runs/compare or runs/study_<name>"
    )
    run.add_argument(
        "--table", type=Path, help="write scores.csv here too, for benchmarks/tables.py"
    )
    return parser


def main():
    options = read_options(make_parser())
    folder = options.out or Path("runs") / (
        f"study_{options.study}" if options.study else "compare"
    )
    data = Data(options.data, options.first_month, listed(options.bands), listed(options.classes))
    samples = load_samples(
        data.path, first_month=data.first_month, bands=data.bands, classes=data.classes
    )
    split_samples(
        samples, options.split, seed=options.seed
    )  # a split that cannot be is said before anything runs
    base = Cell(
        "",
        seed=options.seed,
        epochs=options.epochs,
        split=options.split,
        split_seed=options.seed,
        train_size=options.train_size,
    )
    repeats = options.repeats or (3 if options.study == "size" else 1)
    ready = [finished_cell(path, base, samples, data, options.threads) for path in options.weights]
    cells = study_cells(options.study or "", options.methods, samples, base, repeats)
    refuse_twice([*options.methods, *(cell.method for cell, _ in ready)])
    with written_whole(folder / "config.json") as path:
        path.write_text(json.dumps(vars(options), default=str, indent=1) + "\n")
    results = run_cells(
        [cell for _, cell in cells],
        data,
        folder / "cells",
        processes=options.processes,
        threads=options.threads,
    )
    cells += [("", cell) for cell, _ in ready]
    results += [result for _, result in ready]
    table = study_table(options.study or "", cells, results, samples)
    write_table(table, options.study or "", folder, options.table)
    if options.study:
        draw_study(table, options.study, folder)
    else:
        draw_comparison(table, cells, results, samples, folder)
    print(f"{folder}: table and figures")


def read_options(parser):
    """Arguments, checked before anything long begins."""
    options = parser.parse_args()
    for name, least in (
        ("processes", 1),
        ("threads", 1),
        ("epochs", 0),
        ("repeats", 0),
        ("train_size", 0),
    ):
        if getattr(options, name) < least:
            raise InputError(
                f"--{name.replace('_', '-')} {getattr(options, name)}: expected {least} or more"
            )
    known = [*methods.BASELINES, *known_networks()]
    given = listed(options.methods) or (STUDY_METHODS if options.study else tuple(known))
    options.weights = tuple(method for method in given if method.endswith(SUFFIX))
    options.methods = tuple(method for method in given if method not in options.weights)
    if options.study and options.weights:
        raise InputError(
            f"--methods {options.weights[0]}: not with --study, which trains each cell anew"
        )
    unknown = [method for method in options.methods if method not in known]
    if unknown:
        raise InputError(
            f"--methods {unknown[0]}: not known; expected {', '.join(known)}, or a {SUFFIX} of run.py"
        )
    refuse_twice(given)
    if options.study == "class" and options.classes:
        raise InputError("--classes: not with --study class, which takes each class in turn")
    if options.study == "bands" and options.bands:
        raise InputError("--bands: not with --study bands, which takes each band in turn")
    for method in options.methods:
        build(Cell(method))  # says now what a method needs and lacks
    return options


def refuse_twice(methods):
    """Raise InputError where two rows of the table would bear one name."""
    if len(set(methods)) < len(methods):
        raise InputError(
            f"--methods {','.join(methods)}: a method stands there twice; expected each once"
        )


def write_table(table, study, folder, copy=None):
    """All scores as CSV, a row a seed; what a reader wants as Markdown and on the terminal, the
    mean over seeds.
    """
    for place in filter(None, (folder / "scores.csv", copy)):
        with written_whole(place) as path:
            table.to_csv(path, index=False)
    by = {"": ["method"], "transfer": ["method", "train", "test"]}.get(study, [study, "method"])
    text = markdown(printed(mean_and_spread(table, by), by))
    with written_whole(folder / "scores.md") as path:
        path.write_text(text)
    print(text, end="")


def draw_comparison(table, cells, results, samples, folder):
    """Figures of the table, and the transitions; labels of the first seed."""
    first = {cell.method: result for (_, cell), result in reversed(list(zip(cells, results)))}
    labels = {method: first[method].labels[0] for method in dict.fromkeys(table["method"])}
    rows = results[0].rows
    with written_whole(folder / "transitions.csv") as path:
        transition_table(cells, results, samples).to_csv(path, index=False)
    save(figures.score_bars(mean_and_spread(table, ["method"])), folder / "scores.png")
    save(figures.date_errors(samples.y[rows], labels), folder / "date_errors.png")
    if len(labels) > 1:
        save(figures.disagreements(samples, rows, labels), folder / "disagreements.png")


def draw_study(table, study, folder):
    """The picture of a study."""
    if study == "transfer":
        mean = mean_and_spread(table, ["method", "train", "test"])
        save(figures.transfer_squares(mean), folder / "study_transfer.png")
    else:
        save(
            figures.study_lines(mean_and_spread(table, ["method", study]), study),
            folder / f"study_{study}.png",
        )


def save(figure, path):
    with written_whole(path) as part:
        figure.savefig(part)


def listed(text):
    """'a, b' -> ('a', 'b'); nothing -> None."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else None


if __name__ == "__main__":
    run_main(main)
