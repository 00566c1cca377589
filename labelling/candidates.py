"""Which pixels are worth reading: chosen from the products alone, window by window.

Memory does not grow with the area: of each kind of pixel only the best so far are kept.
"""

from dataclasses import dataclass

import numpy as np

from stacks.products import ProductReader

MOST_PIXELS = 1 << 18  # read at once


@dataclass(frozen=True)
class Candidates:
    """Pixels (N,): row, column; product classes (N, P); edge (N, P) bool: a neighbour differs."""

    row: np.ndarray
    column: np.ndarray
    classes: np.ndarray
    edge: np.ndarray
    stratum: np.ndarray
    found: np.ndarray  # (strata,) pixels of each stratum in the whole area
    disagreed: int  # pixels of the area whose products disagree in each of their years

    def __len__(self):
        return len(self.row)


def find_candidates(products, stack, classes, samples, *, seed=0):
    """Return the Candidates, up to `samples` of them, spread over kinds, classes and the area.

    A pixel belongs to one stratum: it keeps its class; it changes once from one class to another
    and stays so; or its products say something else (a class for one year, or a year without
    product). Every stratum gets the same share; what a rare stratum leaves, the others get. Within
    a stratum, pixels in the middle of their class come before those at an edge.
    """
    height, width = stack.geobox.shape
    size = max(1, min(height, (1 << 20) // width))
    strata = classes * classes + classes
    best = [[] for _ in range(strata)]
    found = np.zeros(strata, np.int64)
    with_class = 0
    rng = np.random.default_rng(seed)
    with ProductReader(products, stack) as reader:
        for top in range(0, height, size):
            bottom = min(height, top + size)
            first, last = max(0, top - 1), min(height, bottom + 1)  # with a row around
            block = reader.read(slice(first, last), slice(0, width))
            inner = slice(top - first, bottom - first)
            window = window_candidates(block, inner, first, products, classes, rng)
            keep_best(best, found, window, samples)
            with_class += (block[:, inner] >= 0).any(axis=0).sum()
    table = assembled(best, samples, len(products))
    return Candidates(**table, found=found, disagreed=int(with_class - found.sum()))


def window_candidates(block, inner, first_row, products, classes, rng):
    """Table of the labelled pixels of a window, as arrays of one length."""
    width = block.shape[2]
    edge = edges(block)[:, inner].reshape(len(block), -1)  # (P, pixels)
    says = block[:, inner].reshape(len(block), -1)
    yearly = one_a_month(says, [each.month for each in products])
    stratum = stratum_of(yearly, classes)  # (pixels,)
    pixels = np.flatnonzero(stratum >= 0)
    row, column = np.divmod(pixels, width)
    at_edge = edge[:, pixels].T
    return {
        "row": row + first_row + inner.start,
        "column": column,
        "classes": says[:, pixels].T,
        "edge": at_edge,
        "stratum": stratum[pixels],
        # Low keys are kept: chance, after what lies in the middle of its class.
        "key": rng.random(len(pixels)) + at_edge.mean(axis=1),
    }


def edges(block):
    """Whether one of the four neighbours has another class: (P, y, x) int8 -> bool."""
    out = np.zeros(block.shape, bool)
    for axis in (1, 2):  # one below the other, then side by side
        classes = np.moveaxis(block, axis, 0)
        at_edge = np.moveaxis(out, axis, 0)  # a view: what is set here is set in `out`
        before, after = classes[:-1], classes[1:]
        differ = before != after
        differ &= before >= 0
        differ &= after >= 0
        at_edge[:-1] |= differ
        at_edge[1:] |= differ
    return out


def one_a_month(classes, months):
    """Class of each month that has a product: (P, N) -> (M, N), -1 where its products disagree."""
    out = []
    months = np.asarray(months)
    for month in np.unique(months):
        same = classes[months == month]
        high = same.max(axis=0)
        low = np.where(same < 0, high, same).min(axis=0)
        out.append(np.where(low == high, high, -1))
    return np.stack(out).astype(np.int8)


def stratum_of(yearly, classes):
    """Stratum of each pixel from its classes (M, N): from * classes + to, or classes^2 + last class
    for what is neither stable nor one lasting change; -1 without any class.
    """
    known = yearly >= 0
    years = known.sum(axis=0)
    first = previous = first_class(yearly)
    last = first_class(yearly[::-1])
    changes = np.zeros(len(first), np.int64)
    for layer in yearly:
        here = np.where(layer >= 0, layer, previous)
        changes += here != previous
        previous = here
    plain = changes <= 1
    if len(yearly) > 1:
        plain &= years >= 2
    other = classes * classes + last
    stratum = np.where(plain, first * classes + last, other)
    return np.where(years > 0, stratum, -1)


def first_class(yearly):
    """The first class of each pixel, (M, N) -> (N,) int64, -1 where it has none."""
    month = (yearly >= 0).argmax(axis=0)
    return yearly[month, np.arange(len(month))].astype(np.int64)


def keep_best(best, found, window, samples):
    """Add the window's pixels to the best of each stratum, at most `samples` in each."""
    stratum = window["stratum"]
    for number in np.unique(stratum):
        rows = np.flatnonzero(stratum == number)
        found[number] += len(rows)
        part = rows_of(window, rows)
        if best[number]:
            part = joined([best[number], part])
        best[number] = smallest(part, samples)


def rows_of(part, rows):
    """The rows of a table."""
    return {name: array[rows] for name, array in part.items()}


def joined(parts):
    """Tables of the same columns, one below the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def smallest(part, count):
    """The rows of the `count` smallest keys."""
    if len(part["key"]) <= count:
        return part
    return rows_of(part, np.argpartition(part["key"], count)[:count])


def assembled(best, samples, products):
    """Table of the best of each stratum, `samples` in all."""
    there = [len(part["key"]) if part else 0 for part in best]
    shares = even_shares(there, samples)
    parts = [smallest(part, share) for part, share in zip(best, shares) if part]
    table = joined(parts) if parts else no_pixels(products)
    del table["key"]
    return table


def no_pixels(products):
    """The table of an area where no product says anything."""
    none = np.zeros(0, np.int64)
    classes = np.zeros((0, products), np.int8)
    table = {"row": none, "column": none, "classes": classes, "edge": classes > 0}
    return table | {"stratum": none, "key": none}


def even_shares(there, total):
    """How many to take of each: all alike, and no more than there are. (S,) -> (S,)."""
    there = np.asarray(there)
    level_low, level_high = 0, int(there.max(initial=0))
    while level_low < level_high:  # the highest level that does not take more than `total`
        level = (level_low + level_high + 1) // 2
        if np.minimum(there, level).sum() <= total:
            level_low = level
        else:
            level_high = level - 1
    taken = np.minimum(there, level_low)
    more = np.flatnonzero(there > level_low)[: max(0, total - taken.sum())]
    taken[more] += 1
    return taken


def read_pixels(stack, row, column):
    """Series (N, C, T) int16 of pixels, read block by block as the stack is stored."""
    out = np.empty((len(row), len(stack.bands), len(stack.months)), np.int16)
    for pixels in in_blocks(row, column, *block_size(stack)):
        here, there = row[pixels], column[pixels]
        top, left = here.min(), there.min()
        rows = slice(int(top), int(here.max()) + 1)
        columns = slice(int(left), int(there.max()) + 1)
        values = stack.read(rows, columns)  # (T, C, y, x)
        values = values[:, :, here - top, there - left]  # (T, C, pixels)
        out[pixels] = values.transpose(2, 1, 0)
    return out


def block_size(stack):
    """Rows and columns of the blocks to read: as the stack is stored, but not too large."""
    height, width = stack.geobox.shape
    down, right = stack.source.chunk
    down = min(down, height)
    right = min(right, width)
    while down * right > MOST_PIXELS and down > 1:
        down = -(-down // 2)
    return down, right


def in_blocks(row, column, down, right):
    """Numbers of the pixels of each block of `down` rows and `right` columns that holds any."""
    block_row, block_column = row // down, column // right
    across = block_column.max() + 1
    block = block_row * across + block_column
    order = np.argsort(block, kind="stable")
    new = np.diff(block[order]) > 0
    return np.split(order, np.flatnonzero(new) + 1)
