"""Stacks that lack some of the bands of a network: Landsat, HLS, four bands, no B8A.

Weights that were trained with bands missing carry `without` in their card: sets of bands, and the
points of overall accuracy that series without them cost. Other weights refuse such stacks.
"""

import numpy as np

from stacks.source import MissingBands
from stacks.stack import noted, open_stack
from utils.bands import NO_OBSERVATION

FEWEST = 3  # bands; fewer say too little


def open_for(card, path, **reading):
    """Open a stack with the bands of a network that it has; reading: as `open_stack` takes it.

    Raises InputError where bands are missing and the network cannot do without.
    """
    try:
        return open_stack(path, bands=tuple(card["bands"]), **reading)
    except MissingBands as error:
        if "without" not in card or len(error.there) < FEWEST:
            raise
        stack = open_stack(path, bands=error.there, **reading)
        return noted(stack, missing_note(card, error.there))


def missing_note(card, there):
    """What a user should know of the bands that are missing."""
    gone = [band for band in card["bands"] if band not in there]
    wider = [(len(names.split()), lost) for names, lost in card["without"].items()]
    wider = [
        each
        for each, names in zip(wider, card["without"], strict=True)
        if set(gone) <= set(names.split())
    ]
    text = f"has no {', '.join(gone)}; the network does without"
    if not wider:
        return f"{text}, and what that costs was not measured"
    return f"{text}, which costs about {min(wider)[1]:.1f} points of accuracy on simulated series"


def with_absent(series, there, bands):
    """Series (N, C', T) of the bands `there` -> (N, C, T) of `bands`, the others not observed.

    Not observed is NaN in floating point, else NO_OBSERVATION.
    """
    if tuple(there) == tuple(bands):
        return series
    missing = np.nan if series.dtype.kind == "f" else NO_OBSERVATION
    shape = (len(series), len(bands), series.shape[2])
    whole = np.full(shape[::-1], missing, series.dtype).T  # as windows are: (T, C, N) in memory
    for number, band in enumerate(there):
        whole[:, list(bands).index(band)] = series[:, number]
    return whole
