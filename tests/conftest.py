"""What the tests share: a tiny labelled set, the real series, and a way to run the scripts."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from data_loader import BANDS, Samples, save_samples
from utils.legend import URBAN

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("TSSCD_SHARED", ROOT.parent / "shared" / "data"))

# A slow machine is no failure, and a failure comes again.
settings.register_profile("default", deadline=None, derandomize=True)
settings.load_profile("default")


def make_samples(n=60, steps=24, seed=0):
    """Series whose classes are plain to see: each class has its own level in every band.

    Half of the series change class once.
    """
    rng = np.random.default_rng(seed)
    levels = rng.uniform(300, 4000, (len(URBAN), len(BANDS)))
    before, after, month = (
        rng.integers(0, 6, n),
        rng.integers(0, 6, n),
        rng.integers(4, steps - 4, n),
    )
    after = np.where(rng.random(n) < 0.5, before, after)
    y = np.where(np.arange(steps) < month[:, None], before[:, None], after[:, None]).astype(np.int8)
    x = levels[y].transpose(0, 2, 1) + rng.normal(0, 60, (n, len(BANDS), steps))
    x[:, :, 2][rng.random(n) < 0.2] = np.nan
    site = np.array([f"{'ABC'[i % 3]}_{i % 12}" for i in range(n)])
    lonlat = np.column_stack([110 + 0.5 * (np.arange(n) % 12), 30 + 0.001 * rng.random(n)])
    months = np.datetime64("2017-12", "M") + np.arange(steps)
    return Samples(
        x.astype(np.float32), y, months, BANDS, URBAN, np.arange(n).astype(str), lonlat, site
    )


def made_up(count=60, steps=24, legend=URBAN, seed=0):
    """Series with a change (every third), two changes (every third), or none; sites of four."""
    rng = np.random.default_rng(seed)
    y = np.zeros((count, steps), np.int8)
    y[1::3, steps // 2 :] = 1
    y[2::3, steps // 3 :] = 1
    y[2::3, 2 * steps // 3 :] = 0
    x = (
        rng.normal(1000, 100, (count, len(BANDS), steps)).astype(np.float32)
        + np.float32(2000) * y[:, None]
    )
    x[:, :, 3] = np.nan
    months = np.datetime64("2019-05", "M") + np.arange(steps)
    ids = np.array([f"plot {i}/a" for i in range(count)])
    site = np.array([f"s{i // 4}" for i in range(count)])
    return Samples(x, y, months, BANDS, legend, ids, None, site)


def table_of(samples):
    """The samples as a long table, as `data_loader.read_table` takes it."""
    n, _, steps = samples.x.shape
    rows = {
        "sample": np.repeat(samples.ids, steps),
        "month": np.tile(samples.months.astype(str), n),
    }
    rows |= {band: samples.x[:, i].ravel() for i, band in enumerate(samples.bands)}
    rows |= {
        "label": samples.y.ravel(),
        "lon": np.repeat(samples.lonlat[:, 0], steps),
        "lat": np.repeat(samples.lonlat[:, 1], steps),
        "site": np.repeat(samples.site, steps),
    }
    return pd.DataFrame(rows)


@pytest.fixture
def samples():
    return make_samples()


@pytest.fixture
def sample_file(tmp_path, samples):
    save_samples(tmp_path / "tiny.npz", samples)
    return tmp_path / "tiny.npz"


@pytest.fixture(scope="session")
def shared():
    """The folder of real series; tests that need it are skipped where it is not."""
    if not (SHARED / "coast_train.npz").exists():
        pytest.skip("the real series are not at hand (TSSCD_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def maps(tmp_path_factory):
    """A folder with a network, stacks in several chunkings, and maps of them; see map_files.py."""
    from tests.map_files import make_maps  # only here: it reads rasters

    return make_maps(tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """A map of several tiles; see map_files.py."""
    from tests.map_files import make_large

    return make_large(tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="session")
def five_months(tmp_path_factory):
    """Scenes of five months, how to make a stack of them, and one made; see composite_files.py."""
    from tests.composite_files import make_five_months

    return make_five_months(tmp_path_factory.mktemp("months"))


@pytest.fixture
def quick(tmp_path, sample_file):
    """Arguments of a training of seconds, in a folder of its own."""
    from tests.run_files import QUICK, places

    return ("run.py", *places(tmp_path, sample_file), *QUICK)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A finished run in a folder with its data: runs/first, weights/first.safetensors."""
    from tests.run_files import make_trained

    return make_trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def demo_folder(tmp_path, monkeypatch):
    """A folder with samples and the weights of a tiny network, of which demo.py is told."""
    from tests.demo_files import make_demo_folder

    return make_demo_folder(tmp_path, monkeypatch)


def run_script(*arguments, cwd=ROOT, **environment):
    """Run one of the scripts as a user does; returns the finished process, its output as text."""
    command = [sys.executable, str(ROOT / arguments[0]), *map(str, arguments[1:])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"} | environment
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


def wait_for(condition, seconds=120):
    """Wait until the condition holds, at most so long."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def assert_one_clear_line(process, *words):
    """The script ended as bad input ends: exit 2, and one line on stderr with these words."""
    lines = [line for line in process.stderr.splitlines() if not line.startswith("\r")]
    assert process.returncode == 2, process.stderr
    assert lines[-1].startswith("error: ") and "Traceback" not in process.stderr
    assert all(str(word) in lines[-1] for word in words), lines[-1]


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """A made-up map with its labels, and a design of 120 points without a page."""
    from assess_files import made_up_labels, write_map

    from assessing.design import design

    folder = tmp_path_factory.mktemp("area")
    labels = made_up_labels()
    made = write_map(folder / "map", labels)
    out, _ = design(made, folder / "assess", points=120, minimum=10, page=False)
    return made, labels, out
