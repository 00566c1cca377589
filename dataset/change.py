"""Land cover histories of the simulated set: which class covers how much of a pixel in which month.

The labelling rule: a change month is the first month in whose middle the new cover fills at least
half of the ground that the old and the new cover share.
"""

import numpy as np

from dataset.climate import MONTHS

CLASSES = ("water", "woodland", "grassland", "bare soil", "impervious surface", "cropland")
START = np.array([0.16, 0.19, 0.17, 0.12, 0.16, 0.20])  # class of the first month
NUMBER = np.array([0.50, 0.24, 0.14, 0.08, 0.04])  # chance of 0 to 4 transitions
SHORTEST = 3  # months between two changes

# Chance of the next class (columns) after a class (rows), in the order of CLASSES. Urban growth
# goes over bare soil (cleared land, then construction), so most chains pass through it; the other
# pairs are rarer but possible. Judgement.
NEXT = np.array(
    [
        [0.00, 0.03, 0.17, 0.58, 0.05, 0.17],  # water: filled in, dried out, drained
        [0.06, 0.00, 0.12, 0.55, 0.12, 0.15],  # woodland: cleared
        [0.06, 0.16, 0.00, 0.42, 0.18, 0.18],  # grassland
        [0.08, 0.12, 0.20, 0.00, 0.50, 0.10],  # bare soil: built up, greened, flooded
        [0.04, 0.06, 0.14, 0.74, 0.00, 0.02],  # impervious: torn down
        [0.12, 0.10, 0.14, 0.48, 0.16, 0.00],  # cropland: cleared, planted, turned to ponds
    ]
)
# Chance that the transition is gradual (3 to 12 months): growing trees, encroaching grass, filling
# reservoirs.
GRADUAL = np.full((6, 6), 0.05)
GRADUAL[:, 1] = 0.8
GRADUAL[:, 2] = 0.5
GRADUAL[:, 0] = 0.4
GRADUAL[0, :] = 0.4


def histories(rng, n):
    """Draw n histories: labels (n, T) int8, and each class's share of the pixel, (n, T, 6), months
    0 to T - 1.
    """
    number = rng.choice(NUMBER.size, size=n, p=NUMBER)
    months = np.arange(MONTHS)
    labels = np.empty((n, MONTHS), np.int8)
    shares = np.zeros((n, MONTHS, 6))
    for i in range(n):
        cover = [rng.choice(6, p=START)]
        for _ in range(number[i]):
            cover.append(rng.choice(6, p=NEXT[cover[-1]]))
        first = change_months(rng, number[i])
        # The moment of half and half lies before the middle of the first month.
        when = first - rng.uniform(0.02, 0.98, number[i])
        length = _lengths(rng, cover, when)
        ramps = (months - when[:, None]) / length[:, None] + 0.5
        ramps = np.clip(ramps, 0, 1)
        ramps = np.vstack([np.ones(MONTHS), ramps, np.zeros(MONTHS)])  # (number + 2, T)
        for k, c in enumerate(cover):
            shares[i, :, c] += ramps[k] - ramps[k + 1]
        changes_before = (months >= first[:, None]).sum(0)
        labels[i] = np.array(cover)[changes_before]
    return labels, shares


def _lengths(rng, cover, when):
    """Months that each change of a history takes, (number,): ramps of neighbours never overlap."""
    number = len(when)
    ends = np.concatenate([[-12], when, [MONTHS + 12]])
    gaps = np.diff(ends)
    room = np.minimum(gaps[:-1], gaps[1:])
    gradual = rng.random(number) < GRADUAL[cover[:-1], cover[1:]]
    slow = np.clip(rng.uniform(3, 12, number), None, room)
    sudden = rng.uniform(0.3, 1.0, number)
    return np.where(gradual, slow, sudden)


def change_months(rng, number):
    """`number` change months in order, from 1 to T - 1, SHORTEST or more apart, every such set
    equally likely.
    """
    slack = MONTHS - 1 - (number - 1) * (SHORTEST - 1)
    return (
        np.sort(rng.choice(slack, size=number, replace=False))
        + 1
        + (SHORTEST - 1) * np.arange(number)
    )
