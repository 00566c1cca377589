"""Mapping an area: what a user would meet if one of these broke is in each test's name."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rio_cogeo.cogeo import cog_validate
from stack_files import CRS, FIRST, GRID, read_map, save_network, values, write_folder, write_zarr

import map as map_script
import models
from mapping import mosaic, pipeline
from mapping.figures import hectares_by_kind
from mapping.summary import Row
from mapping.windows import window_size
from tests.conftest import ROOT, assert_one_clear_line, run_script
from utils import memory, workers
from utils.bands import BANDS
from utils.changes import spatial_majority_filter
from utils.errors import InputError
from utils.legend import URBAN, Legend

STACK = values()
MONTHS = [str(FIRST + i) for i in range(len(STACK))]
NAMES = [
    "change_confidence",
    "change_count",
    "confidence",
    "first_change",
    "from_to",
    "labels",
    "last_change",
    "reason",
    "second",
]
WORK = {".parts", ".claim"}  # what an unfinished map leaves in its folder


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with a network, stacks in several chunkings, and a map of it by the plainest
    settings.
    """
    folder = tmp_path_factory.mktemp("map")
    save_network(folder / "net.safetensors")
    for chunk in (5, 8, 64):
        write_zarr(folder / f"{chunk}.zarr", STACK, chunk=chunk)
    write_folder(folder / "monthly", STACK)
    for width in (1, 3, 5):
        draw(
            folder / "8.zarr",
            folder / "net.safetensors",
            folder / f"filter{width}",
            "--filter",
            width,
        )
    return folder


def draw(stack, weights, out, *flags):
    """Run map.py in this process."""
    map_script.main([str(word) for word in (stack, "--weights", weights, "--out", out, *flags)])
    return read_map(out)


def same(one, other):
    """Whether two maps hold the same bytes of pixels and the same summary."""
    return (
        one[0].keys() == other[0].keys()
        and one[1] == other[1]
        and all(np.array_equal(one[0][name], other[0][name]) for name in one[0])
    )


class Interrupted(BaseException):
    """As Ctrl-C or a lost connection: no error that the code could expect."""


@settings(max_examples=5)
@given(
    stack=st.sampled_from(["5.zarr", "8.zarr", "64.zarr", "monthly"]),
    window=st.integers(6, 30),
    width=st.sampled_from([1, 3, 5]),
    stop_after=st.integers(0, 8),
    ahead=st.integers(1, 4),
)
def test_windows_chunks_and_interruptions_leave_no_trace_in_the_pixels(
    made, tmp_path_factory, stack, window, width, stop_after, ahead
):
    out = tmp_path_factory.mktemp("out") / "map"
    flags = (made / stack, made / "net.safetensors", out, "--window", window, "--filter", width)
    save = pipeline.save_part
    kept = []

    def save_some(*words):
        if len(kept) == stop_after:
            raise Interrupted
        save(*words)
        kept.append(words[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("utils.workers.AHEAD", ahead)
        patch.setattr(mosaic, "draw_figures", lambda *words: None)
        patch.setattr(pipeline, "save_part", save_some)
        try:
            draw(*flags)
        except Interrupted:
            assert not list(out.glob("*.tif")), (
                "an interrupted map has no file under its final name"
            )
            patch.setattr(
                pipeline, "save_part", lambda *words: (kept.append(words[1]), save(*words))
            )
            draw(*flags, "--resume")
    assert len(kept) == len(set(kept)), "no window is labelled twice"
    assert same(read_map(out), read_map(made / f"filter{width}"))


def test_spatial_filter_equals_that_of_the_whole_image(made):
    plain, filtered = (
        read_map(made / f"filter{width}")[0]["labels"].view(np.int8) for width in (1, 3)
    )
    assert (filtered == spatial_majority_filter(plain, 3)).all() and (filtered != plain).any()


def test_files_are_cogs_on_the_stacks_grid_that_say_what_they_hold(made):
    out = made / "filter1"
    assert sorted(file.stem for file in out.glob("*.tif")) == NAMES
    for name in NAMES:
        valid, errors, _ = cog_validate(out / f"{name}.tif", strict=True)
        assert valid, (name, errors)
        assert (
            "<paletteEntry" in (style := (out / f"{name}.qml").read_text())
            or "colorrampshader" in style
        )
        with rasterio.open(out / f"{name}.tif") as raster:
            assert (
                raster.crs == CRS and raster.shape == STACK.shape[2:] and raster.nodata is not None
            )
            assert raster.transform.almost_equals(GRID, 1e-6) and all(raster.descriptions)
            if raster.count == 1 and raster.dtypes[0] != "int32":  # where TIFF has colour tables
                assert raster.colormap(1)[0][3] == 255
    with rasterio.open(out / "labels.tif") as raster:
        assert list(raster.descriptions) == MONTHS and raster.tags()["value_2"] == "grassland"
        assert raster.tags()["colour_0"] == URBAN.colours[0]
    with rasterio.open(out / "from_to.tif") as raster:
        assert raster.tags()["value_605"] == "cropland to impervious surface"
    with rasterio.open(out / "reason.tif") as raster:
        assert raster.tags()["value_1"] == "no observation in any month"
    assert "bare soil" in (out / "labels.qml").read_text()
    for figure in ("map.png", "classes.png", "transitions.png"):
        assert (out / figure).read_bytes()[:4] == b"\x89PNG"
    assert not (out / ".parts").exists()


def test_geotiff_grid_is_kept_to_the_last_digit(made, tmp_path):
    draw(made / "monthly", made / "net.safetensors", tmp_path)
    for name in NAMES:
        with rasterio.open(tmp_path / f"{name}.tif") as raster:
            assert raster.transform == GRID and raster.crs == rasterio.CRS.from_string(CRS)


def by_level(net, x, **options):
    """Labels that a reader can foretell: the class is the first band's whole hundreds, its
    probability 0.5; that of the next class is 0.3.
    """
    labels = (np.maximum(x[:, 0], 0) // 100).astype(np.int8)
    classes = np.arange(6)[:, None]
    probability = np.where(labels[:, None] == classes, 0.5, 0.05).astype(np.float32)
    probability[(labels[:, None] + 1) % 6 == classes] = 0.3
    return labels, np.full(labels.shape, 0.5, np.float32), probability


def drawn_by_level(tmp_path, monkeypatch, classes, *flags, transform=GRID, crs=CRS, **hidden):
    """Map of a stack whose pixels have the given classes (T, y, x); hidden: unseen=(T, y, x)
    bool.
    """
    stack = np.repeat(np.asarray(classes)[:, None] * 100 + 50, 10, axis=1).astype(np.int16)
    if hidden:
        stack[np.repeat(hidden["unseen"][:, None], 10, axis=1)] = -32768
    monkeypatch.setattr(models, "label", by_level)
    write_folder(tmp_path / "monthly", stack, transform=transform, crs=crs)
    return draw(
        tmp_path / "monthly", save_network(tmp_path / "net.safetensors"), tmp_path / "out", *flags
    )


def test_rasters_mean_what_they_say(tmp_path, monkeypatch):
    classes = np.zeros((14, 1, 4), int)
    classes[5:, 0, 1] = 3  # water to bare soil in 2019-07 ...
    classes[9:, 0, 1] = 4  # ... to impervious surface in 2019-11
    classes[11:, 0, 2] = 5  # water to cropland in 2020-01
    unseen = np.zeros((14, 1, 4), bool)
    unseen[:, 0, 3] = True
    pixels, summary, _ = drawn_by_level(tmp_path, monkeypatch, classes, unseen=unseen)
    assert pixels["labels"][:, 0, :3].tolist() == classes[:, 0, :3].tolist()
    assert (pixels["labels"][:, 0, 3] == 255).all()
    assert pixels["change_count"][0, 0].tolist() == [0, 2, 1, 255]
    assert pixels["first_change"][0, 0].tolist() == [0, 201907, 202001, -1]
    assert pixels["last_change"][0, 0].tolist() == [0, 201911, 202001, -1]
    assert pixels["from_to"][0, 0].tolist() == [0, 405, 106, 65535]
    assert pixels["confidence"][0, 0].tolist() == [50, 50, 50, 255]
    assert pixels["reason"][0, 0].tolist() == [0, 0, 0, 1]
    rows = list(csv.DictReader(summary.splitlines()))
    changes = [
        (r["month"], r["from_class"], r["to_class"], r["pixels"], r["hectares"])
        for r in rows
        if r["kind"] == "transition"
    ]
    assert changes == [
        ("2019-07", "water", "bare soil", "1", "0.0100"),
        ("2019-11", "bare soil", "impervious surface", "1", "0.0100"),
        ("2020-01", "water", "cropland", "1", "0.0100"),
    ]
    last = {
        r["class"]: r["pixels"] for r in rows if r["kind"] == "class" and r["month"] == "2020-03"
    }
    assert last == {
        "no label": "1",
        "water": "1",
        "impervious surface": "1",
        "cropland": "1",
        "woodland": "0",
        "grassland": "0",
        "bare soil": "0",
    }


def test_every_pixel_without_a_label_has_a_reason(tmp_path, monkeypatch):
    unseen = np.zeros((14, 6, 5), bool)
    unseen[:, 0, :] = True
    unseen[3:, 1, :] = True  # three months are left
    unseen[5:, 2, :] = True  # five
    pixels, _, _ = drawn_by_level(
        tmp_path, monkeypatch, np.ones((14, 6, 5), int), "--min-months", 5, unseen=unseen
    )
    assert pixels["reason"][0, :, 0].tolist() == [1, 2, 0, 0, 0, 0]
    assert ((pixels["reason"] > 0) == (pixels["labels"] == 255)).all()

    monkeypatch.setattr(
        models,
        "label",
        lambda net, x, **options: (np.full(x[:, 0].shape, -1, np.int8), *by_level(net, x)[1:]),
    )
    pixels, _, _ = draw(tmp_path / "monthly", tmp_path / "net.safetensors", tmp_path / "silent")
    assert set(np.unique(pixels["reason"])) == {1, 3} and (pixels["labels"] == 255).all()


def test_area_without_any_observation_is_mapped_as_such(made, tmp_path):
    write_folder(tmp_path / "monthly", np.full_like(STACK, -32768))
    pixels, _, _ = draw(tmp_path / "monthly", made / "net.safetensors", tmp_path / "out")
    assert (pixels["reason"] == 1).all() and (pixels["labels"] == 255).all()


def test_hectares_add_up_to_the_ground_area_in_degrees(tmp_path, monkeypatch):
    from pyproj import Geod

    grid = rasterio.Affine(1e-2, 0, 112.9, 0, -1e-2, 28.1)
    classes = np.random.default_rng(0).integers(0, 6, (14, 30, 20))
    _, summary, _ = drawn_by_level(
        tmp_path, monkeypatch, classes, "--window", 7, transform=grid, crs="EPSG:4326"
    )
    area = [
        float(r["hectares"])
        for r in csv.DictReader(summary.splitlines())
        if r["kind"] == "class" and r["month"] == "2019-02"
    ]
    lon, lat = 112.9 + np.arange(21) * 1e-2, 28.1 - np.arange(31) * 1e-2
    around = (
        np.r_[lon, np.full(31, lon[-1]), lon[::-1], np.full(31, lon[0])],
        np.r_[np.full(21, lat[0]), lat, np.full(21, lat[-1]), lat[::-1]],
    )
    assert sum(area) == pytest.approx(
        abs(Geod(ellps="WGS84").polygon_area_perimeter(*around)[0]) / 10_000, rel=1e-6
    )


def test_resume_computes_only_what_is_missing_and_never_mixes_maps(made, tmp_path, monkeypatch):
    flags = (made / "8.zarr", made / "net.safetensors", tmp_path / "out")
    save = pipeline.save_part
    monkeypatch.setattr(
        pipeline,
        "save_part",
        lambda parts, window, layers: (
            save(parts, window, layers) if window.top == 0 else (_ for _ in ()).throw(Interrupted)
        ),
    )
    with pytest.raises(Interrupted):
        draw(*flags, "--window", 10)
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"unfinished map.*--resume.*--overwrite"):
        draw(*flags, "--window", 10)
    other = save_network(tmp_path / "other.safetensors", seed=1)
    stack = write_zarr(tmp_path / "other.zarr", values(seed=1))
    for different, word in (
        (("--filter", 3), "--filter"),
        (("--weights", other), "weights"),
        (("--window", 9), "window"),
        (("--min-months", 2), "--min-months"),
        (("--offset=-5",), "offset"),
    ):
        with pytest.raises(InputError, match=word):
            draw(*flags, "--window", 10, "--resume", *different)
    with pytest.raises(InputError, match="stack"):
        draw(stack, *flags[1:], "--window", 10, "--resume")
    draw(*flags, "--window", 10, "--resume")
    assert same(read_map(tmp_path / "out"), read_map(made / "filter1"))
    with pytest.raises(InputError, match="holds a map"):
        draw(*flags, "--window", 10)
    draw(*flags, "--window", 10, "--resume")
    draw(*flags, "--overwrite", "--filter", 3)
    assert same(read_map(tmp_path / "out"), read_map(made / "filter3"))


def test_resume_labels_the_rest_in_the_precision_that_was_measured_first(
    made, tmp_path, monkeypatch
):
    """Else a map begun on one machine and continued on another would be of two precisions."""
    flags = (made / "8.zarr", made / "net.safetensors", tmp_path / "out", "--window", 10)
    asked, label = [], models.label

    def labelled(net, x, **options):
        asked.append(options["precision"])
        if len(asked) == 3:
            raise Interrupted
        return label(net, x, **options | {"precision": "float32"})

    monkeypatch.setattr(models, "label", labelled)
    monkeypatch.setattr(pipeline, "WORTH_MEASURING", 50)
    monkeypatch.setattr(models, "fastest_precision", lambda *_, **__: "bfloat16")
    with pytest.raises(Interrupted):
        draw(*flags)
    monkeypatch.setattr(models, "fastest_precision", lambda *_, **__: "float32")
    draw(*flags, "--resume")
    assert len(asked) > 4 and set(asked) == {"bfloat16"}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["precision"] == "bfloat16"


def test_a_part_that_was_damaged_is_named(made, tmp_path, monkeypatch):
    save = pipeline.save_part

    def save_then_damage(parts, window, layers):
        save(parts, window, layers)
        file = parts / f"{window.name}.npy"
        file.write_bytes(file.read_bytes()[:-10])

    monkeypatch.setattr(pipeline, "save_part", save_then_damage)
    with pytest.raises(InputError, match=r"0000000_0000000\.npy.*--resume"):
        draw(made / "8.zarr", made / "net.safetensors", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.tif"))


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def test_killed_at_any_moment_it_goes_on(made, tmp_path):
    words = (
        made / "5.zarr",
        "--weights",
        made / "net.safetensors",
        "--out",
        tmp_path / "out",
        "--window",
        5,
    )
    process = subprocess.Popen(
        [sys.executable, ROOT / "map.py", *map(str, words)], stderr=subprocess.DEVNULL
    )
    wait_for(
        lambda: (
            len(list((tmp_path / "out" / ".parts").glob("[0-9]*.npy"))) > 2
            or process.poll() is not None
        )
    )
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((tmp_path / "out").glob("*.tif"))
    assert same(
        draw(words[0], words[2], words[4], "--window", 5, "--resume"), read_map(made / "filter1")
    )


def test_a_dask_cluster_that_loses_a_worker_still_draws_the_right_map(made, tmp_path, monkeypatch):
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
            draw(made / "5.zarr", made / "net.safetensors", tmp_path / "out", *flags)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
    assert workers[0].returncode == -signal.SIGKILL and len(kept) == 30
    assert same(read_map(tmp_path / "out"), read_map(made / "filter1"))


def start_worker(scheduler, folder):
    """A Dask worker in a process of its own."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler]
    command += ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=environment, **quiet)


def test_local_dask_workers_draw_the_same_map(made, tmp_path):
    pytest.importorskip("distributed")
    flags = ("--workers", 2, "--filter", 3, "--window", 9)
    assert same(
        draw(made / "8.zarr", made / "net.safetensors", tmp_path / "out", *flags),
        read_map(made / "filter3"),
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


def test_memory_of_finished_windows_goes_back_to_the_system(made, tmp_path, monkeypatch):
    times = []
    monkeypatch.setattr("mapping.windows.give_back_memory", lambda: times.append(1))
    draw(made / "8.zarr", made / "net.safetensors", tmp_path / "out", "--window", 5)
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


def test_a_map_is_drawn_where_the_system_is_windows(made, tmp_path):
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
    words = [made / "8.zarr", "--weights", made / "net.safetensors", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert same(read_map(tmp_path / "out"), read_map(made / "filter1"))


def test_a_second_map_in_the_same_folder_says_that_the_first_is_at_work(made, tmp_path):
    out = tmp_path / "out"
    words = [made / "5.zarr", "--weights", made / "net.safetensors", "--out", out, "--window", 5]
    first = subprocess.Popen(
        [sys.executable, ROOT / "map.py", *map(str, words)], stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: any(out.glob(".parts/0*.npy")) or first.poll() is not None)
        first.send_signal(signal.SIGSTOP)  # it cannot end before the second has begun
        assert_one_clear_line(run_script("map.py", *words), out, "another process works in it")
    finally:
        first.kill()
        first.wait()
    assert_one_clear_line(run_script("map.py", *words[:-2]), out, "--resume")
    done = run_script("map.py", *words, "--resume")
    assert done.returncode == 0, done.stderr
    assert same(read_map(out), read_map(made / "filter1"))


def test_names_with_to_and_accents_and_blanks_go_all_the_way(tmp_path):
    names = ("bare", "bare to built", "built to built", "forêt claire", "built", "eau à marée")
    folder = tmp_path / "carte d'été, à moi"
    folder.mkdir()
    legend = Legend(names, URBAN.colours)
    net = save_network(folder / "réseau neuf.safetensors", legend=legend)
    stack = write_folder(folder / "été 2019", STACK)
    pixels, summary, _ = draw(stack, net, folder / "ma carte")
    with rasterio.open(folder / "ma carte" / "from_to.tif") as raster:
        assert raster.tags()["value_103"] == "bare to built to built"  # two kinds with one text
        assert raster.tags()["value_205"] == "bare to built to built"
    rows = [row for row in csv.DictReader(summary.splitlines()) if row["kind"] == "transition"]
    known = [Row("transition", row["month"], "", *map(row.get, PAIR)) for row in rows]
    kinds = hectares_by_kind(known, dict(enumerate(names)))
    found, times = np.unique(
        np.concatenate([from_to_codes(labels) for labels in [pixels["labels"]]]), return_counts=True
    )
    assert {code: round(sum(kinds[code].values()) * 100) for code in kinds} == dict(
        zip(found.tolist(), times.tolist())
    )


PAIR = ("from_class", "to_class", "pixels", "hectares")


def from_to_codes(labels):
    """Code of every transition in labels (T, y, x)."""
    before, after = labels[:-1].astype(int), labels[1:].astype(int)
    return ((before + 1) * 100 + after + 1)[before != after]


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


def test_a_read_only_folder_is_named(made, tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(InputError, match="cannot be written"):
        draw(made / "8.zarr", made / "net.safetensors", tmp_path / "out")


def test_a_disk_too_small_is_said_before_any_work(made, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "mapping.unfinished.shutil.disk_usage", lambda folder: SimpleNamespace(free=1000)
    )
    with pytest.raises(InputError, match=r"out: 0 MB free.*at least 2 MB"):
        draw(made / "8.zarr", made / "net.safetensors", tmp_path / "out")


@pytest.mark.parametrize("limit", [1_000, 60_000])
def test_a_disk_that_fills_up_leaves_nothing_half_written(made, tmp_path, limit):
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
            made / "8.zarr",
            "--weights",
            made / "net.safetensors",
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


@pytest.mark.parametrize("name", ["changsha_development", "changsha_stable"])
def test_real_series_are_mapped_on_their_own_grid(made, tmp_path, shared, name):
    pixels, _, settings_ = draw(
        shared / f"{name}.tif", made / "net.safetensors", tmp_path, "--first-month", "2019-02"
    )
    with (
        rasterio.open(shared / f"{name}.tif") as stack,
        rasterio.open(tmp_path / "labels.tif") as labels,
    ):
        assert (
            stack.transform == labels.transform
            and stack.crs == labels.crs
            and stack.shape == labels.shape
        )
        assert labels.descriptions[0] == "2019-02" and labels.descriptions[-1] == "2024-05"
        empty = stack.read(1) == 32767
    assert ((pixels["reason"][0] == 1) == empty).all()
    assert all(cog_validate(file, strict=True)[0] for file in tmp_path.glob("*.tif"))
    assert json.loads((tmp_path / "config.json").read_text()) == settings_
