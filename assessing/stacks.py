"""The stack that a map was made from: series and image chips around points."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from stacks.absent import FEWEST
from stacks.source import MissingBands
from stacks.stack import open_stack
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
    offset = stack.offset.copy()
    for month, row in steps.items():  # each holds from its month on, so the last one wins
        later = stack.source.months >= np.datetime64(month, "M")
        offset[later] = np.mean(row)
    return replace(stack, offset=offset)


def chips(stack, months, rows, columns, side):
    """Reflectance around each of n pixels that lie close together, read from the stack at once.

    side: pixels, odd; the pixel itself lies in the middle. Yields n chips (T, C, side, side)
    float32, NaN = no observation or outside.
    """
    height, width = stack.geobox.shape
    steps = (months - stack.months[0]).astype(int)
    first, _ = cut(rows.min(), side, height)
    last, _ = cut(rows.max(), side, height)
    left, _ = cut(columns.min(), side, width)
    right, _ = cut(columns.max(), side, width)
    tall, wide = slice(first.start, last.stop), slice(left.start, right.stop)
    values = stack.read(tall, wide, steps)
    for row, column in zip(rows, columns):
        down, below = cut(row, side, height, tall.start)
        across, beside = cut(column, side, width, wide.start)
        seen = values[:, :, down, across]
        chip = np.full((*values.shape[:2], side, side), np.nan, np.float32)
        chip[:, :, below, beside] = np.where(seen == NO_OBSERVATION, np.nan, seen)
        yield chip


def cut(middle, side, length, origin=0):
    """Of a chip along one axis: which pixels of the stack, and where they lie in the chip.

    origin: first of the pixels that were read.
    """
    first = middle - side // 2
    start, stop = max(0, first), min(length, first + side)
    return slice(start - origin, stop - origin), slice(start - first, stop - first)


def inside(stack, row, column, side):
    """Which pixels of a chip lie in the stack: (side, side) bool."""
    height, width = stack.geobox.shape
    _, down = cut(row, side, height)
    _, right = cut(column, side, width)
    there = np.zeros((side, side), bool)
    there[down, right] = True
    return there
