"""Settings of a baseline chosen on the validation part, never on the test part."""

import numpy as np

from utils.changes import majority_filter
from utils.metrics import scores


def selection_score(true, predicted, classes):
    """Mean of OA, spatial F1 and temporal F1, the last two after a 3-month majority filter.

    The score that picks the best epoch of a network, so that every method is chosen by the same
    rule.
    """
    raw, smooth = (
        scores(true, predicted, classes),
        scores(true, majority_filter(predicted), classes),
    )
    return float(np.mean([raw["OA"], smooth["spatial_F1"], smooth["temporal_F1"]]))


def choose(make, grid, train, validation, *, most=700, seed=0):
    """Return the best setting of a grid, and those tried with their scores.

    make(**setting) -> method with fit and predict; grid: dict of tuples. From the middle of the
    grid, one setting after the other takes its best candidate, until none gets better: wide grids
    in few trials. Each trial is fitted to at most `most` training series and judged on as many
    validation series, both drawn with `seed`.
    """
    best = tuple(candidates[len(candidates) // 2] for candidates in grid.values())
    labelled = validation is not None and len(validation) and (validation.y >= 0).any()
    if all(len(candidates) == 1 for candidates in grid.values()) or not labelled:
        return dict(zip(grid, best)), []
    train, validation, tried = some(train, most, seed), some(validation, most, seed), {}

    def score(values):
        if values not in tried:
            labels = make(**dict(zip(grid, values))).fit(train, None).predict(validation)
            tried[values] = selection_score(validation.y, labels, len(validation.legend))
        return tried[values]

    before = None
    while best != before:
        before = best
        for place, candidates in enumerate(grid.values()):
            line = [(*best[:place], candidate, *best[place + 1 :]) for candidate in candidates]
            best = max(line, key=score)  # the first of equals, so that the search ends
    return dict(zip(grid, best)), [
        dict(zip(grid, values)) | {"score": found} for values, found in tried.items()
    ]


def some(samples, most, seed):
    """Return at most `most` of the samples, drawn at random."""
    if len(samples) <= most:
        return samples
    return samples.take(
        np.sort(np.random.default_rng(seed).choice(len(samples), most, replace=False))
    )


def as_grid(**settings):
    """A tuple holds candidates to choose from, anything else is a setting given by the caller."""
    return {
        name: value if isinstance(value, tuple) else (value,) for name, value in settings.items()
    }
