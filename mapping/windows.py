"""Label the pixels of one window of a stack. This is what runs on each worker.

Each pixel is labelled by itself. So the labels do not depend on how the area is cut into windows,
nor on the worker. What looks at neighbours comes later, in `mapping.pixels`.
"""

import hashlib
import itertools
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

import models
from mapping.evidence import ProductEvidence
from mapping.products import LABELLED, NO_ANSWER, NO_DATA, TOO_FEW
from mapping.thinned import Thinning, thin
from models.label import BATCH
from models.unfamiliar import unfamiliarity
from stacks.absent import with_absent
from stacks.stack import Stack
from utils.bands import NO_OBSERVATION, SHORTEST
from utils.errors import InputError
from utils.memory import give_back_memory
from utils.windows import Window

# Pixels of a window at 48 months: 63 MB and 252 MB of reflectance, held a few times over.
USUAL, LARGEST = 2**16, 2**18
WINDOWS_DONE = itertools.count(1)  # by this process
TIDY_EVERY = 8  # windows: freed memory breaks into pieces over time, and would grow
# One window at a time uses the network of a process, while others are read and written.
NETWORK_LOCK = threading.Lock()
AT_ONCE = 8  # batches of a thread for which all probabilities are held


@dataclass(frozen=True)
class Job:
    """What a worker needs to label a window.

    digest: SHA-256 of the weights; min_months: months with an observation that a pixel needs;
    precision: float32 or bfloat16; years (T,): the year of each month, where the mean
    probabilities of each year are asked for, else None; page: which reflectances the page shows,
    None = none; threads: of the network in each process, None = as many as Dask gives a worker;
    products: what land cover products say, None = nothing.
    """

    stack: Stack
    weights: str
    digest: str
    min_months: int
    device: str = "cpu"
    precision: str = "float32"
    years: np.ndarray | None = None
    page: Thinning | None = None
    threads: int | None = None
    products: ProductEvidence | None = None


class Labelled(NamedTuple):
    """What the network says of P pixels; without a label: -1, and 255 for shares and classes.

    labels (T, P) int8; monthly (T, P) uint8: probability of each month's label, percent;
    confidence (P,) uint8: its mean over the months, percent; second (P,) uint8: the second most
    probable class of the month with the lowest probability; unfamiliar (P,) uint8: percent of how
    unlike training the series is, see `unfamiliar_percent`; yearly (Y K, P) uint8: mean
    probability of each class in each year, percent, class by class within a year; Y = 0 where it
    was not asked for.
    """

    labels: np.ndarray
    monthly: np.ndarray
    confidence: np.ndarray
    second: np.ndarray
    unfamiliar: np.ndarray
    yearly: np.ndarray


def windows_of(shape, size):
    """Windows of `size` (rows, columns) that cover a grid of `shape`, row by row."""
    (height, width), (down, right) = shape, size
    return [
        Window(top, left, min(down, height - top), min(right, width - left))
        for top in range(0, height, down)
        for left in range(0, width, right)
    ]


def window_size(stack):
    """Rows and columns of the windows: whole storage chunks, so that none is read twice.

    A window holds at most LARGEST pixels at 48 months, fewer where the series are longer.
    """
    size = [min(pair) for pair in zip(stack.source.chunk, stack.geobox.shape)]
    longer = 48 / len(stack.months)
    usual = int(USUAL * longer)
    largest = int(LARGEST * longer)
    if np.prod(size) > largest:  # chunks too large: cut them into pieces, of full width if it fits
        width = min(size[1], largest)
        return max(1, largest // width), width
    for axis in (1, 0):
        times = usual // int(np.prod(size))
        size[axis] = min(size[axis] * max(1, times), stack.geobox.shape[axis])
    return tuple(size)


def digest_of(path):
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def check_network(card, stack):
    """Raise InputError unless weights with this card can label the stack."""
    lacking_is_fine = "without" in card and set(stack.bands) < set(card["bands"])
    if tuple(card["bands"]) != stack.bands and not lacking_is_fine:
        found = ", ".join(stack.bands)
        expected = ", ".join(card["bands"])
        raise InputError(f"{stack.path}: bands {found} found, expected {expected}")
    if len(stack.months) < SHORTEST:
        raise InputError(
            f"{stack.path}: found {len(stack.months)} months, expected at least {SHORTEST}"
        )


def label_window(job, window):
    """Label one window: (layers (L, y, x) uint8 as `mapping.layers` orders them, reflectances).

    reflectances: what the page shows of the window (see `mapping.thinned.thin`), or None.
    """
    rows, columns = window.slices
    block = job.stack.read(rows, columns)  # (T, C, y, x)
    says = job.products.read(job.stack, rows, columns) if job.products else None
    found, reason = label_block(job, block, says)
    layers = (
        found.labels.view(np.uint8),  # -1 becomes 255
        found.monthly,
        found.confidence[None],
        reason[None],
        found.second[None],
        found.unfamiliar[None],
        found.yearly,
    )
    shown = thin(block, window, job.page) if job.page else None
    if next(WINDOWS_DONE) % TIDY_EVERY == 0:
        give_back_memory()
    flat = [layer.reshape(len(layer), window.height, window.width) for layer in layers]
    return np.concatenate(flat), shown


def label_block(job, block, says=None):
    """Labelled of the P pixels of reflectance (T, C, y, x), and the reason of each, (P,) uint8.

    says: classes (P, products) of land cover products, -1 = none.
    """
    months, bands, height, width = block.shape
    # -32768 is the smallest of all: a month's lowest band tells whether every band was seen.
    observed = np.zeros((height, width), np.uint16)
    for month in block:
        observed += month.min(axis=0) != NO_OBSERVATION
    reason = np.where(observed < job.min_months, TOO_FEW, LABELLED)
    reason = np.where(observed == 0, NO_DATA, reason).astype(np.uint8).ravel()
    usable = np.flatnonzero(reason == LABELLED)
    series = as_series(block.reshape(months, bands, -1), usable)
    says = says if says is None else says[usable]
    found = spread_out(run_network(job, series, says), usable, height * width)
    reason[(found.labels < 0).any(axis=0) & (reason == LABELLED)] = NO_ANSWER
    found.labels[:, reason != LABELLED] = -1
    return found, reason


def as_series(pixels, usable):
    """Series (N, C, T) of the usable ones of pixels (T, C, P); not copied where all are usable."""
    if len(usable) < pixels.shape[2]:
        pixels = pixels.take(usable, axis=2)
    return pixels.transpose(2, 1, 0)


def spread_out(found, usable, pixels):
    """Labelled of all P pixels, from that of the usable ones."""
    whole = []
    for values in found:
        empty = -1 if values.dtype == np.int8 else 255
        shape = (*values.shape[:-1], pixels)
        spread = np.full(shape, empty, values.dtype)
        spread[..., usable] = values
        whole.append(spread)
    return Labelled(*whole)


def run_network(job, series, says=None):
    """Labelled of series (N, C, T), by this process's copy of the network.

    says: classes (N, products) of land cover products, -1 = none.
    """
    with NETWORK_LOCK:
        net = load_network(job.weights, job.digest, job.device)
        threads = job.threads or threads_of_worker()
        size = AT_ONCE * BATCH * threads
        found = []
        for start in range(0, max(1, len(series)), size):
            part = slice(start, start + size)
            said = says if says is None else says[part]
            found.append(label_part(job, net, series[part], threads, said))
    return Labelled(*(np.concatenate(values, axis=-1) for values in zip(*found)))


def label_part(job, net, series, threads, says=None):
    """Labelled of series (N, C, T), few enough to hold the probabilities of all classes.

    says: classes (N, products) of land cover products, which take a second pass.
    """
    series = with_absent(series, job.stack.bands, net.card["bands"])
    how = {
        "precision": job.precision,
        "threads": threads,
        "whole_batches": True,  # so that no bit of a label depends on the window
    }
    if says is None:
        labels, sure, probabilities = models.label(net, series, probabilities=True, **how)
    else:
        labels, sure, probabilities = job.products.label(net, series, says, **how)
    months = percent(sure.T)
    second = second_class(labels, sure, probabilities)
    yearly = yearly_means(probabilities, job.years)
    strange = unfamiliar_percent(net, series)
    return Labelled(labels.T.copy(), months, percent(sure.mean(axis=1)), second, strange, yearly)


def unfamiliar_percent(net, series):
    """Percent (N,) uint8 of `models.unfamiliar.unfamiliarity`, 250 at most; 255 if not known."""
    found = unfamiliarity(net, series)
    if found is None:
        return np.full(len(series), 255, np.uint8)
    whole = np.rint(100 * found).clip(0, 250)
    return np.nan_to_num(whole, nan=255).astype(np.uint8)


def second_class(labels, sure, probabilities):
    """Second most probable class (N,) of the month in which the label's probability is lowest.

    labels, sure: (N, T); probabilities (N, K, T). A joint decoding may choose a label that is not
    the most probable one of its month: then the most probable one is the second.
    """
    rows = np.arange(len(labels))
    doubtful = sure.argmin(axis=1) if len(sure) else []
    there = probabilities[rows, :, doubtful]  # (N, K)
    there[rows, labels[rows, doubtful]] = -1
    return there.argmax(axis=1).astype(np.uint8)


def yearly_means(probabilities, years):
    """Mean probabilities (Y K, N) uint8 percent of each class in each year; years None: Y = 0."""
    if years is None:
        return np.empty((0, len(probabilities)), np.uint8)
    means = []
    for year in np.unique(years):
        of_year = probabilities[:, :, years == year]
        means.append(of_year.mean(axis=2).T)
    return percent(np.concatenate(means))


def percent(share):
    """Shares from 0 to 1 as whole percent, uint8."""
    return np.rint(share * 100).astype(np.uint8)


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
