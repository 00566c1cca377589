"""What the tests of the comparison share: made-up samples, and a call of compare.py."""

import sys

import numpy as np

import compare
from data_loader import Samples, save_samples
from utils.bands import BANDS
from utils.legend import COAST

LEVELS = np.linspace(600, 4600, len(COAST))  # one reflectance for each class, plain to tell apart


def made_samples(count=90, steps=36, seed=0):
    """Plain series of three provinces with three sites each; half of them change once."""
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 5, (2, count))
    at = np.where(random.random(count) < 0.5, random.integers(14, steps - 10, count), steps)
    y = np.where(np.arange(steps) < at[:, None], first[:, None], second[:, None]).astype(np.int8)
    x = (
        500
        + 900.0 * y[:, None] * np.linspace(0.6, 1.4, 10)[:, None]
        + 60 * random.standard_normal((count, 10, steps))
    )
    site = np.array([f"{'ABC'[row % 3]}_{row // 3 % 3}" for row in range(count)])
    months = np.datetime64("2020-01") + np.arange(steps)
    return Samples(
        x.astype(np.float32), y, months, BANDS, COAST, np.arange(count).astype(str), site=site
    )


def saved_samples(folder):
    """File of `made_samples`."""
    path = folder / "samples.npz"
    save_samples(path, made_samples())
    return path


def samples_of(y, *, seed=0, bands=BANDS, noise=60):
    """Samples whose reflectance follows the labels y (N, T), with a season and noise."""
    random = np.random.default_rng(seed)
    n, steps = y.shape
    season = 300 * np.cos(2 * np.pi * np.arange(steps) / 12)
    x = LEVELS[y][:, None] * np.linspace(0.6, 1.4, len(bands))[:, None] + season
    x = (x + noise * random.standard_normal(x.shape)).astype(np.float32)
    months = np.datetime64("2019-03") + np.arange(steps)
    return Samples(x, y.astype(np.int8), months, tuple(bands), COAST, np.arange(n).astype(str))


def labels_with_change(count, steps=60, seed=0):
    """Half of the series change class once, between a year from the start and a year from the
    end.
    """
    random = np.random.default_rng(seed)
    first = random.integers(0, len(COAST), count)
    second = (first + random.integers(1, len(COAST), count)) % len(COAST)
    change = np.where(random.random(count) < 0.5, random.integers(15, steps - 12, count), steps)
    return np.where(np.arange(steps) < change[:, None], first[:, None], second[:, None])


def near(found, expected):
    """Series with a break within one step of the expected month."""
    return (found & (np.abs(np.arange(found.shape[1]) - np.reshape(expected, (-1, 1))) <= 1)).any(
        axis=1
    )


def call(monkeypatch, *arguments):
    """Run compare.py in this process."""
    monkeypatch.setattr(sys, "argv", ["compare.py", *map(str, arguments)])
    compare.main()
