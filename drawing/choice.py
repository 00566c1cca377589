"""Choose weights, samples and the part of their split, and label the series that are drawn."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

import models
from data_loader import load_samples, split_samples
from drawing.telling import season, sequences, telling
from training.card import TrainingCard
from utils.errors import InputError, note
from utils.legend import OTHER_CLASS

HERE = Path(__file__).parents[1]
DEFAULT_DATA = "dataset/urban.npz"
SHIPPED = ("world.safetensors", "urban.safetensors")  # the first is for all land
# Series, drawn with --seed, that are labelled to choose from: enough to find every case, and quick.
LOOKED_AT = 500


class Series(NamedTuple):
    """One series to draw: x (C, T), months (T,), labels (T,), probabilities (K, T).

    true is None where no label is known; reason: why this series is drawn.
    """

    name: str
    reason: str
    x: np.ndarray
    months: np.ndarray
    true: np.ndarray | None
    predicted: np.ndarray
    probabilities: np.ndarray


def default_weights():
    """Return the weights file in model_data/ of the user's last run, else the one for all land.

    The last run is the one whose card has the latest time of training. The times of the files do
    not count: they change when a folder is copied.
    """
    folder = HERE / "model_data"
    own = [file for file in sorted(folder.glob("*.safetensors")) if file.name not in SHIPPED]
    if len(own) > 1:
        return max(own, key=lambda file: training_of(models.load(file).card).finished or "")
    found = own[0] if own else folder / SHIPPED[0]
    if not found.exists():
        raise InputError(
            f"{folder}: no weights in it; expected a .safetensors (python run.py trains one)"
        )
    return found


def training_of(card):
    """Return the TrainingCard of a network, an empty one where it names no training."""
    return TrainingCard.from_card(card) or TrainingCard()


def series_of_samples(net, data, first_month, part, names, **rule):
    """Return the Series to draw: the samples of these names, or those that the rule chooses.

    data, part: see `data_and_part`. rule: see `telling_series`.
    """
    path, part = data_and_part(net.card, data, part)
    print(f"data: {path}, {'all samples' if part == 'all' else f'{part} part'}")
    samples = samples_for(path, net.card, first_month)
    if names:
        return named_series(net, samples, names)
    return telling_series(net, samples, rows_of_part(net.card, samples, part), **rule)


def data_and_part(card, data=None, part=None):
    """Return the path of the samples and the part of them to draw from.

    Without `data`, these are the samples that tested the network, if they are on this machine.
    Without `part`, it is a part that the network has not seen in training, where the card tells.
    Raises InputError for a part that the data do not have.
    """
    training = training_of(card)
    trained = found(training.data)
    tested = found(training.test_data)
    path = Path(data or tested or trained or HERE / DEFAULT_DATA)
    parts, usual = ["train", "validation", "test", "all"], "all"
    if training.test_data:
        parts.remove("test")
    if same_file(path, tested):
        parts, usual = ["test", "all"], "test"
    elif same_file(path, trained):
        usual = "validation" if training.test_data else "test"
    if part is not None and part not in parts:
        raise InputError(
            f"--part {part}: these weights have no such part of {path}; expected {', '.join(parts)}"
        )
    return path, part or usual


def same_file(path, other):
    """Return whether two paths, of which `other` may be None, lead to one file."""
    return other is not None and path.exists() and path.samefile(other)


def found(name):
    """Return the path that the card names, from here or from the repository, None if not here."""
    paths = [Path(name), HERE / name] if name else []
    return next((path for path in paths if path.exists()), None)


def rows_of_part(card, samples, part):
    """Return the row numbers of one part of the samples, by the names of samples in the card.

    Weights from before the card named them have their split drawn again.
    """
    training = training_of(card)
    if part == "all" or (training.parts is None and training.test_data and part == "test"):
        return np.arange(len(samples))
    if training.parts is not None:
        return training.rows(part, samples)
    if training.test_data:
        raise InputError(f"--part {part}: not named by these old weights; expected test or all")
    shares = {name: getattr(training, name) for name in ("validation", "test", "seed")}
    shares = {name: value for name, value in shares.items() if value is not None}
    split = training.split or "auto"
    return split_samples(samples, str(found(split) or split), **shares)[part]


def samples_for(path, card, first_month):
    """Load samples with the bands and the classes of the weights.

    Raises InputError where they do not fit.
    """
    # Trained with --classes: the data name more classes than the weights.
    merged = OTHER_CLASS in card["legend"].names
    lacking = "nan" if "without" in card else "error"  # such a network does without some bands
    options = {"first_month": first_month, "bands": card["bands"], "absent_bands": lacking}
    samples = load_samples(path, legend=None if merged else card["legend"], **options)
    kept = [name for name in card["legend"].names if name in samples.legend.names]
    if samples.legend.names != card["legend"].names and merged and kept:
        samples = load_samples(path, classes=kept, **options)
    if samples.legend.names != card["legend"].names:
        here, there = (
            f"{len(legend)} classes ({', '.join(legend.names)})"
            for legend in (samples.legend, card["legend"])
        )
        raise InputError(
            f"{path}: {here} found; the weights expected {there}; give other --data or --weights"
        )
    return samples


def pixel_of_stack(net, path, at, products=None, product_legend=None, **reading):
    """Return the Series of the pixel of a stack at (longitude, latitude).

    products: YEAR=RASTER of land cover products that are decoded with the network, as map.py does;
    product_legend: as `mapping.evidence.find_evidence` takes it.
    """
    try:
        from mapping.evidence import find_evidence
        from stacks.absent import open_for, with_absent
        from stacks.products import parse_product
        from stacks.stack import pixel_at, read_series
    except ImportError as error:
        raise InputError(
            f"--stack needs {error.name}; expected pip install -r mapping/requirements.txt"
        ) from error
    stack = open_for(net.card, path, **reading)
    for text in stack.notes:
        note(text)
    x, months = read_series(stack, at)
    place = ",".join(str(round(float(degrees), 5)) for degrees in at)  # to about a metre
    if not np.isfinite(x).any():
        raise InputError(f"{path}: no observation at {place}; expected a pixel with data")
    x = with_absent(x[None], stack.bands, net.card["bands"])[0]
    name, reason = f"{path.stem} at {place}", "a pixel of a stack"
    legend = net.card["legend"]
    known = [parse_product(text) for text in products or ()]
    evidence = find_evidence(known, stack, legend, product_legend=product_legend)
    if evidence:
        evidence = evidence.fitted(net, stack)
        row, column = pixel_at(stack, at)
        rows = slice(row, row + 1)
        columns = slice(column, column + 1)
        says = evidence.read(stack, rows, columns)
        labels, _, probabilities = evidence.label(net, x[None], says)
        reason += f", decoded with {'; '.join(evidence.in_words(says[0], legend)) or 'no product'}"
        name += f" ({reason.split(', ', 1)[1]})"
    else:
        labels, _, probabilities = models.label(net, x[None], probabilities=True)
    return Series(name, reason, x, months, None, labels[0], probabilities[0])


def named_series(net, samples, names):
    """Return the Series of the samples of these names."""
    unknown = sorted(set(names) - set(samples.ids))
    if unknown:
        known = ", ".join(samples.ids[:3])
        raise InputError(f"--sample {unknown[0]}: not in the data; expected ids such as {known}")
    rows = [int(np.flatnonzero(samples.ids == name)[0]) for name in names]
    labels, _, probabilities = models.label(net, samples.x[rows], probabilities=True)
    return [
        series_of(samples, row, labels[place], probabilities[place], "as asked")
        for place, row in enumerate(rows)
    ]


def telling_series(net, samples, rows, *, changed=False, wrong=False, n=4, seed=0):
    """Return n Series of these rows of the samples, chosen by rule.

    In an order that the seed decides, up to 500 series are labelled. With `changed` or `wrong`, the
    first of such series are returned, else those that `drawing.telling.telling` puts first.
    """
    order = np.random.default_rng(seed).permutation(rows)
    if changed:
        has_change = [len(classes) > 1 for classes in sequences(samples.y[order])]
        order = order[has_change]
    order = order[:LOOKED_AT]
    if len(order) == 0:
        raise nothing("--changed: no series has a true change" if changed else "no series to draw")
    x = samples.x[order]
    true = samples.y[order]
    labels, _, probabilities = models.label(net, x, probabilities=True)
    places, cases = telling(true, labels, season(x, samples.bands))
    if wrong:
        places = [place for place, case in enumerate(cases) if case == "wrong"]
    elif changed:
        places = list(range(len(cases)))
    if not places:
        raise nothing(f"--wrong: none of {len(order)} series looked at is labelled wrongly")
    return [
        series_of(samples, order[place], labels[place], probabilities[place], cases[place])
        for place in places[:n]
    ]


def nothing(found):
    return InputError(f"{found}; expected one at least (see --data, --part, --seed)")


def series_of(samples, row, predicted, probabilities, reason):
    """Return one row of the samples as a Series."""
    name = f"sample {samples.ids[row]}"
    months = samples.months_of(row)
    x = samples.x[row]
    true = samples.y[row]
    return Series(name, reason, x, months, true, predicted, probabilities)
