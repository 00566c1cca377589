"""Which changes of neighbouring pixels belong together, also across the edges of tiles.

What touches a tile's edge is joined by the changes along the edges alone.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

APART = 1  # months between neighbouring changes of one event, at most
MONTHS = 256  # more than a map can have
CLASSES = 100  # more than a map can have


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
