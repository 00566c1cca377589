"""A window of one month -> composite, written into the stack. What runs on each worker.

Chunks belong to one month and one window, so no two workers ever write the same file, and the bytes
depend neither on the worker nor on the order.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from compositing.grid import Window, window_geobox
from compositing.monthly import MASKED, MISSING, NO_DATA, clear_of, median, medoid, reflectance
from compositing.reading import Reader, Unreadable
from compositing.scenes import Scene
from compositing.store import open_to_write, writing
from utils.bands import BANDS, NO_OBSERVATION

METHODS = ("median", "medoid")
READERS = 8  # files of a window that are read at once: most of the time is waiting


@dataclass(frozen=True)
class Job:
    """What all windows have in common. stack: path of the Zarr; buffer: pixels."""

    reader: Reader
    geobox: GeoBox
    stack: str
    masked: tuple = MASKED
    buffer: int = 0
    method: str = "median"


@dataclass(frozen=True)
class Look:
    """A scene as a month uses it. offset: added; overflight: number that its neighbours share."""

    scene: Scene
    offset: int
    overflight: int


@dataclass(frozen=True)
class Task:
    """One window of one month. step: the month's position in the stack; looks: in their order."""

    step: int
    window: Window
    looks: tuple

    @property
    def name(self):
        return f"{self.step:04d}_{self.window.name}"


def composite_window(job, task):
    """Compose a window and write it. Returns {scene: (pixels with data, clear ones)} and
    {scene: why it cannot be read}; where anything cannot be read, nothing is written.
    """
    with ThreadPoolExecutor(READERS) as pool:
        clear, counts, failures = clear_looks(job, task, pool)
        if failures:
            return {}, failures
        useful = [i for i, mask in enumerate(clear) if mask.any()]
        looks = [task.looks[i] for i in useful]
        try:
            values, count = compose(job, task.window, looks, [clear[i] for i in useful], pool)
        except Unreadables as error:
            return {}, error.reasons
    rows, columns = task.window.slices
    with writing(job.stack):
        stack = open_to_write(job.stack)
        stack["reflectance"][task.step, :, rows, columns] = values
        stack["looks"][task.step, rows, columns] = count
    return counts, {}


class Unreadables(Exception):
    """Scenes that cannot be read; reasons: {scene: why}."""

    def __init__(self, reasons):
        super().__init__(str(reasons))
        self.reasons = reasons


def clear_looks(job, task, pool):
    """Where each look is clear, a list of (y, x) bool; counts and failures as above.

    In an overlap of tiles of one overflight only the first clear copy counts.
    """
    halo = window_geobox(job.geobox, task.window, job.buffer)
    grid = window_geobox(job.geobox, task.window)
    classes, failures = read_all(job.reader, task.looks, "SCL", halo, pool)
    if failures:
        return [], {}, failures
    clear, counts, taken = [], {}, {}
    height, width = grid.shape
    inside = (slice(job.buffer, job.buffer + height), slice(job.buffer, job.buffer + width))
    for look, codes in zip(task.looks, classes):
        mask = clear_of(codes, job.masked, job.buffer)
        pictured = codes[inside] != NO_DATA
        counts[look.scene.id] = (int(pictured.sum()), int(mask.sum()))
        earlier = taken.get(look.overflight)
        if earlier is not None:
            mask = mask & ~earlier
        taken[look.overflight] = mask if earlier is None else earlier | mask
        clear.append(mask)
    return clear, counts, {}


def compose(job, window, looks, clear, pool):
    """Composite (C, y, x) int16 and number of looks (y, x) uint8 of a window."""
    grid = window_geobox(job.geobox, window)
    values = np.full((len(BANDS), *grid.shape), NO_OBSERVATION, np.int16)
    seen = [np.zeros(grid.shape, bool) for _ in looks]
    stored = []
    for number, band in enumerate(BANDS if looks else ()):
        numbers, failures = read_all(job.reader, looks, band, grid, pool)
        if failures:
            raise Unreadables(failures)
        layers = [reflectance(n, look.offset, c) for n, look, c in zip(numbers, looks, clear)]
        for mask, layer in zip(seen, layers):
            mask |= layer != MISSING
        if job.method == "median":
            values[number] = median(layers)
        else:
            stored.append(np.stack(layers))
    if stored:
        values = medoid(np.stack(stored, axis=1))
    number = np.zeros(grid.shape, np.uint8)
    for mask in seen:
        number += mask
    return values, number


def read_all(reader, looks, band, grid, pool):
    """Numbers of a band of all looks, and {scene: why it cannot be read}."""

    def read(look):
        try:
            return reader.read(look.scene, band, grid)
        except Unreadable as error:
            return error

    found = list(pool.map(read, looks))
    failures = {
        look.scene.id: str(numbers)
        for look, numbers in zip(looks, found)
        if isinstance(numbers, Unreadable)
    }
    return found, failures
