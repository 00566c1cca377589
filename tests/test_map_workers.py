"""Where a map is worked on: processes, clusters, memory, other systems."""

import itertools
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mapping import pipeline
from mapping.windows import window_size
from tests.conftest import ROOT
from tests.map_files import draw, same
from tests.stack_files import read_map
from utils import memory, workers


def test_a_dask_cluster_that_loses_a_worker_still_draws_the_right_map(maps, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=0, processes=False, dashboard_address=None, host="127.0.0.1", protocol="tcp"
    ) as cluster:
        workers = [start_worker(cluster.scheduler_address, tmp_path) for _ in range(2)]
        try:
            cluster.wait_for_workers(2, timeout=120)
            save, kept = pipeline.save_part, []

            def save_and_kill(*words):
                save(*words)
                kept.append(words[1])
                if len(kept) == 3:
                    workers[0].send_signal(signal.SIGKILL)

            monkeypatch.setattr(pipeline, "save_part", save_and_kill)
            flags = ("--window", 4, "--scheduler", cluster.scheduler_address)
            draw(maps / "5.zarr", maps / "net.safetensors", tmp_path / "out", *flags)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
    assert workers[0].returncode == -signal.SIGKILL and len(kept) == 30
    assert same(read_map(tmp_path / "out"), read_map(maps / "filter1"))


def start_worker(scheduler, folder):
    """A Dask worker in a process of its own."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler]
    command += ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=environment, **quiet)


def test_local_dask_workers_draw_the_same_map(maps, tmp_path):
    pytest.importorskip("distributed")
    flags = ("--workers", 2, "--filter", 3, "--window", 9)
    assert same(
        draw(maps / "8.zarr", maps / "net.safetensors", tmp_path / "out", *flags),
        read_map(maps / "filter3"),
    )


@pytest.mark.parametrize("months", [14, 48, 240])
@pytest.mark.parametrize("chunk", [(256, 256), (1, 10980), (4096, 4096), (1, 10**6), (7, 3)])
def test_memory_is_bounded_by_windows_of_whole_chunks(chunk, months):
    shape = (10980, 10**6 if chunk[1] == 10**6 else 10980)
    stack = SimpleNamespace(
        source=SimpleNamespace(chunk=chunk),
        geobox=SimpleNamespace(shape=shape),
        months=range(months),
    )
    rows, columns = window_size(stack)
    largest = 2**18 * 48 / months
    assert largest / 20 < rows * columns <= largest
    if np.prod(chunk) <= largest:
        assert rows % chunk[0] == 0 or rows == shape[0]
        assert columns % chunk[1] == 0 or columns == shape[1]


def test_memory_of_finished_windows_goes_back_to_the_system(maps, tmp_path, monkeypatch):
    times = []
    monkeypatch.setattr("mapping.windows.WINDOWS_DONE", itertools.count(1))
    monkeypatch.setattr("mapping.windows.give_back_memory", lambda: times.append(1))
    draw(maps / "8.zarr", maps / "net.safetensors", tmp_path / "out", "--window", 5)
    assert len(times) == 20 // 8  # windows


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps memory")
def test_memory_that_was_kept_is_given_back():
    code = (
        "import numpy as np\n"
        "from utils.memory import give_back_memory, keep_memory\n"
        "def held(): return int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "keep_memory()\n"
        "for i in range(3): arrays = [np.ones(2**17) for _ in range(200)]; last = np.ones(9)\n"
        "del arrays\n"
        "kept = held()\n"
        "give_back_memory()\n"
        "print(kept > 150e6, held() < kept - 100e6)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "True True\n", done.stdout + done.stderr


def test_windows_and_macos_have_no_such_memory_and_no_affinity(monkeypatch):
    def no_library(name):
        raise TypeError("bad argument type for built-in operation")  # as on Windows

    monkeypatch.setattr("utils.memory.ctypes.CDLL", no_library)
    memory.keep_memory.cache_clear()
    memory.keep_memory()
    memory.give_back_memory()
    memory.keep_memory.cache_clear()
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert workers.cores() == os.cpu_count()


def test_a_map_is_drawn_where_the_system_is_windows(maps, tmp_path):
    """All that Windows lacks is taken away: forks, signals of Unix, the library of the process."""
    code = (
        "import ctypes, multiprocessing, os, signal, sys\n"
        "import torch, rasterio, zarr, matplotlib.figure, pandas, pyproj\n"
        "def missing(name): raise TypeError('bad argument type')\n"
        "ctypes.CDLL = missing\n"
        "del os.sched_getaffinity, os.fork, signal.SIGKILL\n"
        "multiprocessing.get_all_start_methods = lambda: ['spawn']\n"
        "import map\n"
        "map.main(sys.argv[1:])\n"
    )
    words = [maps / "8.zarr", "--weights", maps / "net.safetensors", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert same(read_map(tmp_path / "out"), read_map(maps / "filter1"))
