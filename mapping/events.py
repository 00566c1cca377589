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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mapping.mosaic import TILE
from mapping.pixels import Changes
from mapping.windows import windows_of

APART = 1  # months between neighbouring changes of one event, at most
MONTHS = 256  # more than a map can have
CLASSES = 100  # more than a map can have


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


# ---------------------------------------------------------------- which changes belong together


def joined(store, name, apart):
    """Keep for each tile which group each of its changes is in; returns group -> event of the area.

    apart: months between neighbouring changes, at most.
    """
    count, borders = 0, []
    for tile in store.tiles:
        changes = store.changes(tile)
        groups = groups_of(changes, tile.width, apart) + count
        store.save(tile, **{name: groups})
        count = int(groups.max(initial=count - 1)) + 1
        borders.append(border_of(changes, groups, tile, store.width))
    border = np.concatenate([np.empty((0, 4), np.int64), *borders])
    links = neighbours(*border[:, :3].T, store.width, apart)
    ends = border[links, 3] if len(links) else np.empty((0, 2), np.int64)
    return components(ends, count)


def groups_of(changes, width, apart):
    """Group of each change within a tile of this width: (changes,) from 0."""
    links = neighbours(changes.pixel, kind_of(changes), changes.month, width, apart)
    return components(links, len(changes.pixel))


def kind_of(changes):
    """A number for each transition."""
    return changes.from_class.astype(np.int64) * CLASSES + changes.to_class


def components(links, count):
    """Number of the component that each of `count` nodes is in; links (L, 2)."""
    graph = coo_array((np.ones(len(links), bool), tuple(links.T)), shape=(count, count))
    return connected_components(graph, directed=False)[1] if count else np.empty(0, np.int32)


def neighbours(pixel, kind, month, width, apart):
    """Pairs (L, 2) of changes that belong together.

    pixel: index, row by row, in an area of this width. A pixel changes at most once in a month, so
    pixel and month name a change.
    """
    pixel, month = np.asarray(pixel, np.int64), np.asarray(month, np.int64)
    names = pixel * MONTHS + month
    order = np.argsort(names)
    ordered = names[order]
    found = [np.empty((0, 2), np.int64)]
    inner = np.flatnonzero(pixel % width < width - 1)
    every = np.arange(len(pixel))
    for here, step in ((inner, 1), (every, width)):
        for later in range(-apart, apart + 1):
            wanted = names[here] + step * MONTHS + later
            place = np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)
            there = order[place] if len(ordered) else place
            fits = (names[there] == wanted) & (kind[there] == kind[here])
            fits &= abs(month[there] - month[here]) <= apart
            found.append(np.stack([here[fits], there[fits]], axis=1))
    return np.concatenate(found)


def border_of(changes, groups, tile, width):
    """Changes at the edges of a tile: (B, 4) pixel in the area, kind, month, group."""
    row, column = np.divmod(changes.pixel, tile.width)
    edge = (row == 0) | (column == 0) | (row == tile.height - 1) | (column == tile.width - 1)
    pixel = (row + tile.top) * width + column + tile.left
    return np.stack([pixel, kind_of(changes), changes.month, groups], axis=1)[edge]


def number_events(store, near, same):
    """Keep the event of each change ('event'): near's, or same's where a pixel would count twice.

    near, same: group -> event, as `joined` gives them.
    """
    twice = np.zeros(near.max(initial=-1) + 1, bool)
    for tile in store.tiles:
        events = near[store.load(tile, "near")]
        twice[repeated(store.load(tile, "pixel"), events)] = True
    for tile in store.tiles:
        events = near[store.load(tile, "near")]
        apart = len(twice) + same[store.load(tile, "same")]
        store.save(tile, event=np.where(twice[events], apart, events))


def repeated(pixel, events):
    """Those of `events` in which a pixel occurs more than once."""
    order = np.lexsort((events, pixel))
    pixel, events = pixel[order], events[order]
    again = (pixel[1:] == pixel[:-1]) & (events[1:] == events[:-1])
    return events[1:][again]


# ---------------------------------------------------------------- what is said of each event


def describe(store, row_area, smallest):
    """Events of the area; renumbers those of the changes, -1 = too small."""
    tables = [table_of(store, tile, row_area) for tile in store.tiles]
    raw = np.concatenate([np.empty((0, 8), np.int64), *tables])  # event, month, then sums
    events, place = np.unique(raw[:, 0], return_inverse=True)
    count = len(events)
    pixels, area, sure = (np.zeros(count, np.int64) for _ in range(3))
    for total, column in ((pixels, 2), (area, 3), (sure, 4)):
        np.add.at(total, place, raw[:, column])
    first = np.full(count, MONTHS)
    np.minimum.at(first, place, raw[:, 1])
    start = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(start, place, raw[:, 5])
    kept = np.flatnonzero(area >= smallest)
    order = kept[np.lexsort((start[kept], first[kept]))]
    number = np.full(count, -1)
    number[order] = np.arange(len(order))
    for tile in store.tiles:
        old = store.load(tile, "event")
        store.save(tile, event=number[np.searchsorted(events, old)])
    median, last, kind = months_and_kind(raw, place, pixels)
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


def table_of(store, tile, row_area):
    """One row for each event and month of a tile: event, month, pixels, area, sum of confidence,
    first pixel in the area, kind, 0.
    """
    changes, events = store.changes(tile), store.load(tile, "event")
    row, column = np.divmod(changes.pixel, tile.width)
    names = events.astype(np.int64) * MONTHS + changes.month
    unique, index, place = np.unique(names, return_index=True, return_inverse=True)
    table = np.zeros((len(unique), 8), np.int64)
    table[:, 0], table[:, 1] = np.divmod(unique, MONTHS)
    np.add.at(table[:, 2], place, 1)
    np.add.at(table[:, 3], place, row_area[row + tile.top])
    np.add.at(table[:, 4], place, changes.confidence)
    table[:, 5] = np.iinfo(np.int64).max
    np.minimum.at(table[:, 5], place, (row + tile.top) * store.width + column + tile.left)
    table[:, 6] = kind_of(changes)[index]
    return table


def months_and_kind(raw, place, pixels):
    """Median and last month, and kind, of each event; of an even number the earlier median."""
    order = np.lexsort((raw[:, 1], place))
    at, month, count = place[order], raw[order, 1], raw[order, 2]
    starts = np.searchsorted(at, np.arange(len(pixels)))
    so_far = np.cumsum(count)
    before = so_far[starts] - count[starts] if len(starts) else so_far
    half = before + (pixels + 1) // 2
    median = month[np.searchsorted(so_far, half)] if len(starts) else month
    last = np.zeros(len(pixels), np.int64)
    np.maximum.at(last, at, month)
    kind = np.zeros(len(pixels), np.int64)
    kind[place] = raw[:, 6]
    return median, last, kind


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
