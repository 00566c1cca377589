"""The weights of a map fitted to its own stack before anything is labelled: `map.py --adapt`.

Small tiles of pixels, spread evenly over the area however the windows are cut, teach the network
without any label (`training/adapt.py`). The work folder keeps the adapted weights, so that every
worker and `--resume` take the same; they end beside the map.
"""

import numpy as np

import models
from mapping.thinned import observed
from stacks.absent import with_absent
from training.adapt import adapt
from training.recipe import settings_of
from utils.errors import note

ADAPTED = "adapted.safetensors"
TILES, SIDE = 8, 8  # tiles along each side of the area; pixels along each side of a tile
FEWEST = 64  # series


def adapted_weights(parts, weights, net, stack, min_months):
    """Path of weights adapted to a Stack, made unless the unfinished map in `parts` has them.

    weights, net: those to start from. min_months: months with an observation that a series needs.
    Where fewer than FEWEST series have them, it is the path `weights`, and a note says so.
    """
    path = parts / ADAPTED
    if path.is_file() and any(parts.glob("*.npy")):  # finished windows are labelled by it
        return path
    series = spread_series(stack, min_months)
    if len(series) < FEWEST:
        note(f"{stack.path}: {len(series)} series found to adapt to, expected {FEWEST}: left out")
        return weights
    series = with_absent(series, stack.bands, net.card["bands"])
    print(f"adapting to {len(series):,} series of the stack")
    found = adapt(net, series, settings_of("adapting", net.card["network"]))
    models.save(path, found, adapted={"data": str(stack.path), "series": len(series)})
    return path


def spread_series(stack, min_months):
    """Series (N, C, T) of tiles spread over a Stack, those with observations enough."""
    rows, columns = (starts(size) for size in stack.geobox.shape)
    tiles = []
    for top in rows:
        for left in columns:
            down = slice(top, top + SIDE)
            across = slice(left, left + SIDE)
            block = stack.read(down, across)  # (T, C, y, x)
            usable = observed(block).sum(axis=0) >= min_months
            tiles.append(block[:, :, usable])
    return np.concatenate(tiles, axis=2).transpose(2, 1, 0)


def starts(size):
    """First pixels of the tiles along a side of `size` pixels."""
    step = max(SIDE, -(-size // TILES))
    return range((step - SIDE) // 2, size, step)
