"""Settings of a method are chosen on the validation part, never on the test part."""

import numpy as np

from utils.metrics import filtered_scores, selection_score


def choose(make, grid, train, validation, *, most=700, seed=0):
    """Return the best setting of a grid, and the settings tried with their scores.

    make(**setting) -> method with fit and predict. grid: dict of tuples of candidates. The search
    begins in the middle of the grid. One setting after the other takes its best candidate, until no
    setting gets better: so a wide grid needs few trials. Each trial is fitted to at most `most`
    training series and judged on as many validation series, both drawn with `seed`. The score is
    the one that picks the best epoch of a network.
    """
    best = tuple(middle_of(candidates) for candidates in grid.values())
    several = any(len(candidates) > 1 for candidates in grid.values())
    labelled = validation is not None and (validation.y >= 0).any()
    if not several or not labelled:
        return dict(zip(grid, best)), []
    train = at_most(train, most, seed)
    validation = at_most(validation, most, seed)
    tried = {}

    def score(values):
        if values not in tried:
            method = make(**dict(zip(grid, values))).fit(train, None)
            labels = method.predict(validation)
            found = filtered_scores(validation.y, labels, len(validation.legend))
            tried[values] = selection_score(found)
        return tried[values]

    before = None
    while best != before:
        before = best
        for place, candidates in enumerate(grid.values()):
            line = [replaced(best, place, candidate) for candidate in candidates]
            best = max(line, key=score)  # the first of equals, so that the search ends
    settings = [dict(zip(grid, values)) for values in tried]
    table = [setting | {"score": value} for setting, value in zip(settings, tried.values())]
    return dict(zip(grid, best)), table


def middle_of(candidates):
    return candidates[len(candidates) // 2]


def replaced(values, place, value):
    """The values (a tuple) with another one at this place."""
    return (*values[:place], value, *values[place + 1 :])


def at_most(samples, most, seed):
    """Return at most `most` of the samples, drawn at random."""
    if len(samples) <= most:
        return samples
    drawn = np.random.default_rng(seed).choice(len(samples), most, replace=False)
    return samples.take(np.sort(drawn))


def as_grid(**settings):
    """A tuple holds candidates to choose from. Anything else is one setting of the caller."""
    return {
        name: value if isinstance(value, tuple) else (value,) for name, value in settings.items()
    }
