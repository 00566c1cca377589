"""Which changes of neighbouring pixels belong together, also across the edges of tiles.

What touches a tile's edge is joined by the changes along the edges alone.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

APART = 1  # months between neighbouring changes of one event, at most
MONTHS = 256  # more than a map can have
CLASSES = 100  # more than a map can have


def joined(store):
    """Keep for each tile the two groups of each of its changes; returns two arrays, group -> event.

    Neighbours in the groups 'near' are at most APART months apart, those in the groups 'same' are
    of one month. Each array holds the event of the whole area that a group is a part of.
    """
    near_count = same_count = 0
    borders = [np.empty((0, 5), np.int64)]
    for tile in store.tiles:
        changes = store.changes(tile)
        kind = kind_of(changes)
        links = neighbours(changes.pixel, kind, changes.month, tile.width)
        near = near_count + components(links, len(kind))
        same = same_count + components(of_one_month(links, changes.month), len(kind))
        store.save(tile, near=near, same=same)
        near_count = near.max(initial=near_count - 1) + 1
        same_count = same.max(initial=same_count - 1) + 1
        at_edge = border_pixels(changes.pixel, tile)
        pixel = pixel_in_area(changes.pixel, tile, store.width)
        border = np.stack([pixel, kind, changes.month, near, same], axis=1)
        borders.append(border[at_edge])
    pixel, kind, month, near, same = np.concatenate(borders).T
    links = neighbours(pixel, kind, month, store.width)
    same_links = of_one_month(links, month)
    return components(near[links], near_count), components(same[same_links], same_count)


def kind_of(changes):
    """A number for each transition."""
    return changes.from_class.astype(np.int64) * CLASSES + changes.to_class


def of_one_month(links, month):
    """Those of the links (L, 2) whose two changes are of one month."""
    first, second = month[links].T
    return links[first == second]


def components(links, count):
    """Number of the component that each of `count` nodes is in; links (L, 2)."""
    if count == 0:
        return np.empty(0, np.int32)
    linked = np.ones(len(links), bool)
    graph = coo_array((linked, tuple(links.T)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def neighbours(pixel, kind, month, width):
    """Pairs (L, 2) of changes that belong together, at most APART months from each other.

    pixel: index, row by row, in an area of this width. A pixel changes at most once in a month, so
    pixel and month name a change.
    """
    names = pixel.astype(np.int64) * MONTHS + month
    order = np.argsort(names)
    names, kind = names[order], kind[order]
    column = pixel[order] % width
    every = np.arange(len(names))
    to_the_right = (1, every[column < width - 1])
    below = (width, every)
    found = [np.empty((0, 2), np.int64)]
    for step, here in (to_the_right, below):
        for later in range(-APART, APART + 1):
            wanted = names[here] + step * MONTHS + later
            there = np.searchsorted(names, wanted).clip(max=len(names) - 1)
            is_there = names[there] == wanted
            fits = is_there & (kind[there] == kind[here])
            pairs = np.stack([here[fits], there[fits]], axis=1)
            found.append(order[pairs])
    return np.concatenate(found)


def pixel_in_area(pixel, tile, width):
    """Index in an area of this width of the pixels of a tile; both row by row."""
    row, column = np.divmod(pixel.astype(np.int64), tile.width)
    return (row + tile.top) * width + column + tile.left


def border_pixels(pixel, tile):
    """Whether each pixel of a tile lies at its edge."""
    row, column = np.divmod(pixel, tile.width)
    at_side = (column == 0) | (column == tile.width - 1)
    return at_side | (row == 0) | (row == tile.height - 1)


def number_events(store, near, same):
    """Keep the event of each change ('event'); returns the number of events.

    near, same: group -> event, as `joined` gives them. An event is one of near, or one of same
    where a pixel would count twice.
    """
    twice = np.zeros(near.max(initial=-1) + 1, bool)
    for tile in store.tiles:
        events = near[store.load(tile, "near")]
        twice[repeated(store.load(tile, "pixel"), events)] = True
    of_one_month = same.max(initial=-1) + 1
    used = np.zeros(len(twice) + of_one_month, bool)
    for tile in store.tiles:
        events = near[store.load(tile, "near")]
        of_month = len(twice) + same[store.load(tile, "same")]
        events = np.where(twice[events], of_month, events)
        used[events] = True
        store.save(tile, event=events)
    place = np.cumsum(used, dtype=np.int32) - 1
    renumber(store, place)
    return np.count_nonzero(used)


def repeated(pixel, events):
    """Those of `events` in which a pixel occurs more than once."""
    pixels = pixel.max(initial=0) + 1
    names = np.sort(events.astype(np.int64) * pixels + pixel)
    again = names[1:] == names[:-1]
    return names[1:][again] // pixels


def renumber(store, number):
    """Give the changes of each tile the new number of their event; number: old -> new."""
    for tile in store.tiles:
        store.save(tile, event=number[store.load(tile, "event")])
