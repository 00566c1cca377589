"""Change events: neighbouring pixels with one transition at nearly one month.

Two changes belong together where their pixels share a side, their transition is the same, and their
months are at most one apart. So an event may begin at one edge some months before it reaches the
other. A pixel that makes one transition twice within such a chain would count twice: the chain is
then cut into events of a single month each.

The area is looked at tile by tile. What touches a tile's edge is joined by the changes along the
edges alone, so no event is cut there, and memory does not grow with the area's pixels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mapping.mosaic import TILE
from mapping.neighbours import APART, CLASSES, MONTHS, joined, kind_of, number_events
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
    near = joined(store, "near", APART)
    same = joined(store, "same", 0)
    number_events(store, near, same)
    return describe(store, row_area, smallest)


class Shares(NamedTuple):
    """What a tile holds of an event in a month, one entry for each event and month.

    pixels; area: square millimetres; confidence: sum over the pixels; start: its first pixel in the
    area, row by row; kind: see `kind_of`.
    """

    event: np.ndarray
    month: np.ndarray
    pixels: np.ndarray
    area: np.ndarray
    confidence: np.ndarray
    start: np.ndarray
    kind: np.ndarray


def describe(store, row_area, smallest):
    """Events of the area; renumbers those of the changes, -1 = too small."""
    tiles = [shares_of(store, tile, row_area) for tile in store.tiles]
    shares = Shares(*(np.concatenate(column) for column in zip(*tiles)))
    events, place = np.unique(shares.event, return_inverse=True)
    count = len(events)
    pixels = summed(shares.pixels, place, count)
    area = summed(shares.area, place, count)
    sure = summed(shares.confidence, place, count)
    first = least(shares.month, place, count)
    start = least(shares.start, place, count)
    median, last = middle_and_last(shares, place, pixels)
    kind = np.zeros(count, np.int64)
    kind[place] = shares.kind
    kept = np.flatnonzero(area >= smallest)
    order = kept[np.lexsort((start[kept], first[kept]))]
    renumber(store, events, order)
    return Events(
        kind[order] // CLASSES,
        kind[order] % CLASSES,
        first[order],
        median[order],
        last[order],
        pixels[order],
        area[order],
        sure[order] / pixels[order],
        following(store, len(order)),
    )


def shares_of(store, tile, row_area):
    """The Shares of a tile."""
    changes, events = store.changes(tile), store.load(tile, "event")
    row, column = np.divmod(changes.pixel.astype(np.int64), tile.width)
    row, column = row + tile.top, column + tile.left
    names = events.astype(np.int64) * MONTHS + changes.month
    unique, index, place = np.unique(names, return_index=True, return_inverse=True)
    event, month = np.divmod(unique, MONTHS)
    count = len(unique)
    return Shares(
        event,
        month,
        pixels=np.bincount(place, minlength=count),
        area=summed(row_area[row], place, count),
        confidence=summed(changes.confidence, place, count),
        start=least(row * store.width + column, place, count),
        kind=kind_of(changes)[index],
    )


def summed(values, place, count):
    """Sum of the values at each of `count` places, in whole numbers."""
    total = np.zeros(count, np.int64)
    np.add.at(total, place, values)
    return total


def least(values, place, count):
    """Smallest value at each of `count` places."""
    found = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(found, place, values)
    return found


def renumber(store, events, order):
    """Give the changes of each tile the place of their event in `order`, -1 = not in it."""
    number = np.full(len(events), -1)
    number[order] = np.arange(len(order))
    for tile in store.tiles:
        old = store.load(tile, "event")
        store.save(tile, event=number[np.searchsorted(events, old)])


def middle_and_last(shares, place, pixels):
    """Median and last month of each event; of an even number of pixels the earlier median."""
    order = np.lexsort((shares.month, place))
    at, month, count = place[order], shares.month[order], shares.pixels[order]
    last = np.zeros(len(pixels), np.int64)
    np.maximum.at(last, at, month)
    if len(pixels) == 0:
        return last, last
    starts = np.searchsorted(at, np.arange(len(pixels)))
    so_far = np.cumsum(count)
    before = so_far[starts] - count[starts]
    half = before + (pixels + 1) // 2
    return month[np.searchsorted(so_far, half)], last


def following(store, count):
    """Event that follows each event on most of its pixels, the earlier one of equals; -1 = none."""
    pairs = [np.empty((0, 2), np.int64)]
    for tile in store.tiles:
        names, times = np.unique(next_pairs(store, tile, count), return_counts=True)
        pairs.append(np.stack([names, times], axis=1))
    pairs = np.concatenate(pairs)
    names, place = np.unique(pairs[:, 0], return_inverse=True)
    times = np.bincount(place, pairs[:, 1], minlength=len(names)).astype(np.int64)
    event, after = np.divmod(names, max(1, count))
    order = np.lexsort((-after, times, event))  # the last of each event is its choice
    found = np.full(count, -1)
    found[event[order]] = after[order]
    return found


def next_pairs(store, tile, count):
    """event x count + next event, for each change of a tile that another event follows."""
    pixel, month, event = (store.load(tile, name) for name in ("pixel", "month", "event"))
    kept = event >= 0
    pixel, month, event = pixel[kept], month[kept], event[kept].astype(np.int64)
    order = np.lexsort((month, pixel))
    pixel, event = pixel[order], event[order]
    same = pixel[1:] == pixel[:-1]
    return event[:-1][same] * count + event[1:][same]
