"""The pixels of a site: they share its weather, and differ in what is drawn for each of them."""

from typing import NamedTuple

import numpy as np

from dataset.canopy import PLANTS, canopy
from dataset.climate import Site


class Pixels(NamedTuple):
    """n pixels of a site, and the generator behind them.

    Every draw has a row for each pixel, and as many columns as asked for: (n, columns).
    """

    rng: np.random.Generator
    site: Site
    n: int

    @property
    def months(self):
        return self.site.days.size

    def uniform(self, low, high, columns=1):
        return self.rng.uniform(low, high, (self.n, columns))

    def normal(self, spread, columns=1):
        return self.rng.normal(0, spread, (self.n, columns))

    def lognormal(self, spread, columns=1):
        return self.rng.lognormal(0, spread, (self.n, columns))

    def beta(self, a, b):
        return self.rng.beta(a, b, (self.n, 1))

    def plants(self):
        """Which plant of a table each pixel has, (n,)."""
        return self.rng.integers(PLANTS, size=self.n)

    def chance(self, share, columns=1):
        """True with this chance."""
        return self.rng.random((self.n, columns)) < share

    def some_uniform(self, share, low, high):
        """A number for this share of the pixels, 0 for the others."""
        chosen = self.chance(share)
        return np.where(chosen, self.uniform(low, high), 0)

    def either(self, which, yes, no):
        """A number of the range `yes` where `which` (n, 1), of the range `no` elsewhere."""
        return np.where(which, self.uniform(*yes), self.uniform(*no))

    def seasons(self, start, end, rise, fall):
        """How far plants have grown, (n, T) in 0..1: logistic rise at `start`, fall at `end`.

        start, end (n, Y) days, one a year; rise, fall (n, 1) or numbers: how many days they take.
        """
        days = self.site.days[:, None]  # (T, 1)
        rise = np.reshape(rise, (-1, 1, 1))
        fall = np.reshape(fall, (-1, 1, 1))
        since_start = days - start[:, None]  # (n, T, Y)
        until_end = end[:, None] - days
        up = logistic(since_start / rise)
        down = logistic(until_end / fall)
        return np.clip((up * down).sum(2), 0, 1)

    def canopy(self, table, leaf_area, senescence, ground, plant=None):
        """Reflectance (n, T, 10) of a table's plants over ground; plant (n,): which, else drawn."""
        plant = self.plants() if plant is None else plant
        return canopy(table, plant, leaf_area, senescence, self.site.sun_zenith, ground)

    def shared_out(self, shares):
        """Share the pixels out among the keys of a dict: yields each key and its pixels."""
        chosen = self.rng.choice(len(shares), size=self.n, p=list(shares.values()))
        for number, name in enumerate(shares):
            here = np.flatnonzero(chosen == number)
            if here.size:
                yield name, here

    def runs(self, chance, longest):
        """True in runs of 1 to `longest` months that start with `chance` in any month, (n, T)."""
        shape = (self.n, self.months)
        starts = self.rng.random(shape) < chance
        length = np.where(starts, self.rng.integers(1, longest + 1, shape), 0)
        on = np.zeros(shape, bool)
        for lag in range(longest):
            began = length[:, : self.months - lag]
            on[:, lag:] |= began > lag
        return on


def mixed(first, second, share):
    """Reflectance (n, T, 10) of two covers; share (n, T) or (n, 1): of the second one."""
    share = share[..., None]
    return first * (1 - share) + second * share


def logistic(value):
    return 1 / (1 + np.exp(np.clip(-value, -50, 50)))


def ramp(value, low, high):
    """0 up to `low`, 1 from `high` on, straight between them."""
    return np.clip((value - low) / (high - low), 0, 1)


def shadow_length(zenith):
    """Length of a shadow over the height of what casts it; zenith: of the sun, degrees."""
    return np.tan(np.radians(zenith))
