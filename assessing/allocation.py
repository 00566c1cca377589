"""How many points a sample needs, and how many of them each stratum gets."""

import numpy as np

from utils.errors import InputError

# What is expected of a map before anything is known of it: the share of the area of a stratum where
# the map is right. Olofsson et al. (2014, table 5) assume much the same.
STABLE_RIGHT, CHANGE_RIGHT = 0.9, 0.7


def expected_spread(changed, stable_right=STABLE_RIGHT, change_right=CHANGE_RIGHT):
    """Expected standard deviation of 'the map is right' in each stratum: (H,).

    changed (H,) bool: strata of change, where the map is right less often.
    """
    right = np.where(changed, change_right, stable_right)
    return np.sqrt(right * (1 - right))


def points_for_error(shares, spread, error):
    """Points that bring the standard error of the overall accuracy down to `error`.

    shares (H,): of the area; spread (H,). Olofsson et al. (2014), equation 13.
    """
    return int(np.ceil(((shares * spread).sum() / error) ** 2))


def allocate(points, pixels, spread, minimum):
    """Share `points` out among strata: (H,) int, by size times spread, with a minimum for each.

    pixels (H,): of each stratum; a stratum never gets more points than it has pixels. This is
    Neyman's allocation, which makes the variance of the overall accuracy smallest, with the minimum
    for rare strata that Olofsson et al. (2014, section 5.1.1) ask for. Raises InputError where the
    points do not suffice for the minimum.
    """
    lowest = np.minimum(minimum, pixels)
    if points < lowest.sum():
        raise InputError(
            f"--points: found {points}, expected at least {lowest.sum()}: "
            f"{minimum} for each of {len(pixels)} strata (see --minimum)"
        )
    points = min(points, int(pixels.sum()))
    wanted = pixels * spread
    given = lowest.astype(float)
    free = np.ones(len(pixels), bool)
    # Strata below their minimum or above their size are fixed there; the rest share what is left.
    while free.any():
        left = points - given[~free].sum()
        given[free] = left * shares_of(wanted[free])
        low, high = free & (given < lowest), free & (given > pixels)
        if low.any():
            given[low] = lowest[low]
            free &= ~low
        elif high.any():
            given[high] = pixels[high]
            free &= ~high
        else:
            break
    return rounded(given, points, pixels)


def shares_of(wanted):
    """Numbers as shares of their sum; equal shares where all are 0."""
    total = wanted.sum()
    return wanted / total if total > 0 else np.full(len(wanted), 1 / len(wanted))


def rounded(given, points, pixels):
    """Whole numbers with the sum `points`: the largest remainders are rounded up."""
    whole = np.floor(given + 1e-9).astype(int)
    order = np.argsort(whole - given, kind="stable")
    room = order[whole[order] < pixels[order]]
    whole[room[: points - whole.sum()]] += 1
    return whole
