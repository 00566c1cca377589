"""One cell of a comparison: a method, trained and tested once.

    result = run_cell(Cell("forest"), build("forest"), samples, threads=1)

comparing/running.py runs many cells in parallel and keeps their results as files.
"""

import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from comparing.methods.selection import at_most
from comparing.parts import parts_for
from data_loader import load_samples


@dataclass(frozen=True)
class Cell:
    """What to train and where to test it."""

    method: str
    seed: int = 0  # of the method and of the draw of training series
    epochs: int = 0  # of a network; 0 = as its recipe says
    split: str = "auto"  # as for run.py
    split_seed: int = 0
    bands: tuple = ()  # names; () = all
    classes: tuple = ()  # names kept, the rest merged; () = all
    train_size: int = 0  # training series; 0 = all
    train_group: str = ""  # train on this group of sites, test on all others; '' = on the split
    gaps: tuple = (0.0,)  # shares of test months taken away, tested with one trained method


class Data(NamedTuple):
    """Where the samples come from: arguments of load_samples."""

    path: str
    first_month: str | None = None
    bands: tuple | None = None
    classes: tuple | None = None


@dataclass(frozen=True)
class Result:
    """Labels of the test series, and what it took."""

    cell: Cell
    rows: np.ndarray  # (n,) of the samples
    labels: np.ndarray  # (gaps, n, T) int8
    setting: dict  # what the validation part chose
    parameters: int | None
    threads: int
    train_minutes: float
    train_cpu_minutes: float
    series_a_second: float
    series_a_cpu_second: float
    reasons: dict  # why series had less to go by: count of each


class Stopwatch:
    """Wall time and processor time since it was made, in seconds."""

    def __init__(self):
        self.started = time.perf_counter(), time.process_time()

    def read(self):
        """Return (wall seconds, processor seconds)."""
        return time.perf_counter() - self.started[0], time.process_time() - self.started[1]


def load_for(cell, data):
    """Samples with the bands and classes that a cell asks for."""
    return load_samples(
        data.path,
        first_month=data.first_month,
        bands=cell.bands or data.bands,
        classes=cell.classes or data.classes,
    )


def with_gaps(samples, share, seed=0):
    """Take this share of the months away at random; at least one month stays.

    The same months are gone for every method.
    """
    if not share:
        return samples
    random = np.random.default_rng([seed, round(1000 * share)])
    gone = random.random((len(samples), samples.x.shape[2])) < share  # (N, T)
    gone[gone.all(axis=1), 0] = False
    return replace(samples, x=np.where(gone[:, None], np.nan, samples.x))


def run_cell(cell, method, samples, threads):
    """Train the method on the parts that the cell asks for, and test it. Returns the Result."""
    parts = parts_for(cell, samples)
    train = samples.take(parts["train"])
    validation = samples.take(parts["validation"])
    watch = Stopwatch()
    method.fit(train, validation)
    minutes = [seconds / 60 for seconds in watch.read()]
    return tested(cell, method, samples, parts["test"], threads, minutes)


def tested(cell, method, samples, rows, threads, minutes):
    """Label the test series with a trained method, and time it. Returns the Result.

    rows: those of the samples to test on, (n,). minutes: of training, wall and processor.
    """
    test = samples.take(rows)
    method.predict(at_most(test, 64, 0))  # the first call of a method also loads libraries
    labels, seconds = [], []
    for share in cell.gaps:
        shown = with_gaps(test, share)
        watch = Stopwatch()
        labels.append(method.predict(shown))
        seconds.append(watch.read())
    reasons, counts = np.unique(method.reasons, return_counts=True)
    wall_rate, processor_rate = (len(test) / max(each, 1e-9) for each in seconds[0])
    return Result(
        cell=cell,
        rows=rows,
        labels=np.stack(labels),
        setting=method.setting,
        parameters=getattr(method, "parameters", None),
        threads=threads,
        train_minutes=minutes[0],
        train_cpu_minutes=minutes[1],
        series_a_second=wall_rate,
        series_a_cpu_second=processor_rate,
        reasons={str(why): int(count) for why, count in zip(reasons, counts) if why},
    )
