"""A window of a stack -> labels of its pixels. What runs on each worker.

Every pixel is labelled for itself, so the labels do not depend on how the area is cut into windows,
nor on which worker does which. What looks at neighbours comes later, in `mapping.products`.
"""

import hashlib
import itertools
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

import models
from data_loader import NO_OBSERVATION, SHORTEST
from mapping.memory import give_back_memory, keep_memory
from mapping.products import LABELLED, NO_ANSWER, NO_DATA, TOO_FEW
from mapping.stack import Stack
from models.label import BATCH
from utils.errors import InputError

USUAL, LARGEST = (
    2**16,
    2**18,
)  # pixels of a window at 48 months: 63 and 252 MB, a few times over in memory
WINDOWS_DONE = itertools.count(1)  # by this process
TIDY_EVERY = 8  # windows
NETWORK_LOCK = (
    threading.Lock()
)  # one window at a time uses the network of a process, while others read and write


@dataclass(frozen=True)
class Job:
    """What labelling a window takes.

    min_months: months with an observation that a pixel needs for labels; threads: of the network in
    each process, None = as many as Dask gives the worker.
    """

    stack: Stack
    weights: str
    digest: str  # SHA-256 of the weights
    min_months: int
    device: str = "cpu"
    threads: int | None = None


@dataclass(frozen=True)
class Window:
    """Rows and columns of a stack."""

    top: int
    left: int
    height: int
    width: int

    @property
    def name(self):
        return f"{self.top:07d}_{self.left:07d}"

    @property
    def slices(self):
        """Rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def windows_of(shape, size):
    """Windows of `size` (rows, columns) that cover a grid of `shape`, row by row."""
    (height, width), (down, right) = shape, size
    return [
        Window(top, left, min(down, height - top), min(right, width - left))
        for top in range(0, height, down)
        for left in range(0, width, right)
    ]


def window_size(stack):
    """Rows and columns of the windows: whole storage chunks, so that none is read twice, of a
    bounded size.
    """
    size = [min(pair) for pair in zip(stack.source.chunk, stack.geobox.shape)]
    month = 48 / len(stack.months)
    if np.prod(size) > LARGEST * month:  # chunks too large: cut them into full-width pieces
        return max(1, int(LARGEST * month) // size[1]), size[1]
    for axis in (1, 0):
        times = int(USUAL * month) // int(np.prod(size))
        size[axis] = min(size[axis] * max(1, times), stack.geobox.shape[axis])
    return tuple(size)


def digest_of(path):
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def check_network(card, stack):
    """Raise InputError unless weights with this card can label the stack."""
    if tuple(card["bands"]) != stack.bands:
        raise InputError(
            f"{stack.path}: bands {', '.join(stack.bands)} found, expected {', '.join(card['bands'])}"
        )
    if len(stack.months) < SHORTEST:
        raise InputError(
            f"{stack.path}: found {len(stack.months)} months, expected at least {SHORTEST}"
        )


def label_window(job, window):
    """Label one window: (T + 2, y, x) uint8, the labels of each month (255 = none), confidence in
    percent, reason.
    """
    keep_memory()
    rows, columns = window.slices
    block = job.stack.array.isel(y=rows, x=columns).to_numpy()  # (T, C, y, x)
    labels, confidence, reason = label_block(job, block)
    if (
        next(WINDOWS_DONE) % TIDY_EVERY == 0
    ):  # kept memory breaks into pieces over many windows, and so would grow
        give_back_memory()
    return np.concatenate([labels.view(np.uint8), confidence[None], reason[None]])  # -1 becomes 255


def label_block(job, block):
    """Labels (T, y, x) int8, confidence (y, x) uint8 percent, reason (y, x) uint8 of reflectance
    (T, C, y, x).
    """
    months, bands, height, width = block.shape
    # -32768 is the smallest of all: a month's lowest band tells whether every band was seen.
    observed = sum((month.min(axis=0) != NO_OBSERVATION).astype(np.uint16) for month in block)
    reason = np.where(
        observed == 0, NO_DATA, np.where(observed < job.min_months, TOO_FEW, LABELLED)
    ).astype(np.uint8)
    labels = np.full((months, height * width), -1, np.int8)
    confidence = np.full(height * width, 255, np.uint8)
    usable = np.flatnonzero(reason.ravel() == LABELLED)
    if len(usable):
        found, sure = run_network(job, as_series(block.reshape(months, bands, -1), usable))
        labels[:, usable] = found[: len(usable)].T
        confidence[usable] = np.rint(sure[: len(usable)].mean(axis=1) * 100)
    labels = labels.reshape(months, height, width)
    reason[(labels < 0).any(axis=0) & (reason == LABELLED)] = NO_ANSWER
    labels[:, reason != LABELLED] = -1
    return labels, confidence.reshape(height, width), reason


def as_series(pixels, usable):
    """Series (N, C, T) of the usable ones of pixels (T, C, y x), filled up to whole batches with
    the last of them.

    So all batches have one shape, and no bit of a label depends on the window. The series stay
    innermost in memory, as the network takes them, and where they can be are not even copied.
    """
    if not len(usable) == pixels.shape[2] == -(-len(usable) // BATCH) * BATCH:
        pixels = pixels.take(np.pad(usable, (0, -len(usable) % BATCH), mode="edge"), axis=2)
    return pixels.transpose(2, 1, 0)


def run_network(job, series):
    """Labels and confidence (N, T) of series (N, C, T) from this process's copy of the network."""
    with NETWORK_LOCK:
        net = load_network(job.weights, job.digest, job.device)
        torch.set_num_threads(job.threads or threads_of_worker())
        return models.label(net, series, precision="float32")


@lru_cache(maxsize=1)
def load_network(weights, digest, device):
    """The network in a weights file, kept for the next window."""
    if digest_of(weights) != digest:
        raise InputError(f"{weights}: is not the file that this map was begun with")
    return models.load(weights, device=device)


def threads_of_worker():
    """Threads that Dask gives the worker on which this runs."""
    from distributed import get_worker

    return get_worker().state.nthreads
