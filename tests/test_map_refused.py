"""What map.py cannot use, in one line each."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import map as map_script
from tests.conftest import ROOT, assert_one_clear_line, run_script
from tests.map_files import STACK, draw
from tests.stack_files import save_network, write_folder
from utils.bands import BANDS
from utils.errors import InputError

WORK = {".parts", ".claim"}  # what an unfinished map leaves in its folder


def bad_run(tmp_path, kind):
    """Command-line words of a map that cannot be drawn, and what its error must name."""
    net, monthly = tmp_path / "net.safetensors", tmp_path / "monthly"
    if kind != "weights missing":
        save_network(net, bands=(*BANDS[:9], "VV") if kind == "bands of the weights" else BANDS)
    write_folder(monthly, STACK[:11] if kind == "eleven months" else STACK, compress="deflate")
    words = [monthly, "--weights", net, "--out", tmp_path / "out"]
    if kind == "damaged month":
        file = monthly / "S2_201906_10m.tif"
        file.write_bytes(file.read_bytes()[:-3000])
        return words, [file, "cannot be read"]
    if kind == "out below a file":
        return [*words[:-1], net / "out"], [net / "out", "cannot be written"]
    return {
        "weights found": (words, []),
        "weights missing": (words, [net, "not found"]),
        "bands of the weights": (words, [monthly, "VV"]),
        "eleven months": (words, [monthly, "found 11 months, expected at least 12"]),
        "even filter": ([*words, "--filter", 4], ["--filter", "4 found"]),
        "window of nothing": ([*words, "--window", 0], ["--window"]),
        "offset": ([*words, "--offset", "much"], ["--offset", "much"]),
        "no such device": ([*words, "--device", "gpu"], ["--device", "gpu"]),
        "no GPU": ([*words, "--device", "cuda:99"], ["--device", "cuda:99"]),
        "no scheduler": ([*words, "--scheduler", "tcp://127.0.0.1:9"], ["127.0.0.1:9"]),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "damaged month",
        "out below a file",
        "weights missing",
        "bands of the weights",
        "eleven months",
        "even filter",
        "window of nothing",
        "offset",
        "no such device",
        "no GPU",
        "no scheduler",
    ],
)
def test_what_cannot_be_mapped_ends_in_one_line(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("utils.workers.ANSWER", 1)
    words, named = bad_run(tmp_path, kind)
    with pytest.raises(InputError) as error:
        map_script.main([str(word) for word in words])
    assert all(str(word) in str(error.value) for word in named), str(error.value)
    assert "\n" not in str(error.value)
    assert not [file for file in tmp_path.glob("out/*") if file.name not in WORK]


def test_an_error_reaches_the_terminal_as_one_line(tmp_path):
    words, named = bad_run(tmp_path, "damaged month")
    assert_one_clear_line(run_script("map.py", *words), *named)


def test_an_error_does_not_stand_on_the_line_of_the_bar(tmp_path):
    words, _ = bad_run(tmp_path, "weights found")
    process = run_script("map.py", *words, "--scheduler", "nowhere")
    assert_one_clear_line(process, "--scheduler nowhere", "no Dask scheduler")


def test_a_wrong_flag_is_answered_at_once_not_after_torch_is_imported(tmp_path):
    code = (
        "import sys, map\ntry:\n    map.main(['stack', '--filter', '4', '--workers', '2'])\n"
        "except ValueError as error:\n    print(error, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "4 found; expected an odd number" in done.stdout and done.stdout.endswith("False\n"), (
        done.stdout + done.stderr
    )


def test_a_read_only_folder_is_named(maps, tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(InputError, match="cannot be written"):
        draw(maps / "8.zarr", maps / "net.safetensors", tmp_path / "out")


def test_a_disk_too_small_is_said_before_any_work(maps, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "mapping.unfinished.shutil.disk_usage", lambda folder: SimpleNamespace(free=1000)
    )
    with pytest.raises(InputError, match=r"out: 0 MB free.*at least 2 MB"):
        draw(maps / "8.zarr", maps / "net.safetensors", tmp_path / "out")


@pytest.mark.parametrize("limit", [1_000, 60_000])
def test_a_disk_that_fills_up_leaves_nothing_half_written(maps, tmp_path, limit):
    """No file may grow beyond `limit` bytes: the write fails as on a full disk, early in the map or
    late.
    """
    code = (
        "import resource, runpy, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            ROOT / "map.py",
            maps / "8.zarr",
            "--weights",
            maps / "net.safetensors",
            "--out",
            tmp_path / "out",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and "written" in done.stderr.splitlines()[-1]
    assert not [file for file in (tmp_path / "out").glob("*") if file.name not in WORK]
