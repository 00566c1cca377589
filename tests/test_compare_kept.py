"""compare.py: what it keeps, and until when; several processes at a time."""

import itertools
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyxccd")
pytest.importorskip("statsmodels")

import models
from comparing import running
from comparing.cells import Cell, Data
from comparing.code import code_behind
from comparing.registry import METHODS, known, module_of
from comparing.running import cell_path, cell_paths, code_of, load_result, run_cells
from data_loader import save_samples
from tests.comparing_samples import call, made_samples, saved_samples
from tests.conftest import wait_for
from utils.errors import InputError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return saved_samples(tmp_path_factory.mktemp("data"))


def test_a_second_call_runs_nothing_and_a_lost_cell_is_run_again(file, tmp_path, monkeypatch):
    runs, honest = [], running.run_cell
    monkeypatch.setattr(
        running, "run_cell", lambda cell, *rest: runs.append(cell) or honest(cell, *rest)
    )
    cells, data = [Cell("patchnet", epochs=1, seed=seed) for seed in (0, 1)], Data(str(file))
    first = run_cells(cells, data, tmp_path)
    assert runs == cells
    again = run_cells(cells, data, tmp_path)
    assert runs == cells and all((a.labels == b.labels).all() for a, b in zip(first, again))
    cell_paths(cells, data, tmp_path)[1].unlink()
    run_cells(cells, data, tmp_path)
    assert runs == [*cells, cells[1]]


def test_an_interruption_leaves_finished_cells_and_no_half_one(file, tmp_path, monkeypatch):
    honest = running.run_cell

    def stop_at_second(cell, *rest):
        if cell.seed == 1:
            raise KeyboardInterrupt
        return honest(cell, *rest)

    monkeypatch.setattr(running, "run_cell", stop_at_second)
    cells, data = [Cell("patchnet", epochs=1, seed=seed) for seed in (0, 1)], Data(str(file))
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, data, tmp_path)
    kept = list(tmp_path.iterdir())
    assert kept == cell_paths(cells[:1], data, tmp_path)
    assert load_result(kept[0], cells[0]).labels.shape[0] == 1


def kill_a_worker(folder):
    """Wait for the first finished cell, then end one of the processes that work on the others."""
    while not list(folder.glob("cells/[!.]*.npz")):
        time.sleep(0.01)
    os.kill(next(child.pid for child in multiprocessing.active_children()), signal.SIGKILL)


def test_a_killed_worker_is_said_in_one_line_and_the_next_call_completes(
    file, tmp_path, monkeypatch
):
    arguments = [
        "--data",
        file,
        "--methods",
        "patchnet",
        "--epochs",
        4,
        "--repeats",
        4,
        "--out",
        tmp_path,
    ]
    threading.Thread(target=kill_a_worker, args=[tmp_path], daemon=True).start()
    with pytest.raises(InputError, match="a process died") as error:
        call(monkeypatch, *arguments, "--processes", 2)
    assert "\n" not in str(error.value)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*.npz")}
    assert 1 <= len(kept) < 4 and not (tmp_path / "scores.csv").exists()
    call(monkeypatch, *arguments, "--processes", 1)
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 4
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


@pytest.fixture
def ctrl_c():
    """Ctrl-C as a terminal gives it; what a shell or a test runner starts may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_all(folder):
    """Wait for the first finished cell, then do what Ctrl-C does, to all processes."""
    while not list(folder.glob("[!.]*.npz")):
        time.sleep(0.01)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_all_processes_without_a_traceback_and_keeps_what_is_finished(
    file, tmp_path, capfd, ctrl_c
):
    long = [Cell("patchnet", epochs=5000, seed=seed) for seed in (1, 2)]
    cells = [Cell("patchnet", epochs=1), *long]
    threading.Thread(target=interrupt_all, args=[tmp_path], daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, Data(str(file)), tmp_path, processes=2)
    # One that goes on would take minutes. One that ended is listed until the pool's thread is told.
    wait_for(lambda: not multiprocessing.active_children(), seconds=30)
    assert "Traceback" not in capfd.readouterr().err
    kept = cell_paths(cells[:1], Data(str(file)), tmp_path)
    assert list(tmp_path.glob("[!.]*.npz")) == kept


def test_other_settings_data_or_code_make_other_cells(file, tmp_path):
    cell, data = Cell("forest"), Data(str(file))
    names = {
        cell_path(cell, data, "data", "code", tmp_path),
        cell_path(cell, data, "data", "other code", tmp_path),
        cell_path(cell, data, "other data", "code", tmp_path),
        cell_path(replace(cell, seed=1), data, "data", "code", tmp_path),
        cell_path(cell, Data(str(file), bands=("B2",)), "data", "code", tmp_path),
    }
    assert len(names) == 5
    other = tmp_path / "other.npz"
    samples = made_samples()
    save_samples(other, replace(samples, y=np.roll(samples.y, 1, axis=0)))
    assert running.fingerprint(data) != running.fingerprint(Data(str(other)))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the code of this repository, to edit."""
    copy = tmp_path_factory.mktemp("tree")
    for path in [*ROOT.glob("*.py"), *ROOT.glob("*/*.py"), *ROOT.glob("*/*/*.py")]:
        if "tests" not in path.parts:
            place = copy / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    return copy


@pytest.mark.parametrize("method", ["forest", "ccdc", "patchnet"])
@pytest.mark.parametrize(
    "file",
    [
        "data_loader.py",
        "utils/matching.py",
        "utils/metrics.py",
        "utils/legend.py",
        "utils/bands.py",
        "utils/splits.py",
        "comparing/cells.py",
        "comparing/parts.py",
        "comparing/methods/segments.py",
        "comparing/methods/selection.py",
    ],
)
def test_a_cell_is_not_kept_when_code_that_all_methods_run_changes(method, file, tree):
    before, text = code_of(Cell(method), root=tree), (tree / file).read_text()
    (tree / file).write_text(text + "\nCHANGED = True\n")
    after = code_of(Cell(method), root=tree)
    (tree / file).write_text(text)
    assert after != before == code_of(Cell(method), root=tree)


@pytest.mark.parametrize(
    "file, of",
    [
        ("comparing/methods/ccdc.py", {"ccdc", "sccd"}),
        ("comparing/methods/structural_breaks.py", {"bfast"}),
        ("models/decode.py", set(models.NETWORKS) | {"fcn-paper"}),
        ("training/augment.py", set(models.NETWORKS) | {"fcn-paper"}),
        ("comparing/registry.py", set()),
        ("comparing/figures.py", set()),
        ("mapping/pipeline.py", set()),
    ],
)
def test_a_change_makes_only_those_cells_anew_that_run_the_changed_code(file, of, tree):
    before, text = {name: code_of(Cell(name), root=tree) for name in known()}, tree / file
    original = text.read_text()
    text.write_text(original + "\nCHANGED = True\n")
    changed = {name for name in known() if code_of(Cell(name), root=tree) != before[name]}
    text.write_text(original)
    assert changed == of & set(known())


def test_compare_runs_a_cell_again_after_an_edit_of_the_code_and_not_before(file, tree, tmp_path):
    """The script itself, in a copy of the tree that is really edited between two calls."""
    script = """
import sys
from pathlib import Path
import compare
for edit in ("", "", "\\nCHANGED = True\\n"):
    with open("utils/matching.py", "a") as code:
        code.write(edit)
    compare.main()
"""
    flags = ["--data", file, "--methods", "forest", "--train-size", "20", "--out", tmp_path]
    text = (tree / "utils" / "matching.py").read_text()
    command = [sys.executable, "-c", script, *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tree)
    (tree / "utils" / "matching.py").write_text(text)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"(\d) cells kept, (\d) to run", done.stderr)
    assert [pair for pair, _ in itertools.groupby(said)] == [("0", "1"), ("1", "0"), ("0", "1")]
    assert len(list(tmp_path.glob("cells/*.npz"))) == 2


def test_the_code_found_behind_a_method_is_all_that_python_loads_to_run_it(file):
    """What the imports say, held against what Python loads when the cell runs."""
    script = f"""
import json, sys
from comparing.cells import Cell, Data, load_for, run_cell
from comparing.running import method_of
for name in ("forest", "bfast_monitor", "patchnet"):
    before = set(sys.modules)
    cell = Cell(name, train_size=20, epochs=1)
    run_cell(cell, method_of(cell), load_for(cell, Data({str(file)!r})), 1)
print(json.dumps([m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    names = ("forest", "bfast_monitor", "patchnet")
    found = code_behind("comparing.cells", *(module_of(name) for name in names))
    loaded = {Path(path) for path in json.loads(done.stdout)}
    own = {path for path in loaded if ROOT in path.parents and "site-packages" not in path.parts}
    around = {ROOT / "comparing" / name for name in ("registry.py", "running.py", "code.py")}
    assert own - around <= set(found) and ROOT / "utils" / "matching.py" in own


def test_a_second_comparison_in_one_folder_says_that_the_first_is_at_work(
    file, tmp_path, monkeypatch
):
    holder = (
        "import sys; from utils.files import claimed\n"
        "with claimed(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, tmp_path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process works in it"):
            call(monkeypatch, "--data", file, "--methods", "forest", "--out", tmp_path)
        assert {path.name for path in tmp_path.iterdir()} <= {".claim"}
        first.kill()  # a claim that a killed process leaves does not stop the next call
    call(monkeypatch, "--data", file, "--methods", "forest", "--out", tmp_path, "--processes", 1)
    assert (tmp_path / "scores.csv").is_file()


def test_every_method_of_the_registry_is_found():
    for name, place in METHODS.items():
        assert (ROOT / (place.rpartition(".")[0].replace(".", "/") + ".py")).is_file(), name


def test_parallel_processes_give_the_same_labels(file, tmp_path):
    cells, data = [Cell("patchnet", epochs=1, seed=seed) for seed in (0, 1)], Data(str(file))
    alone = run_cells(cells, data, tmp_path / "one")
    together = run_cells(cells, data, tmp_path / "two", processes=2)
    assert all(
        (a.labels == b.labels).all() and a.setting == b.setting for a, b in zip(alone, together)
    )
