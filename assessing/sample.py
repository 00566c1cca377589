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
    ranks = []
    for pixels, count in zip(strata.pixels, counts):
        drawn = rng.choice(int(pixels), int(count), replace=False)
        ranks.append(np.sort(drawn))
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
    places = np.column_stack([row, column]).astype(float)
    kept = []
    for number, count in enumerate(counts):
        members = np.flatnonzero(stratum == number)
        kept.append(members[far_apart(places[members], count)])
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.concatenate(kept))
    return stratum[order], row[order], column[order]


def far_apart(places, count):
    """Positions of `count` of the places (n, 2), each the farthest from the ones before."""
    picked = []
    distance = np.full(len(places), np.inf)
    for _ in range(count):
        newest = int(distance.argmax())
        picked.append(newest)
        down, right = (places - places[newest]).T
        distance = np.minimum(distance, np.hypot(down, right))
        distance[newest] = -1
    return np.array(picked, int)


def find(strata, chosen, stratum, rank):
    """Row and column of the pixels with these numbers among their stratum's, (n,) each."""
    row, rank_in_row = find_rows(strata, stratum, rank)
    column = np.full(len(rank), -1, np.int64)
    passed = np.zeros(len(rank), np.int64)  # pixels of the stratum left of the tile, in this row
    for tile in tiles_of(chosen.folder / LABELS):
        here = np.flatnonzero((row >= tile.row) & (row < tile.row + tile.height))
        if len(here) == 0:
            continue
        lines = strata.codes_of(tile)[row[here] - tile.row]  # (points here, width)
        members = lines == stratum[here, None]
        number = members.cumsum(axis=1) + passed[here, None]
        wanted = rank_in_row[here, None] + 1
        found = members & (number == wanted)
        hit = found.any(axis=1)
        column[here[hit]] = tile.column + found[hit].argmax(axis=1)
        passed[here] = number[:, -1]
    return row, column


def find_rows(strata, stratum, rank):
    """Row of each numbered pixel, and its number among its stratum's pixels in that row."""
    row, rank_in_row = np.empty(len(rank), np.int64), np.empty(len(rank), np.int64)
    up_to = strata.per_row.cumsum(axis=0)  # (Y, H) pixels up to the end of each row
    for number in np.unique(stratum):
        mine = stratum == number
        ends = up_to[:, number]
        rows = np.searchsorted(ends, rank[mine], side="right")
        before = ends[rows] - strata.per_row[rows, number]
        row[mine] = rows
        rank_in_row[mine] = rank[mine] - before
    return row, rank_in_row
