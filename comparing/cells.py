"""One cell of a comparison: a method, trained and tested once. Cells run in parallel and are kept as files.

    cells = [Cell("forest"), Cell("patchnet", seed=1)]
    results = run_cells(cells, data, folder, processes=2)         # one Result a cell, in order

A finished cell is one small file, named by a hash of its settings, of the data and of the code of its method, and is
written whole: an interrupted run goes on by itself, and nothing old is taken for new.
"""

import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from threading import RLock
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from comparing import methods
from comparing.methods.network import Network
from comparing.methods.selection import some
from data_loader import load_samples, split_samples
from utils.errors import InputError
from utils.files import written_whole
from utils.splits import split_groups

ROOT = Path(__file__).resolve().parent.parent
BASELINE_CODE = (
    "comparing/methods/*.py",
    "data_loader.py",
    "utils/splits.py",
    "utils/changes.py",
    "utils/metrics.py",
)
NETWORK_CODE = (
    "models/*.py",
    "comparing/methods/network.py",
    "training/*.py",
    "data_loader.py",
    "utils/splits.py",
    "utils/changes.py",
    "utils/metrics.py",
)
TEST_AT_ONCE = 10_000  # transfer tests on whole groups; this many series of each are enough


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
    gaps: tuple = (
        0.0,
    )  # shares of test months taken away, each tested with the same trained method


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


def build(cell):
    """The method of a cell: a baseline, or a network."""
    if cell.method in methods.BASELINES:
        return methods.build(cell.method, seed=cell.seed)
    return Network(cell.method, epochs=cell.epochs or None, seed=cell.seed)


def load_for(cell, data):
    """Samples with the bands and classes that a cell asks for."""
    return load_samples(
        data.path,
        first_month=data.first_month,
        bands=cell.bands or data.bands,
        classes=cell.classes or data.classes,
    )


def site_groups(samples, most=12):
    """Group of each sample, to train on one and test on the others: (N,) str.

    The part of the site's name before '_' (a province) where that makes 2 to `most` groups; else
    six groups of sites from west to east, or in order of name.
    """
    if samples.site is None:
        raise InputError("--study transfer: the samples have no sites; expected a `site` for each")
    prefix = np.array([name.split("_")[0] for name in samples.site])
    if 2 <= len(np.unique(prefix)) <= most:
        return prefix
    names, site = np.unique(samples.site, return_inverse=True)
    if len(names) < 2:
        raise InputError("--study transfer: one site found; expected at least two")
    order = np.arange(len(names))
    if samples.lonlat is not None:
        order = np.argsort([samples.lonlat[site == place, 0].mean() for place in order])
    group = np.empty(len(names), int)
    group[order] = np.arange(len(names)) * min(6, len(names)) // len(names)
    return np.array([f"group {number + 1}" for number in group])[site]


def parts_for(cell, samples):
    """Row numbers of the three parts. Of a smaller training part, validation is cut to a quarter
    too (20 at least).
    """
    if cell.train_group:
        group = site_groups(samples)
        inside = np.flatnonzero(group == cell.train_group)
        name = samples.site[inside]
        by_site = len(np.unique(name)) >= 3
        keys, y = (name, samples.y[inside]) if by_site else (samples.ids[inside], None)
        split = split_groups(keys, 0.15, 0, cell.split_seed, y)
        random = np.random.default_rng(cell.split_seed)
        others = [
            np.flatnonzero(group == other)
            for other in np.unique(group)
            if other != cell.train_group
        ]
        others = [
            rows if len(rows) <= TEST_AT_ONCE else random.choice(rows, TEST_AT_ONCE, False)
            for rows in others
        ]
        parts = {part: inside[split[part]] for part in ("train", "validation")}
        parts["test"] = np.sort(np.concatenate(others))
    else:
        parts = dict(split_samples(samples, cell.split, seed=cell.split_seed))
    if cell.train_size:
        random = np.random.default_rng([cell.split_seed, cell.seed])
        for part, size in (
            ("train", cell.train_size),
            ("validation", max(20, cell.train_size // 4)),
        ):
            parts[part] = np.sort(random.permutation(parts[part])[:size])
    return parts


def with_gaps(samples, share, seed=0):
    """Take this share of the months away at random, at least one stays: the same months for every
    method.
    """
    if not share:
        return samples
    gone = (
        np.random.default_rng([seed, round(1000 * share)]).random(
            (len(samples), samples.x.shape[2])
        )
        < share
    )
    gone[gone.all(axis=1), 0] = False
    return replace(samples, x=np.where(gone[:, None], np.nan, samples.x))


def run_cell(cell, samples, threads):
    """Train and test; returns the Result."""
    parts = parts_for(cell, samples)
    train, validation, test = (
        samples.take(parts[name]) for name in ("train", "validation", "test")
    )
    method = build(cell)
    wall, used = time.perf_counter(), time.process_time()
    method.fit(train, validation)
    wall, used = time.perf_counter() - wall, time.process_time() - used
    return tested(cell, method, test, parts["test"], threads, wall / 60, used / 60)


def tested(cell, method, test, rows, threads, minutes, cpu_minutes):
    """Labels of the test series by a trained method, timed; returns the Result. rows: of the
    samples, (n,).
    """
    method.predict(some(test, 64, 0))  # to warm up
    labels, seconds = [], []
    for share in cell.gaps:
        shown = with_gaps(test, share)
        started = time.perf_counter(), time.process_time()
        labels.append(method.predict(shown))
        seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    reason, count = np.unique(method.reasons, return_counts=True)
    return Result(
        cell,
        rows,
        np.stack(labels),
        method.setting,
        getattr(method, "parameters", None),
        threads,
        minutes,
        cpu_minutes,
        *(len(test) / max(each, 1e-9) for each in seconds[0]),
        {str(each): int(n) for each, n in zip(reason, count) if each},
    )


def fingerprint(data):
    """Hash of what the data file holds."""
    samples = load_samples(data.path, first_month=data.first_month)
    digest = hashlib.sha256()
    for array in (samples.x, samples.y, samples.months.astype(int)):
        digest.update(np.ascontiguousarray(array))
    for names in (samples.ids, samples.site, samples.lonlat, samples.legend.names, samples.bands):
        digest.update(str(None if names is None else list(names)).encode())
    return digest.hexdigest()


def code_hash(method):
    """Hash of the code behind a method, so that a changed method is run again."""
    patterns = BASELINE_CODE if method in methods.BASELINES else NETWORK_CODE
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def cell_path(cell, data, mark, folder):
    """File of a cell: its name says what it was made from. mark: fingerprint of the data."""
    made_from = [
        asdict(cell),
        mark,
        data.first_month,
        data.bands,
        data.classes,
        code_hash(cell.method),
    ]
    return Path(folder) / f"{hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:24]}.npz"


def save_result(path, result):
    """Write one small file, whole or not at all."""
    facts = {name: value for name, value in vars(result).items() if name not in ("rows", "labels")}
    facts["cell"] = asdict(result.cell)
    text = np.array(json.dumps(facts, default=str))
    with written_whole(path) as part:
        np.savez_compressed(part, rows=result.rows, labels=result.labels, facts=text)


def load_result(path, cell):
    """Read a finished cell."""
    with np.load(path, allow_pickle=False) as file:
        facts = json.loads(str(file["facts"]))
        return Result(**facts | {"cell": cell, "rows": file["rows"], "labels": file["labels"]})


def work(cell, data, path, threads):
    """Run one cell in this process and keep it."""
    torch.set_num_threads(threads)
    save_result(path, run_cell(cell, load_for(cell, data), threads))


def lock_bars_by_thread():
    """Keep tqdm's lock within this process: one shared by processes is left over when a worker is
    killed.
    """
    tqdm.set_lock(RLock())


def run_cells(cells, data, folder, *, processes=1, threads=1):
    """Run the cells that are not finished, in parallel, each on `threads` threads; returns the
    Results in order.
    """
    mark = fingerprint(data)
    paths = [cell_path(cell, data, mark, folder) for cell in cells]
    left = {path: cell for path, cell in zip(paths, cells) if not path.is_file()}
    kept = f"{len(set(paths)) - len(left)} cells kept, {len(left)} to run"
    with tqdm(total=len(left), unit="cell", desc=kept) as bar:
        if processes == 1 or len(left) < 2:
            for path, cell in left.items():
                bar.set_postfix_str(cell.method)
                work(cell, data, path, threads)
                bar.update()
        else:
            run_parallel(left, data, processes, threads, bar)
    return [load_result(path, cell) for path, cell in zip(paths, cells)]


def run_parallel(left, data, processes, threads, bar):
    """Each cell in one of several fresh processes; the first failure stops the rest, finished cells
    are kept.
    """
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=lock_bars_by_thread
    ) as pool:
        tasks = {pool.submit(work, cell, data, path, threads): cell for path, cell in left.items()}
        try:
            for task in as_completed(tasks):
                task.result()
                bar.set_postfix_str(tasks[task].method)
                bar.update()
        except BrokenProcessPool as error:
            raise InputError(
                "a process died (killed, or out of memory?); finished cells are kept: "
                "run the same command again, with fewer --processes"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
