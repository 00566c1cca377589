"""A weights file of run.py as a row of the table. It is not trained again.

    cell, result = finished_cell("runs/coast/weights.safetensors", base, samples)

The row is honest only if the weights were trained on the training part of this comparison.
Weights that may have seen the test part are refused.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from comparing.cells import tested
from comparing.network import finished
from comparing.parts import parts_for
from data_loader import split_samples
from training.card import TrainingCard
from utils.errors import InputError
from utils.metrics import scores

SUFFIX = ".safetensors"
SAME = 0.005  # overall accuracies nearer than this are the same: a GPU rounds otherwise
SHOWN_FACTS = ("data", "split", "seed", "validation", "test", "series", "test_data", "start")


def finished_cell(path, base, samples, data, threads=1):
    """Label the test part with finished weights; returns (Cell, Result), as if trained here.

    base: a Cell with what all methods share. data: where the samples come from. Raises InputError
    when the weights know other bands or classes, were trained on other series than those that train
    here, or score otherwise than their card says.
    """
    method = finished(path)
    card = method.net.card
    parts = parts_for(base, samples)
    refuse_other_samples(path, card, samples)
    training = TrainingCard.from_card(card)
    if training is None or training.split is None:
        raise InputError(
            f"{path}: no split in its card; expected weights that run.py trained on {data.path}"
        )
    if not same_parts(card, training, parts, samples, data):
        refuse_other_parts(path, training, parts, base, data)
    torch.set_num_threads(threads)
    cell = replace(base, method=method.name)
    minutes = (training.minutes, training.cpu_minutes)
    result = tested(cell, method, samples, parts["test"], threads, minutes)
    found = scores(samples.y[result.rows], result.labels[0], len(samples.legend))["OA"]
    stated = card["metrics"]["test"]["OA"]
    if abs(found - stated) > SAME:
        raise InputError(
            f"{path}: OA {found:.4f} found on the test part; expected {stated:.4f} as in its card "
            "(data of another content, or code that has changed since)"
        )
    return cell, result


def refuse_other_samples(path, card, samples):
    """Raise InputError where the card names other bands or classes than the samples have."""
    for what, found, expected in (
        ("bands", card["bands"], samples.bands),
        ("classes", card["legend"].names, samples.legend.names),
    ):
        if tuple(found) != tuple(expected):
            raise InputError(
                f"{path}: {what} {', '.join(found)} found; expected {', '.join(expected)}"
            )


def same_parts(card, training, parts, samples, data):
    """Do the weights come from the training part of this comparison, and from nothing else?

    Weights that were tested on other samples also trained on this test part. Weights that were
    adapted, or that began with other weights, may have seen any series.
    """
    if training.test_data or training.start or "adapted" in card:
        return False
    if Path(training.data).name != Path(data.path).name:
        return False
    if training.parts is not None:
        return all(
            set(training.parts[part]) == set(samples.ids[rows]) for part, rows in parts.items()
        )
    # Weights of before 2026-11-24 do not name their samples. Their split is drawn again.
    if training.series != {part: len(rows) for part, rows in parts.items()}:
        return False
    drawn = split_samples(
        samples,
        training.split,
        validation=training.validation,
        test=training.test,
        seed=training.seed,
    )
    return all(np.array_equal(drawn[part], rows) for part, rows in parts.items())


def refuse_other_parts(path, training, parts, base, data):
    """Raise the InputError of weights that may have seen the test part."""
    facts = {name: getattr(training, name) for name in SHOWN_FACTS}
    found = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
    sizes = {part: len(rows) for part, rows in parts.items()}
    raise InputError(
        f"{path}: trained with {found}; expected data {Path(data.path).name}, split {base.split}, "
        f"seed {base.split_seed}, series {sizes}: it may have seen the test part"
    )
