"""Run many cells in parallel, and keep the result of each as a file.

    cells = [Cell("forest"), Cell("patchnet", seed=1)]
    results = run_cells(cells, data, folder, processes=2)    # one Result for each cell, in order

A finished cell is one small file. Its name is a hash of the settings, of the data, and of all
code that the method runs. So an interrupted comparison goes on by itself, and nothing old is
taken for new.
"""

import hashlib
import json
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from comparing.cells import Cell, Result, load_for, run_cell
from comparing.code import ROOT, code_hash
from comparing.registry import METHODS, build, module_of
from data_loader import load_samples
from utils.errors import InputError
from utils.files import written_whole


def method_of(cell):
    """The method of a cell, not yet trained."""
    settings = {} if cell.method in METHODS else {"epochs": cell.epochs or None}
    return build(cell.method, seed=cell.seed, **settings)


def fingerprint(data):
    """Hash of what the data file holds."""
    samples = load_samples(data.path, first_month=data.first_month, bands=data.bands)
    digest = hashlib.sha256()
    for array in (samples.x, samples.y, samples.months.astype(int)):
        digest.update(np.ascontiguousarray(array))
    facts = (samples.ids, samples.site, samples.lonlat, samples.legend.names, samples.bands)
    for names in facts:
        text = str(None if names is None else list(names))
        digest.update(text.encode())
    return digest.hexdigest()


def code_of(cell, root=ROOT):
    """Hash of all code that makes the result of a cell: of its method, and of the cells."""
    return code_hash(module_of(cell.method), Cell.__module__, root=root)


def cell_path(cell, data, mark, code, folder):
    """File of a cell: its name says what the result was made from.

    mark: fingerprint of the data. code: hash of the code.
    """
    made_from = [asdict(cell), mark, data.first_month, data.bands, data.classes, code]
    text = json.dumps(made_from)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Path(folder) / f"{digest[:24]}.npz"


def cell_paths(cells, data, folder):
    """Files of several cells; the data and the code of each method are read once."""
    mark = fingerprint(data)
    code = {cell.method: code_of(cell) for cell in cells}
    return [cell_path(cell, data, mark, code[cell.method], folder) for cell in cells]


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
        arrays = {"rows": file["rows"], "labels": file["labels"]}
    return Result(**facts | arrays | {"cell": cell})


def work(cell, data, path, threads):
    """Run one cell in this process and keep it."""
    torch.set_num_threads(threads)
    samples = load_for(cell, data)
    save_result(path, run_cell(cell, method_of(cell), samples, threads))


def run_cells(cells, data, folder, *, processes=1, threads=1):
    """Run the cells that are not finished, in parallel; returns the Results of all, in order.

    processes: cells at a time. threads: of each process. A finished cell stays where a later one
    fails. The caller holds the folder (`claimed`). Raises InputError where a process dies.
    """
    for half_written in Path(folder).glob(".*.part.npz"):  # by a process that was killed
        half_written.unlink()
    paths = cell_paths(cells, data, folder)
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
    """Run each cell in one of several fresh processes. The first failure stops the others."""
    spawn = get_context("spawn")
    before = set(active_children())
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=bars_by_thread) as pool:
        with interrupts_ignored():
            tasks = {
                pool.submit(work, cell, data, path, threads): cell for path, cell in left.items()
            }
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
            end_processes(before)
            raise


def end_processes(before):
    """End all processes that were started since `before`, the set of those that were there.

    The pool may start one more, or wait for one itself, at this very moment: hence several looks.
    Nothing is lost: a cell's file takes its name only when it is whole.
    """
    for _ in range(10):
        workers = set(active_children()) - before
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join(1)


@contextmanager
def interrupts_ignored():
    """Start processes that ignore Ctrl-C, which a terminal sends to all of them.

    This process alone answers it and ends the others; so it is one line and no traceback.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers, and only it gets the signal
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # processes begin with what is set here
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def bars_by_thread():
    """Keep the lock of tqdm within this process.

    A lock shared by processes is left over when a worker is killed.
    """
    tqdm.set_lock(threading.RLock())
