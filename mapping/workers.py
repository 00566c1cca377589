"""Where windows are labelled: threads of this process, Dask workers on this machine, or a Dask
cluster.

All three take the same calls (`submit`, as in concurrent.futures), so nothing else knows which it
is.
"""

import itertools
import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver

from utils.errors import InputError

# windows at work in a process: one in the network, which takes all cores; one being read or
# finished
AHEAD = 2
RETRIES = 2  # of a window on which a Dask worker failed
ANSWER = 10  # seconds that a scheduler may take to answer
PATIENCE = 60  # seconds without a result or a worker until a cluster counts as gone
FORKS = "forkserver" in multiprocessing.get_all_start_methods()


@dataclass(frozen=True)
class Workers:
    """executor: has `submit`; at_once: windows under way; threads: of the network in a process
    (None: Dask says).
    """

    executor: object
    at_once: int
    threads: int | None
    check: object = lambda: None  # called when nothing came back for a while


def cores():
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def start_fork_server():
    """Begin to import what local workers need, once, in a process from which all of them are then
    forked.

    It goes on beside the caller's own imports. Where there is no fork, workers start as Dask starts
    them, and later.
    """
    if FORKS:
        forkserver.set_forkserver_preload(["distributed", "mapping.windows"])
        forkserver.ensure_running()


@contextmanager
def open_workers(workers=0, scheduler=None):
    """Yield Workers: this process alone (workers 0), `workers` local Dask processes, or those of a
    Dask scheduler.
    """
    if scheduler is None and workers == 0:
        executor = ThreadPoolExecutor(AHEAD)
        try:
            yield Workers(executor, AHEAD, cores())
        finally:
            executor.shutdown(cancel_futures=True)
        return
    import dask  # slow to import, distributed even more
    from distributed import Client, LocalCluster

    if scheduler is None:
        method = {"distributed.worker.multiprocessing-method": "forkserver"} if FORKS else {}
        with (
            dask.config.set(method),
            LocalCluster(
                n_workers=workers,
                threads_per_worker=AHEAD,
                processes=True,
                dashboard_address=None,
                memory_limit=0,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield dask_workers(client, "the local cluster", max(1, cores() // workers))
        return
    try:
        client = Client(scheduler, timeout=ANSWER)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"--scheduler {scheduler}: no Dask scheduler answers there ({error})"
        ) from error
    with client:
        yield dask_workers(client, scheduler, None)


def dask_workers(client, name, threads):
    """Workers of a Dask client; `threads` None takes each worker's own number."""

    def check():
        if not client.scheduler_info()["workers"]:
            raise InputError(
                f"{name}: no worker is there; expected at least one ('dask worker ADDRESS' starts one)"
            )

    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=PATIENCE)
    check()
    # Twice what runs at once: a worker that has finished a window finds the next one waiting.
    running = sum(worker["nthreads"] for worker in client.scheduler_info()["workers"].values())
    return Workers(client.get_executor(retries=RETRIES, pure=False), 2 * running, threads, check)


def stream(workers, function, windows):
    """Yield (window, function(window)) as they are finished, with a bounded number under way."""
    waiting, running = iter(windows), {}
    try:
        for window in itertools.islice(waiting, workers.at_once):
            running[workers.executor.submit(function, window)] = window
        while running:
            done, _ = wait(running, timeout=PATIENCE, return_when=FIRST_COMPLETED)
            if not done:
                workers.check()
            for future in done:
                window = running.pop(future)
                for following in itertools.islice(waiting, 1):
                    running[workers.executor.submit(function, following)] = following
                yield window, result_of(future, window)
    finally:
        for future in running:
            future.cancel()


def result_of(future, window):
    """Result of a future; workers or a scheduler that died for good end as an InputError."""
    try:
        return future.result()
    except CancelledError as error:
        raise InputError(
            "the Dask scheduler is gone; what was finished is kept, --resume goes on with it"
        ) from error
    except Exception as error:
        if type(error).__name__ != "KilledWorker":
            raise
        raise InputError(
            f"window {window.name}: the workers on it died again and again, too little memory? Expected "
            "them to live (--window with a smaller number needs less)"
        ) from error
