"""Which pixels are drawn: a simple random sample without replacement in each stratum.

The pixels of a stratum are numbered row by row over the whole raster. Numbers are drawn, and then
looked up. So the same seed draws the same pixels, however the raster is cut into tiles.
"""

import numpy as np

from assessing.grid import LABELS, tiles_of

CANDIDATES = 20  # for each training point that is kept, so that points can be spread by place


def draw(strata, chosen, counts, seed):
    """Draw `counts` (H,) pixels of each stratum: stratum, row and column, (n,) each.

    Returned in random order, so that a point's number says nothing of its stratum.
    """
    rng = np.random.default_rng(seed)
    ranks = [
        np.sort(rng.choice(int(pixels), int(count), replace=False))
        for pixels, count in zip(strata.pixels, counts)
    ]
    stratum = np.repeat(np.arange(len(counts)), counts)
    row, column = find(strata, chosen, stratum, np.concatenate(ranks))
    order = rng.permutation(len(stratum))
    return stratum[order], row[order], column[order]


def draw_spread(strata, chosen, counts, seed):
    """Draw like `draw`, but keep points of a stratum that lie far apart: no probability sample.

    Of some random candidates, each next point is the one farthest from those that are kept.
    """
    candidates = np.minimum(np.asarray(counts) * CANDIDATES, strata.pixels)
    stratum, row, column = draw(strata, chosen, candidates, seed)
    kept = [
        np.flatnonzero(stratum == number)[far_apart(row, column, stratum == number, count)]
        for number, count in enumerate(counts)
    ]
    order = np.random.default_rng(seed).permutation(np.concatenate(kept))
    return stratum[order], row[order], column[order]


def far_apart(row, column, members, count):
    """Positions of `count` of the members, each the farthest from the ones before."""
    places = np.column_stack([row, column])[members].astype(float)
    picked = []
    distance = np.full(len(places), np.inf)
    for _ in range(count):
        newest = int(distance.argmax())
        picked.append(newest)
        distance = np.minimum(distance, np.hypot(*(places - places[newest]).T))
        distance[newest] = -1
    return np.array(picked, int)


def find(strata, chosen, stratum, rank):
    """Row and column of the pixels with these numbers among their stratum's, (n,) each."""
    before = strata.per_row.cumsum(axis=0)  # (Y, H) pixels up to the end of each row
    row, within = np.empty(len(rank), np.int64), np.empty(len(rank), np.int64)
    for number in np.unique(stratum):
        mine = stratum == number
        row[mine] = np.searchsorted(before[:, number], rank[mine], side="right")
        within[mine] = rank[mine] - (before - strata.per_row)[row[mine], number]
    column = np.full(len(rank), -1, np.int64)
    passed = np.zeros(len(rank), np.int64)  # pixels of the stratum left of the tile, in this row
    for tile in tiles_of(chosen.folder / LABELS):
        here = (row >= tile.row) & (row < tile.row + tile.height)
        if not here.any():
            continue
        members = strata.codes_of(tile)[row[here] - tile.row] == stratum[here][:, None]
        number = members.cumsum(axis=1) + passed[here][:, None]
        found = members & (number == within[here][:, None] + 1)
        column[here] = np.where(found.any(axis=1), tile.column + found.argmax(axis=1), column[here])
        passed[here] = number[:, -1]
    return row, column
