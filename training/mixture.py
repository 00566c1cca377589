"""Real series of one class, made as long as the simulated ones and mixed with them.

Labelled series of a year or two are all there is of most of the world. Their years are repeated
with small differences, which also shows the network years that differ without a change; some are
joined to another series in a random month, which shows it changes between real surfaces.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from data_loader import load_samples

# Real sets that may train what ships: file below ../shared/data, and where the classes are not
# those of the urban legend the class of each of its names, -1 = not used. "NatNonForest" of
# Rondonia holds both woods and grass.
REAL = {
    "rondonia": ("rondonia.npz", {"Forest": 1, "Pasture": 2}),
    "flanders": ("real/flanders_2018.npz", None),
    "east_africa": ("real/east_africa.npz", None),
    "roraima": ("real/roraima.npz", None),
    "rondonia_7bands": ("real/rondonia_7bands.npz", None),
}
# To test on, not to train what ships: their licence asks to share alike.
TEST_ONLY = {
    "pantanal_landsat": ("real/pantanal_landsat.npz", None),
    "atlantic_forest_landsat": ("real/atlantic_forest_landsat.npz", None),
}
EACH = 300  # series of each class of each set
COPIES = 12  # of one series at most
JOINED = 0.3  # share of the series that are joined to another one
YEAR = 12


def read_real(folder, name):
    """Labelled series of a real set: x (N, 10, T) float32 with NaN, class (N,) int8, first month.

    The first month is counted from January = 0. Series without one class throughout are left out.
    """
    file, classes = (REAL | TEST_ONLY)[name]
    samples = load_samples(Path(folder) / file)
    own = samples.y.max(axis=1)
    if classes is not None:
        lookup = [classes.get(each, -1) for each in samples.legend.names]
        own = np.where(own >= 0, np.array(lookup)[own], -1)
    one = (samples.y == samples.y[:, :1]).all(axis=1) & (own >= 0)
    first = int(np.ravel(samples.months)[0].astype(int)) % YEAR
    return samples.x[one], own[one].astype(np.int8), first


def lengthen(rng, x, first, months):
    """Series (N, C, T) of a year and more -> (N, C, months), each from a calendar month of its own.

    Each calendar month is taken from a month of that name in the series. The years of a series
    differ: they come up to a month earlier or later, brighter or darker, with some noise.
    """
    n, bands, length = x.shape
    start = rng.integers(0, YEAR, (n, 1))
    calendar = (start + np.arange(months) - first) % YEAR  # (N, months)
    more = np.maximum(length - 1 - calendar, 0) // YEAR  # further years that hold the month
    later = rng.integers(0, more + 1) * YEAR
    month = np.minimum(calendar + later, length - 1)
    found = np.take_along_axis(x, month[:, None].repeat(bands, 1), axis=2)
    found = moved_by_year(rng, found)
    return lit_by_year(rng, found).astype(np.float32)


def moved_by_year(rng, x):
    """Series (N, C, T) whose years come up to a month earlier or later; gaps grow no wider."""
    year = np.arange(x.shape[-1]) // YEAR
    shift = rng.normal(0, 0.35, (len(x), 1, year[-1] + 1))
    shift = np.clip(shift, -1, 1)[..., year]  # in months
    before = np.concatenate([x[..., :1], x[..., :-1]], axis=2)
    after = np.concatenate([x[..., 1:], x[..., -1:]], axis=2)
    beside = np.where(shift > 0, after, before)
    moved = x + np.abs(shift) * (beside - x)
    return np.where(np.isfinite(moved), moved, x)


def lit_by_year(rng, x):
    """Series (N, C, T) whose years are brighter or darker, as a whole and per band, with noise."""
    n, bands, months = x.shape
    year = np.arange(months) // YEAR
    common = rng.normal(0, 0.04, (n, 1, year[-1] + 1))
    own = rng.normal(0, 0.02, (n, bands, year[-1] + 1))
    gain = np.exp(common + own)[..., year]
    return x * gain * rng.normal(1, 0.02, x.shape)


def real_samples(folder, names, simulated, seed=0):
    """Samples of the real sets `names`, as long as `simulated` (Samples), EACH of every class.

    A share of JOINED is joined: to a simulated series (6 in 10) or to another real one.
    """
    rng = np.random.default_rng(seed)
    months = simulated.x.shape[-1]
    parts = []
    for name in names:
        x, own, first = read_real(folder, name)
        for k in np.unique(own):
            rows = drawn(rng, np.flatnonzero(own == k))
            series = lengthen(rng, x[rows], first, months)
            parts.append((series, np.full((len(rows), months), k, np.int8), [name] * len(rows)))
    x, y, site = (np.concatenate(part) for part in zip(*parts, strict=True))
    x, y = join_some(rng, x, y, simulated)
    ids = np.array([f"{name}/{number}" for number, name in enumerate(site)])
    months = simulated.months if simulated.months.ndim == 1 else simulated.months[0]
    return replace(simulated, x=x, y=y, months=months, site=site, ids=ids, lonlat=None)


def drawn(rng, rows):
    """EACH rows, every one as often as any other within one, COPIES times at most."""
    count = min(EACH, COPIES * len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(-(-count // len(rows)))])[:count]


def join_some(rng, x, y, simulated):
    """Series of which a share of JOINED becomes another series from, or until, a random month."""
    n, _, months = x.shape
    rows = np.flatnonzero(rng.random(n) < JOINED)
    other = rng.integers(n, size=rows.size)
    drawn_from = rng.integers(len(simulated), size=rows.size)
    made = (rng.random(rows.size) < 0.6)[:, None]
    x_other = np.where(made[..., None], simulated.x[drawn_from], x[other])
    y_other = np.where(made, simulated.y[drawn_from], y[other])
    when = rng.integers(3, months - 3, (rows.size, 1))
    late = np.arange(months) >= when
    swap = late ^ (rng.random((rows.size, 1)) < 0.5)
    x, y = x.copy(), y.copy()
    x[rows] = np.where(swap[:, None], x_other, x[rows])
    y[rows] = np.where(swap, y_other, y[rows])
    return x, y


def together(*samples):
    """Several Samples of the same bands, legend and length as one."""
    first = samples[0]
    names = ("x", "y", "site", "ids")
    arrays = {name: np.concatenate([getattr(each, name) for each in samples]) for name in names}
    months = first.months if first.months.ndim == 1 else first.months[0]
    return replace(first, months=months, lonlat=None, **arrays)
