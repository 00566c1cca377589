"""The stack that a map was made from: series and image chips around points."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mapping.absent import FEWEST
from mapping.source import MissingBands
from mapping.stack import open_stack
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError


def open_stack_of(chosen, path=None):
    """Open the stack of a map, or `path`; raises InputError where it is gone or another area's."""
    path = path or chosen.settings.get("stack")
    if not path:
        raise InputError(f"{chosen.folder}: config.json names no stack; expected --stack")
    if not Path(path).exists():
        raise InputError(
            f"{path}: the stack of {chosen.folder} is not there; expected --stack, or --no-page"
        )
    stack = as_for_map(path, chosen)
    if tuple(stack.geobox.shape) != tuple(chosen.header.shape):
        height, width = stack.geobox.shape
        raise InputError(
            f"{path}: found {width} x {height} pixels, expected "
            f"{chosen.header.shape[1]} x {chosen.header.shape[0]}: the map's"
        )
    if stack.months[0] > chosen.months[0] or stack.months[-1] < chosen.months[-1]:
        raise InputError(
            f"{path}: covers {stack.months[0]} to {stack.months[-1]}, expected "
            f"{chosen.months[0]} to {chosen.months[-1]}: the map's months"
        )
    return stack


def as_for_map(path, chosen):
    """Open a stack with the bands that it has, its numbers read as they were for the map."""
    settings = chosen.settings
    reading = {
        "first_month": settings.get("first month", str(chosen.months[0])),
        "nodata": tuple(settings.get("nodata") or ()),
    }
    try:
        stack = open_stack(path, bands=BANDS, **reading)
    except MissingBands as error:
        if len(error.there) < FEWEST:
            raise
        stack = open_stack(path, bands=error.there, **reading)
    scale, steps = settings.get("scale") or (), settings.get("offset") or {}
    if len(scale) == 1:
        stack = replace(stack, scale=np.full_like(stack.scale, scale[0]))
    for month, row in steps.items():  # each holds from its month on, so the last one wins
        later = stack.source.months >= np.datetime64(month, "M")
        stack = replace(stack, offset=np.where(later[:, None], np.mean(row), stack.offset))
    return stack


def chip(stack, months, row, column, side):
    """Reflectance around a pixel: (T, C, side, side) float32, NaN = no observation or outside.

    side: pixels, odd; the pixel itself lies in the middle.
    """
    height, width = stack.geobox.shape
    half = side // 2
    steps = (months - stack.months[0]).astype(int)
    rows = slice(max(0, row - half), min(height, row + half + 1))
    columns = slice(max(0, column - half), min(width, column + half + 1))
    values = stack.read(rows, columns, steps)
    whole = np.full((*values.shape[:2], side, side), np.nan, np.float32)
    down, right = rows.start - (row - half), columns.start - (column - half)
    inside = np.where(values == NO_OBSERVATION, np.nan, values)
    whole[:, :, down : down + values.shape[2], right : right + values.shape[3]] = inside
    return whole


def inside(stack, row, column, side):
    """Which pixels of a chip lie in the stack: (side, side) bool."""
    height, width = stack.geobox.shape
    rows, columns = (np.arange(at - side // 2, at + side // 2 + 1) for at in (row, column))
    there = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    return there[0][:, None] & there[1]
