"""Settings of a baseline chosen on the validation part, never on the test part."""

from itertools import product

import numpy as np

from utils.changes import majority_filter
from utils.metrics import scores


def selection_score(true, predicted, classes):
    """Mean of OA, spatial F1 and temporal F1, the last two after a 3-month majority filter.

    The score that picks the best epoch of a network, so that every method is chosen by the same rule.
    """
    raw, smooth = scores(true, predicted, classes), scores(true, majority_filter(predicted), classes)
    return float(np.mean([raw["OA"], smooth["spatial_F1"], smooth["temporal_F1"]]))


def choose(make, grid, train, validation, *, most=2000, seed=0):
    """Return the best setting of a grid, and all of them with their scores.

    make(**setting) -> method with fit and predict; grid: dict of tuples. Each setting is fitted to at most `most`
    training series and judged on at most `most` validation series, both drawn with `seed`: enough to rank settings.
    """
    settings = [dict(zip(grid, values)) for values in product(*grid.values())]
    labelled = validation is not None and len(validation) and (validation.y >= 0).any()
    if len(settings) == 1 or not labelled:
        return settings[0], []
    train, validation = some(train, most, seed), some(validation, most, seed)
    tried = []
    for setting in settings:
        labels = make(**setting).fit(train, None).predict(validation)
        tried.append({**setting, "score": selection_score(validation.y, labels, len(validation.legend))})
    best = max(range(len(tried)), key=lambda place: tried[place]["score"])  # the first of equals
    return settings[best], tried


def some(samples, most, seed):
    """Return at most `most` of the samples, drawn at random."""
    if len(samples) <= most:
        return samples
    return samples.take(np.sort(np.random.default_rng(seed).choice(len(samples), most, replace=False)))


def as_grid(**settings):
    """A tuple holds candidates to choose from, anything else is a setting given by the caller."""
    return {name: value if isinstance(value, tuple) else (value,) for name, value in settings.items()}
