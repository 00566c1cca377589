"""How unlike a series is to all that a network was trained on.

A network labels whatever it is given. What it says of land that training never saw is worth less,
and its own confidence does not tell. So the weights carry a summary of the training series: the
mean and the spread over the months of every band, in clusters. The unfamiliarity of a series is its
distance to the nearest cluster, as a multiple of the distance that holds 99 of 100 other training
series. Above 1 it is unlike them.
"""

import numpy as np

from utils.bands import NO_OBSERVATION

CLUSTERS = 96
ROUNDS = 12  # of k-means
HELD = 0.99  # share of the training series that are familiar
AT_ONCE = 20_000  # series
LONG, STRIDE = 48, 5  # months


def describe(x):
    """Mean and spread of each band over the months seen: (N, C, T) -> (N, 2 C), NaN if none is.

    Of four years and more every fifth month is enough: these are of all seasons.
    """
    months = np.moveaxis(np.asarray(x), 2, 0)[:: STRIDE if x.shape[2] >= LONG else 1]
    shape = x.shape[1::-1]  # (C, N), as windows of a map lie in memory
    count, total, square = (np.zeros(shape, np.float32) for _ in range(3))
    for month in months:
        values = month.T.astype(np.float32) / 1e4
        seen = values > NO_OBSERVATION / 1e4  # not NaN either
        values[~seen] = 0
        count += seen
        total += values
        square += values * values
    count[count == 0] = np.nan
    mean = total / count
    spread = np.sqrt(np.maximum(square / count - mean * mean, 0))
    return np.concatenate([mean, spread]).T


def learn(x, seed=0):
    """Summary of training series x (N, C, T) that goes into a card: clusters, and their reach."""
    found = describe(x)
    found = found[np.isfinite(found).all(axis=1)]
    centre, scale = found.mean(axis=0), found.std(axis=0) + 1e-6
    points = (found - centre) / scale
    points = np.random.default_rng(seed).permutation(points)
    points, held = points[::2], points[1::2]  # the other half measures how far the clusters reach
    clusters = points[:CLUSTERS].copy()
    for _ in range(ROUNDS):
        nearest = _squares(points, clusters).argmin(axis=1)
        for k in np.unique(nearest):
            clusters[k] = points[nearest == k].mean(axis=0)
    reach = np.quantile(np.sqrt(_squares(held, clusters).min(axis=1)), HELD)
    return {
        "centre": centre.round(5).tolist(),
        "scale": scale.round(5).tolist(),
        "clusters": clusters.round(2).tolist(),
        "reach": round(float(reach), 3),
    }


def unfamiliarity(net, x):
    """Unfamiliarity (N,) float32 of series x (N, C, T), or None where the weights cannot tell.

    Above 1 a series is unlike all that the network was trained on; NaN where no month was seen.
    Bands that are missing throughout are left out of the distance.
    """
    known = net.card.get("familiar")
    if known is None:
        return None
    clusters = np.array(known["clusters"], np.float32)
    out = np.empty(len(x), np.float32)
    for start in range(0, len(x), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        points = (describe(x[rows]) - known["centre"]) / known["scale"]
        there = np.isfinite(points)
        squares = _squares(np.where(there, points, 0), clusters, there)
        share = there.mean(axis=1)
        share[share == 0] = np.nan
        out[rows] = np.sqrt(squares.min(axis=1) / share) / known["reach"]
    return out


def _squares(points, clusters, there=None):
    """Squared distances (N, K) of points (N, D) to clusters (K, D), over the numbers `there`."""
    weight = np.ones_like(points) if there is None else there.astype(points.dtype)
    inner = points @ clusters.T
    total = np.square(points).sum(axis=1)[:, None] + weight @ np.square(clusters).T - 2 * inner
    return np.maximum(total, 0)
