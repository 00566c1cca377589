"""Which pixels are worth reading: chosen from the products alone, window by window.

Memory does not grow with the area: of each kind of pixel only the best so far are kept.
"""

from dataclasses import dataclass

import numpy as np

from stacks.products import ProductReader


@dataclass(frozen=True)
class Candidates:
    """Pixels (N,): row, column; product classes (N, P); edge (N, P) bool: a neighbour differs."""

    row: np.ndarray
    column: np.ndarray
    classes: np.ndarray
    edge: np.ndarray
    stratum: np.ndarray
    found: np.ndarray  # (strata,) pixels of each stratum in the whole area

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
    rng = np.random.default_rng(seed)
    with ProductReader(products, stack) as reader:
        for top in range(0, height, size):
            rows = slice(max(0, top - 1), min(height, top + size + 1))  # with a row around
            block = reader.read(rows, slice(0, width))
            inner = slice(top - rows.start, min(height, top + size) - rows.start)
            window = window_candidates(block, inner, rows.start, products, classes, rng)
            keep_best(best, found, window, samples)
    return assembled(best, found, samples, len(products))


def window_candidates(block, inner, first_row, products, classes, rng):
    """Table of the labelled pixels of a window, as arrays of one length."""
    edge = edges(block)[:, inner]
    block = block[:, inner]
    yearly = one_a_month(block.reshape(len(block), -1), [each.month for each in products])
    stratum = stratum_of(yearly, classes)  # (pixels,)
    pixels = np.flatnonzero(stratum >= 0)
    row, column = np.divmod(pixels, block.shape[2])
    at_edge = edge.reshape(len(edge), -1)[:, pixels].T
    return {
        "row": row + first_row + inner.start,
        "column": column,
        "classes": block.reshape(len(block), -1)[:, pixels].T,
        "edge": at_edge,
        "stratum": stratum[pixels],
        # Low keys are kept: chance, after what lies in the middle of its class.
        "key": rng.random(len(pixels)) + at_edge.mean(axis=1),
    }


def edges(block):
    """Whether one of the four neighbours has another class: (P, y, x) int8 -> bool."""
    out = np.zeros(block.shape, bool)
    for axis in (1, 2):
        first, second = [slice(None)] * 3, [slice(None)] * 3
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        first, second = tuple(first), tuple(second)
        differ = (block[first] != block[second]) & (block[first] >= 0) & (block[second] >= 0)
        out[first] |= differ
        out[second] |= differ
    return out


def one_a_month(classes, months):
    """Class of each month that has a product: (P, N) -> (M, N), -1 where its products disagree."""
    out = []
    for month in sorted(set(months)):
        same = classes[[i for i, each in enumerate(months) if each == month]]
        high = same.max(axis=0)
        agree = np.where(same < 0, high, same).min(axis=0) == high
        out.append(np.where(agree, high, -1))
    return np.stack(out).astype(np.int8)


def stratum_of(yearly, classes):
    """Stratum of each pixel from its classes (M, N): from * classes + to, or classes^2 + last class
    for what is neither stable nor one lasting change; -1 without any class.
    """
    known = yearly >= 0
    first = np.take_along_axis(yearly, known.argmax(axis=0)[None], 0)[0].astype(np.int64)
    last_at = len(yearly) - 1 - known[::-1].argmax(axis=0)
    last = np.take_along_axis(yearly, last_at[None], 0)[0].astype(np.int64)
    changes = np.zeros(yearly.shape[1], np.int64)
    previous = first.copy()
    for layer in yearly:
        changes += (layer >= 0) & (layer != previous)
        previous = np.where(layer >= 0, layer, previous)
    plain = (changes <= 1) & ((known.sum(axis=0) >= 2) | (len(yearly) == 1))
    stratum = np.where(plain, first * classes + last, classes * classes + last)
    return np.where(known.any(axis=0), stratum, -1)


def keep_best(best, found, window, samples):
    """Add the window's pixels to the best of each stratum, at most `samples` in each."""
    order = np.argsort(window["stratum"], kind="stable")
    stratum = window["stratum"][order]
    for number in np.unique(stratum):
        low, high = np.searchsorted(stratum, [number, number + 1])
        found[number] += high - low
        part = {name: array[order[low:high]] for name, array in window.items()}
        if best[number]:
            part = {name: np.concatenate([best[number][name], part[name]]) for name in part}
        best[number] = smallest(part, samples)


def smallest(part, count):
    """The rows of the `count` smallest keys."""
    if len(part["key"]) <= count:
        return part
    rows = np.argpartition(part["key"], count)[:count]
    return {name: array[rows] for name, array in part.items()}


def assembled(best, found, samples, products):
    """Candidates from the best of each stratum, `samples` in all."""
    there = [len(part["key"]) if part else 0 for part in best]
    parts = [
        smallest(part, count) for part, count in zip(best, even_shares(there, samples)) if part
    ]
    if not parts:
        none = np.zeros(0, np.int64)
        empty = np.zeros((0, products), np.int8)
        return Candidates(none, none, empty, empty > 0, none, found)
    names = ("row", "column", "classes", "edge", "stratum")
    return Candidates(*(np.concatenate([part[name] for part in parts]) for name in names), found)


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
    height, width = stack.geobox.shape
    down, right = (min(pair) for pair in zip(stack.source.chunk, (height, width)))
    while down * right > (1 << 18) and down > 1:
        down = -(-down // 2)
    out = np.empty((len(row), len(stack.bands), len(stack.months)), np.int16)
    block = (row // down) * (-(-width // right)) + column // right
    order = np.argsort(block, kind="stable")
    starts = np.flatnonzero(np.diff(block[order], prepend=-1))
    for low, high in zip(starts, [*starts[1:], len(order)]):
        some = order[low:high]
        rows = slice(int(row[some].min()), int(row[some].max()) + 1)
        columns = slice(int(column[some].min()), int(column[some].max()) + 1)
        values = stack.read(rows, columns)  # (T, C, y, x)
        out[some] = values[:, :, row[some] - rows.start, column[some] - columns.start].transpose(
            2, 1, 0
        )
    return out
