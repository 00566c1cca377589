"""A weights file of run.py as a row of the table: not trained again, and only if it was trained on
the same split.

cell, result = finished_cell("runs/coast/weights.safetensors", base, samples, data)
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from comparing.cells import parts_for, tested
from comparing.methods.network import finished
from data_loader import split_samples
from utils.errors import InputError
from utils.metrics import scores

SUFFIX = ".safetensors"
SAME = 0.005  # overall accuracies nearer than this are the same: a GPU rounds otherwise
SHOWN_FACTS = ("data", "split", "seed", "validation", "test", "series", "test_data", "start")
SPLIT_FACTS = ("data", "split", "seed", "validation", "test", "series")


def finished_cell(path, base, samples, data, threads=1):
    """Label the test part with finished weights; returns (Cell, Result), as if it had been trained
    here.

    base: a Cell with what all methods share. Raises InputError when the weights know other bands or
    classes, were trained on other series than those that train here (they might have seen the test
    part), or score otherwise than their card says.
    """
    method = finished(path)
    parts = parts_for(base, samples)
    refuse_other_series(path, method.net.card, parts, base, samples, data)
    torch.set_num_threads(threads)
    cell, training, test = (
        replace(base, method=method.name),
        method.net.card["training"],
        samples.take(parts["test"]),
    )
    result = tested(
        cell, method, test, parts["test"], threads, training["minutes"], training["cpu_minutes"]
    )
    found, stated = (
        scores(test.y, result.labels[0], len(test.legend))["OA"],
        method.net.card["metrics"]["test"]["OA"],
    )
    if abs(found - stated) > SAME:
        raise InputError(
            f"{path}: OA {found:.4f} found on the test part; expected {stated:.4f} as in its card "
            "(data of another content, or code that has changed since)"
        )
    return cell, result


def refuse_other_series(path, card, parts, base, samples, data):
    """Raise InputError where the card names other bands, classes, data or parts than those of the
    comparison.
    """
    for what, found, expected in (
        ("bands", card["bands"], samples.bands),
        ("classes", card["legend"].names, samples.legend.names),
    ):
        if tuple(found) != tuple(expected):
            raise InputError(
                f"{path}: {what} {', '.join(found)} found; expected {', '.join(expected)}"
            )
    training = card.get("training", {})
    if not set(SPLIT_FACTS) <= set(training):
        raise InputError(
            f"{path}: no split in its card; expected weights that run.py trained on {data.path}"
        )
    sizes = {part: len(rows) for part, rows in parts.items()}
    same = (
        Path(training["data"]).name == Path(data.path).name
        and training["series"] == sizes
        and not training.get("test_data")
    )  # tested on other samples: then it trained on this test part too
    same = (
        same and not training.get("start") and "adapted" not in card
    )  # these may have seen any other series
    if same:  # the same rows, not only the same words: 'auto' may be 'site'
        theirs = split_samples(
            samples,
            training["split"],
            validation=training["validation"],
            test=training["test"],
            seed=training["seed"],
        )
        same = all(np.array_equal(theirs[part], rows) for part, rows in parts.items())
    if not same:
        found = ", ".join(f"{name} {training[name]}" for name in SHOWN_FACTS if name in training)
        raise InputError(
            f"{path}: trained with {found}; expected data {Path(data.path).name}, split {base.split}, "
            f"seed {base.split_seed}, series {sizes}: it may have seen the test part"
        )
