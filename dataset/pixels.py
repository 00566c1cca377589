"""The pixels of a site: they share its weather, and differ in what is drawn for each of them."""

from typing import NamedTuple

import numpy as np

from dataset.canopy import PLANTS
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

    def runs(self, chance, longest):
        """True in runs of 1 to `longest` months that start with `chance` in any month, (n, T)."""
        shape = (self.n, self.months)
        starts = self.rng.random(shape) < chance
        length = np.where(starts, self.rng.integers(1, longest + 1, shape), 0)
        on = np.zeros(shape, bool)
        for lag in range(longest):
            on[:, lag:] |= length[:, : self.months - lag] > lag
        return on


def mixed(first, second, share):
    """Reflectance (n, T, 10) of two covers; share (n, T) or (n, 1): of the second one."""
    share = share[..., None]
    return first * (1 - share) + second * share


def shadow_length(zenith):
    """Length of a shadow over the height of what casts it; zenith: of the sun, degrees."""
    return np.tan(np.radians(zenith))
