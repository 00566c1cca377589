"""Where windows are worked on: threads of this process, Dask workers here, or a Dask cluster.

All three take the same call, `submit` as in concurrent.futures. So nothing else knows which of them
is at work.
"""

import itertools
import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver

from utils.errors import InputError
from utils.memory import keep_memory

# Windows at work in a process: one is in the network, which takes all cores; the other is read or
# finished.
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
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_fork_server(module):
    """Begin to import the `module` that local workers need, once, in a process from which all of
    them are then forked.

    It goes on beside the caller's own imports. Where there is no fork, workers start as Dask starts
    them, and later.
    """
    if FORKS:
        forkserver.set_forkserver_preload(["distributed", module])
        forkserver.ensure_running()


@contextmanager
def open_workers(workers=0, scheduler=None):
    """Yield Workers: threads of this process (workers 0), `workers` local Dask processes, or those
    of the Dask cluster at the address `scheduler`.
    """
    if scheduler is not None:
        with cluster_client(scheduler) as client:
            yield dask_workers(client, scheduler, None)
    elif workers:
        with local_client(workers) as client:
            yield dask_workers(client, "the local cluster", max(1, cores() // workers))
    else:
        executor = ThreadPoolExecutor(AHEAD)
        try:
            yield Workers(executor, AHEAD, cores())
        finally:
            executor.shutdown(cancel_futures=True)


@contextmanager
def local_client(workers):
    """Yield a Dask client of so many new processes on this machine."""
    import dask  # slow to import, distributed even more
    from distributed import Client, LocalCluster

    method = {"distributed.worker.multiprocessing-method": "forkserver"} if FORKS else {}
    settings = {
        "n_workers": workers,
        "threads_per_worker": AHEAD,
        "processes": True,
        "dashboard_address": None,
        "memory_limit": 0,
    }
    with dask.config.set(method), LocalCluster(**settings) as cluster, Client(cluster) as client:
        client.run(keep_memory)
        yield client


def cluster_client(scheduler):
    """A Dask client of the scheduler at this address; raises InputError if none answers."""
    from distributed import Client

    try:
        return Client(scheduler, timeout=ANSWER)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"--scheduler {scheduler}: no Dask scheduler answers there ({error})"
        ) from error


def dask_workers(client, name, threads):
    """Workers of a Dask client; `threads` None takes each worker's own number."""

    def check():
        if not client.scheduler_info()["workers"]:
            raise InputError(
                f"{name}: no worker is there; expected at least one "
                "('dask worker ADDRESS' starts one)"
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
            f"window {window.name}: the workers died on it again and again, too little memory? "
            "Expected them to live (--window with a smaller number needs less)"
        ) from error
