"""Change events: neighbouring pixels with one transition at nearly one month.

Two changes belong together where their pixels share a side, their transition is the same, and their
months are at most one apart. So an event may begin at one edge some months before it reaches the
other. A pixel that makes one transition twice within such a chain would count twice: the chain is
then cut into events of a single month each.

The area is looked at tile by tile. What touches a tile's edge is joined by the changes along the
edges alone. So no event is cut there. Memory grows with the number of events, not with the area.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mapping.mosaic import TILE
from mapping.neighbours import (
    CLASSES,
    MONTHS,
    joined,
    kind_of,
    number_events,
    pixel_in_area,
    renumber,
)
from mapping.pixels import Changes
from mapping.windows import windows_of


class Events(NamedTuple):
    """One entry for each event, in order of its first month, then of its first pixel, row by row.

    from_class, to_class; first, median, last: index of its months; pixels; area: square
    millimetres; confidence: percent, mean over its pixels; following: index of the event that most
    of its pixels take part in next, -1 = none.
    """

    from_class: np.ndarray
    to_class: np.ndarray
    first: np.ndarray
    median: np.ndarray
    last: np.ndarray
    pixels: np.ndarray
    area: np.ndarray
    confidence: np.ndarray
    following: np.ndarray


@dataclass(frozen=True)
class Store:
    """Changes of each tile, and what is found out about them, in files of a work folder."""

    folder: Path
    tiles: tuple
    width: int  # of the area, pixels

    def save(self, tile, **arrays):
        for name, values in arrays.items():
            np.save(self.folder / f"{tile.name}.{name}.npy", values)

    def load(self, tile, name):
        return np.load(self.folder / f"{tile.name}.{name}.npy")

    def changes(self, tile):
        return Changes(*(self.load(tile, name) for name in Changes._fields))


def store_of(folder, shape):
    """An empty Store in a folder, for an area of `shape` (rows, columns)."""
    return Store(Path(folder), tuple(windows_of(shape, (TILE, TILE))), shape[1])


def find_events(store, row_area, smallest=0):
    """Events of at least `smallest` square millimetres; row_area (Y,) int64: area of a pixel.

    Also keeps, for each tile, the event of each of its changes ('event', -1 = too small).
    """
    near, same = joined(store)
    count = number_events(store, near, same)
    return describe(store, row_area, smallest, count)


def describe(store, row_area, smallest, count):
    """Events of the area; gives the changes the numbers of their events, -1 = too small."""
    found = added_up(store, row_area, count)
    median = median_months(store, found)
    kept = np.flatnonzero(found.area >= smallest)
    by_month_and_place = np.lexsort((found.start[kept], found.first[kept]))
    order = kept[by_month_and_place]
    number = np.full(count, -1, np.int32)
    number[order] = np.arange(len(order))
    renumber(store, number)
    from_class, to_class = np.divmod(found.kind[order], CLASSES)
    pixels = found.pixels[order]
    return Events(
        from_class,
        to_class,
        found.first[order],
        median[order],
        found.last[order],
        pixels,
        found.area[order],
        found.confidence[order] / pixels,
        following(store, pixels),
    )


class Sums(NamedTuple):
    """What is added up over the changes of each event, before the events are in order.

    kind: see `kind_of`; first, last: index of its months; start: its first pixel in the area, row
    by row; pixels; area: square millimetres; confidence: percent, sum over its pixels.
    """

    kind: np.ndarray
    first: np.ndarray
    last: np.ndarray
    start: np.ndarray
    pixels: np.ndarray
    area: np.ndarray
    confidence: np.ndarray


def added_up(store, row_area, count):
    """The Sums of `count` events."""
    whole = [np.zeros(count, np.int64) for _ in range(2)]
    found = Sums(
        kind=np.zeros(count, np.int16),
        first=np.full(count, MONTHS, np.int16),
        last=np.zeros(count, np.int16),
        start=np.full(count, np.iinfo(np.int64).max),
        pixels=np.zeros(count, np.int32),
        area=whole[0],
        confidence=whole[1],
    )
    for tile in store.tiles:
        changes = store.changes(tile)
        event = store.load(tile, "event")
        month = changes.month.astype(np.int16)
        pixel = pixel_in_area(changes.pixel, tile, store.width)
        found.kind[event] = kind_of(changes)
        np.minimum.at(found.first, event, month)
        np.maximum.at(found.last, event, month)
        np.minimum.at(found.start, event, pixel)
        np.add.at(found.pixels, event, np.ones(len(event), np.int32))
        np.add.at(found.area, event, row_area[pixel // store.width])
        np.add.at(found.confidence, event, changes.confidence.astype(np.int64))
    return found


def median_months(store, found):
    """Median month of each event; of an even number of pixels the earlier one. found: Sums."""
    longer = found.last > found.first  # than a month
    counts = [np.empty((0, 2), np.int64)]
    for tile in store.tiles:
        event = store.load(tile, "event")
        month = store.load(tile, "month")
        some = longer[event]
        names = event[some].astype(np.int64) * MONTHS + month[some]
        counts.append(np.stack(np.unique(names, return_counts=True), axis=1))
    names, pixels = np.concatenate(counts).T
    order = np.argsort(names)
    event, month = np.divmod(names[order], MONTHS)
    pixels = pixels[order]
    so_far = np.cumsum(pixels)
    starts = np.flatnonzero(np.diff(event, prepend=-1))
    before = so_far[starts] - pixels[starts]
    half = before + (found.pixels[event[starts]] + 1) // 2
    median = found.first.copy()
    median[event[starts]] = month[np.searchsorted(so_far, half)]
    return median


def following(store, pixels):
    """Event that follows each event on most of its pixels, the earlier one of equals; -1 = none.

    pixels: of each event.
    """
    found = np.full(len(pixels), -1, np.int32)
    counts = [np.empty((0, 2), np.int64)]
    for tile in store.tiles:
        event, after = next_pairs(store, tile)
        single = pixels[event] == 1
        found[event[single]] = after[single]
        names = event[~single] * len(pixels) + after[~single]
        counts.append(np.stack(np.unique(names, return_counts=True), axis=1))
    counts = np.concatenate(counts)
    names, place = np.unique(counts[:, 0], return_inverse=True)
    times = np.bincount(place, counts[:, 1], minlength=len(names))
    event, after = np.divmod(names, max(1, len(pixels)))
    order = np.lexsort((-after, times, event))  # the last of each event is its choice
    found[event[order]] = after[order]
    return found


def next_pairs(store, tile):
    """Event and next event of each change of a tile that another event follows."""
    pixel = store.load(tile, "pixel")
    event = store.load(tile, "event").astype(np.int64)
    kept = event >= 0
    pixel, event = pixel[kept], event[kept]
    order = np.argsort(pixel, kind="stable")  # the changes come month by month
    pixel, event = pixel[order], event[order]
    same = pixel[1:] == pixel[:-1]
    return event[:-1][same], event[1:][same]
