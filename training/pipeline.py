"""A training from a file of samples to weights, scores and figures, as run.py does it.

trained = train("mine.csv", model="patchnet", epochs=20)     # in a notebook
trained.scores["test"]["OA"], trained.weights
adapted = adapt_to_area("area.npz", trained.weights)
"""

from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

import models
from data_loader import load_samples
from training.adapt import adapt
from training.loop import fit
from training.parts import Source, load_parts
from training.processes import is_first, machine, rank_and_world, told_by_first
from training.recipe import ADAPTING_USES, class_weights, settings_of
from training.results import finish, finish_adapted
from training.runs import (
    new_run,
    old_run,
    refuse_changes,
    run_to_resume,
    write_config,
    write_split,
)
from utils.errors import InputError, note

SOURCE_FIELDS = tuple(name for name in Source.__dataclass_fields__ if name != "data")
FIRST = {"data": "dataset/urban.npz", "model": "patchnet", "recipe": "modern"}


def train(
    data=FIRST["data"],
    *,
    model=FIRST["model"],
    recipe=FIRST["recipe"],
    start=None,
    seed=0,
    device="auto",
    threads=0,
    name=None,
    runs="runs",
    weights="model_data",
    resume=False,
    progress=True,
    **options,
):
    """Train a network on a file of samples, read the test part once, write all; returns Trained.

    data: a file or folder that `load_samples` reads. options: other fields of `Source`
    (training/parts.py: split, test_data, bands, ...) and fields of `Settings` (training/recipe.py:
    epochs, batch_size, ...); None = as the recipe says. `python run.py --help` tells the unit and
    the default of each. name: of the run; without it, one that is free. resume: go on with the run
    of that name, or with the newest unfinished one. Raises InputError for what cannot be used.
    Under torchrun every process calls this; the first one writes, the others return None.
    """
    source = Source(str(data), **{key: options[key] for key in options if key in SOURCE_FIELDS})
    changes = {key: options[key] for key in options if key not in SOURCE_FIELDS}
    settings = settings_of(recipe, model, seed=seed, **changes)
    facts = {"recipe": recipe, "start": None if start is None else str(start), "seed": seed}
    asked = asdict(source) | {"model": model} | facts | changes
    base = base_name(data, model)
    with machine(device, threads) as place, claimed_run(base, name, runs, weights, resume) as run:
        parts = load_parts(source, seed)
        torch.manual_seed(seed)
        net = first_network(model, start, parts.samples).to(place)
        class_weights(settings.class_weights, parts.train.y, len(parts.train.legend), place)
        told_by_first(lambda: begin(run, asked, parts, resume))
        if is_first() and progress:
            print(opening(run.name, net, place, parts))
        known = {"folder": run, "resume": resume, "progress": progress}
        net, history = fit(net, parts.train, parts.validation, settings, **known)
        if is_first():
            return finish(net, history, parts, settings, facts, run, weights)


@contextmanager
def claimed_run(base, name, runs, weights, resume):
    """Hold the folder of a new run, or of one to resume; yield it, in every process the same."""

    def claim():
        if resume:
            return stack.enter_context(old_run(run_to_resume(runs, base, name), weights))
        return stack.enter_context(new_run(runs, weights, base, name))

    with ExitStack() as stack:
        yield told_by_first(claim)


def base_name(data, model):
    """Name of a run that has been given none: urban-patchnet."""
    return f"{Path(data).stem}-{model}"


def begin(run, asked, parts, resume):
    """Write what was asked for and how the samples are divided; a resumed run must ask the same.

    A note says how many test series train too.
    """
    if resume:
        refuse_changes(run, asked, parts)
    else:
        write_config(run, asked, parts)
    write_split(run, parts)
    if copies := parts.copies():
        note(f"{copies} of {len(parts.test)} test series are in the training part too")


def opening(name, net, device, parts):
    """What a training says before it begins."""
    series = ", ".join(f"{number} {part}" for part, number in parts.series().items())
    size = f"{models.count_parameters(net):,} parameters"
    return f"{name}: {net.card['network']}, {size}, {device}; series: {series}"


def first_network(model, start, samples):
    """A new network, or that of the weights `start` where it fits the samples."""
    if start is None:
        return models.build(model, bands=samples.bands, legend=samples.legend)
    net = models.load(start)
    net.card.pop("break", None)  # with samples of the land, one cost of a change does as well
    found = (net.card["network"], net.card["bands"], net.card["legend"].names)
    expected = (model, samples.bands, samples.legend.names)
    if found != expected:
        raise InputError(f"{start}: network, bands, classes {found} found; expected {expected}")
    return net


def adapt_to_area(
    area,
    start,
    *,
    first_month=None,
    seed=0,
    device="auto",
    threads=0,
    name=None,
    runs="runs",
    weights="model_data",
    progress=True,
    **changes,
):
    """Fit the weights `start` to the series of a new area; returns Trained.

    area: a file or folder of samples. Their labels, if any, serve for the scores alone
    ({"before", "after"}). changes: fields of `Settings` that `adapt` uses (ADAPTING_USES in
    training/recipe.py); None = as adapting does best. Raises InputError for what cannot be used.
    """
    changes = {key: value for key, value in changes.items() if value is not None}
    unused = sorted(set(changes) - set(ADAPTING_USES))
    if unused:
        raise InputError(f"adapting has no use for {', '.join(unused)}; expected to run without")
    base = f"{Path(area).stem}-adapted"
    with machine(device, threads) as place, claimed_run(base, name, runs, weights, False) as run:
        if rank_and_world()[1] > 1:
            raise InputError("adapting works in one process; expected to run without torchrun")
        net = models.load(start, place)
        card = {"bands": net.card["bands"], "legend": net.card["legend"]}
        samples = load_samples(area, first_month=first_month, **card)
        settings = settings_of("adapting", net.card["network"], seed=seed, **changes)
        adapted = adapt(net, samples.x, settings, progress=progress)
        facts = {"data": str(area), "series": len(samples), "start": str(start)}
        return finish_adapted(net, adapted, samples, settings, facts, run, weights)
