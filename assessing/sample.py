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
    sizes = strata.pixels.tolist()
    for pixels, count in zip(sizes, counts):
        drawn = rng.choice(pixels, count, replace=False)
        drawn.sort()
        ranks.append(drawn)
    rank = np.concatenate(ranks)
    numbers = np.arange(len(counts))
    stratum = np.repeat(numbers, counts)
    row, column = find(strata, chosen, stratum, rank)
    order = rng.permutation(len(stratum))
    return stratum[order], row[order], column[order]


def draw_spread(strata, chosen, counts, seed):
    """Draw like `draw`, but keep points of a stratum that lie far apart: no probability sample.

    Of some random candidates, each next point is the one farthest from those that are kept.
    """
    counts = np.asarray(counts)
    candidates = np.minimum(CANDIDATES * counts, strata.pixels)
    stratum, row, column = draw(strata, chosen, candidates, seed)
    places = np.column_stack([row, column])
    kept = []
    for number, count in enumerate(counts):
        members = np.flatnonzero(stratum == number)
        spread = far_apart(places[members], count)
        kept.append(members[spread])
    rng = np.random.default_rng(seed)
    kept = np.concatenate(kept)
    order = rng.permutation(kept)
    return stratum[order], row[order], column[order]


def far_apart(places, count):
    """Positions of `count` of the places (n, 2), each the farthest from the ones before."""
    picked = []
    distance = np.full(len(places), np.inf)  # of each place from the nearest one picked
    for _ in range(count):
        newest = int(distance.argmax())
        picked.append(newest)
        apart = places - places[newest]
        from_newest = np.hypot(*apart.T)
        distance = np.minimum(distance, from_newest)
        distance[newest] = -1
    return np.array(picked, int)


def find(strata, chosen, stratum, rank):
    """Row and column of the pixels with these numbers among their stratum's, (n,) each."""
    row, left = find_rows(strata, stratum, rank)
    column = np.empty_like(rank)
    path = chosen.folder / LABELS
    for tile in tiles_of(path):  # from left to right in each row
        down = row - tile.row
        inside = (down >= 0) & (down < tile.height)
        if not inside.any():
            continue
        codes = strata.codes_of(tile)
        for point in np.flatnonzero(inside):
            in_row = codes[down[point]]
            members = np.flatnonzero(in_row == stratum[point])
            place = left[point]
            if 0 <= place < len(members):
                column[point] = tile.column + members[place]
            left[point] -= len(members)
    return row, column


def find_rows(strata, stratum, rank):
    """Row of each numbered pixel, and how many pixels of its stratum lie left of it there."""
    row = np.empty_like(rank)
    left = np.empty_like(rank)
    for number in np.unique(stratum):
        mine = stratum == number
        ranks = rank[mine]
        in_row = strata.per_row[:, number]
        up_to = in_row.cumsum()  # the end of each row
        rows = np.searchsorted(up_to, ranks, side="right")
        before = up_to - in_row
        row[mine] = rows
        left[mine] = ranks - before[rows]
    return row, left
