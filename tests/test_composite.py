"""composite.py: scenes of a catalogue -> a monthly stack that map.py reads."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import zarr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from planetary_computer import sas
from rasterio.warp import transform

from compositing import composite, offsets
from compositing.catalogues import Cdse, PlanetaryComputer
from compositing.grid import window_geobox, windows_of
from compositing.monthly import MISSING, grown, median, medoid, reflectance
from compositing.reading import Reader, Unreadable
from compositing.remote import HEADERS_KEPT
from compositing.resampling import doubled, interpolated, on_grid
from compositing.scenes import scene_of
from mapping.stack import open_stack
from tests.conftest import assert_one_clear_line, run_script
from tests.stac_scenes import (
    FINE,
    LEFT,
    NAMES,
    SIDE,
    SceneSpec,
    bbox_of,
    classes,
    item_of,
    truth,
    write_catalogue,
    write_tiff,
)
from tests.stac_server import file_server, stac_api
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError
from utils.files import claimed

ROOT = Path(__file__).parents[1]
PLAIN = {"cloud_buffer": 0, "resampling": "nearest"}


def bytes_of(folder):
    """Digest of each file of a stack."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def rows_of(stack):
    """scenes.csv of a stack: {scene: row}."""
    path = Path(stack).with_name(f"{Path(stack).stem}_scenes.csv")
    with open(path, newline="") as file:
        return {row["scene"]: row for row in csv.DictReader(file)}


def block_of(stack, left, top, size):
    """reflectance (T, C, y, x) of a stack from a corner in metres on, NO_OBSERVATION outside."""
    root = zarr.open_group(str(stack), mode="r")
    numbers = [float(v) for v in root["spatial_ref"].attrs["GeoTransform"].split()]
    right, down = round((left - numbers[0]) / 10), round((numbers[3] - top) / 10)
    values = np.pad(root["reflectance"][:], ((0, 0), (0, 0), (9, 9), (9, 9)), constant_values=1)
    return values[:, :, down + 9 : down + 9 + size, right + 9 : right + 9 + size]


def plain_median(scenes, months):
    """Monthly medians (T, C, 64, 64) of the real scenes by NumPy alone."""
    folders = sorted(path.parent for path in scenes.glob("*/*.json"))
    result = []
    for month in months:
        chosen = [f for f in folders if f.name[10:16] == str(month).replace("-", "")]
        clear = [~np.isin(fine(f, "SCL"), (0, 1, 3, 8, 9, 10)) for f in chosen]
        for band in BANDS:
            numbers = [fine(f, NAMES[band]).astype(float) for f in chosen]
            looks = [np.where(c & (n > 0), n, np.nan) for c, n in zip(clear, numbers)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = np.nanmedian(looks, axis=0)
            result.append(np.where(np.isnan(found), NO_OBSERVATION, np.rint(found)))
    return np.reshape(result, (len(months), len(BANDS), 64, 64)).astype(np.int16)


def fine(folder, name):
    """A band of a real scene at 10 m."""
    with rasterio.open(folder / f"{name}.tif") as file:
        numbers = file.read(1)
    return numbers if len(numbers) == 64 else numbers.repeat(2, 0).repeat(2, 1)


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """A stack of the real scenes of six months."""
    out = tmp_path_factory.mktemp("real") / "fields.zarr"
    bbox = (3.0193, 50.8131, 3.0284, 50.8188)
    scenes = shared / "scenes"
    composite(out, bbox=bbox, months="2018-04:2018-09", catalog=scenes / "catalog.json", **PLAIN)
    return out


def test_real_scenes_equal_the_median_of_plain_numpy(real, shared):
    months = np.arange("2018-04", "2018-10", dtype="datetime64[M]")
    expected = plain_median(shared / "scenes", months)
    found = block_of(real, 501_360, 5_629_680, 64)
    inside = found[0, 0] != 1  # the bounding box is a little smaller than the scenes
    assert inside.mean() > 0.9
    assert (found == expected)[:, :, inside].all()
    assert (expected != NO_OBSERVATION).mean() > 0.9


def test_map_and_gdal_read_the_stack_as_it_is(real):
    stack = open_stack(real)
    assert not stack.notes and stack.bands == BANDS
    assert str(stack.months[0]) == "2018-04" and len(stack.months) == 6
    values = zarr.open_group(str(real), mode="r")["reflectance"][:]
    assert (stack.read(slice(0, 64), slice(0, 66)) == values).all()
    with rasterio.open(f'ZARR:"{real}":/reflectance') as file:
        assert file.crs.to_epsg() == 32631 and file.count == 60
        assert file.transform.a == 10 and file.transform.c % 10 == 0
        assert (file.read(11) == values[1, 0]).all()


def test_picture_and_scenes_lie_beside_the_stack(real):
    assert (real.parent / "fields.png").stat().st_size > 10_000
    rows = rows_of(real)
    assert len(rows) == 58 and {row["used"] for row in rows.values()} == {"yes"}
    assert {row["offset"] for row in rows.values()} == {"0"}
    assert not list(real.parent.glob("*.part"))


@given(arrays(np.uint16, (5, 6), elements=st.integers(0, 65535)))
def test_interpolation_is_bilinear_and_leaves_no_data_out(coarse):
    found = interpolated(coarse, 2)
    full = interpolated(np.maximum(coarse, 1), 2)
    assert (full == doubled(np.maximum(coarse, 1))).all()
    for row, column in np.ndindex(found.shape):
        near = row // 2 + 1, column // 2 + 1
        beside = near[0] + (1 if row % 2 else -1), near[1] + (1 if column % 2 else -1)
        corners = [(near[0], near[1]), (beside[0], near[1]), (near[0], beside[1]), beside]
        weights = np.array([9, 3, 3, 1]) * [coarse[corner] > 0 for corner in corners]
        expected = 0.0
        if coarse[near]:
            expected = np.average([float(coarse[c]) for c in corners], weights=weights)
        assert abs(found[row, column] - expected) <= 0.51


def test_other_grids_are_met_exactly_and_whatever_the_windows(tmp_path):
    spec = SceneSpec("2022-03-05T10:50:00Z", left=707_000, top=5_630_000, side=300)
    slope = 1000 + 3 * np.arange(300)[:, None] + 5 * np.arange(300)
    write_tiff(tmp_path / "slope.tif", slope.astype(np.uint16), spec)
    corner = transform("EPSG:32631", "EPSG:32632", [708_000], [5_629_000])
    left, top = (round(v[0], -1) for v in corner)
    geobox = GeoBox((120, 90), Affine(10, 0, left, 0, -10, top), "EPSG:32632")
    across, down = np.meshgrid(left + 5 + 10 * np.arange(90), top - 5 - 10 * np.arange(120))
    x, y = transform("EPSG:32632", "EPSG:32631", across.ravel(), down.ravel())
    column, row = (np.array(x) - 707_000) / 10 - 0.5, (5_630_000 - np.array(y)) / 10 - 0.5
    with rasterio.open(tmp_path / "slope.tif") as source:
        smooth, nearest = (on_grid(source, geobox, m) for m in ("bilinear", "nearest"))
        parts = np.zeros_like(smooth)
        for window in windows_of(geobox, 50):
            parts[window.slices] = on_grid(source, window_geobox(geobox, window), "bilinear")
    assert (parts == smooth).all()
    assert abs(smooth.ravel() - (1000 + 3 * row + 5 * column)).max() < 0.51
    exact = 1000 + 3 * np.rint(row) + 5 * np.rint(column)
    assert (nearest.ravel() == exact).mean() > 0.999  # but for places between two pixels


looks_of = arrays(
    np.int16,
    st.tuples(st.integers(1, 9), st.just(3), st.just(4)),
    elements=st.one_of(st.integers(-500, 12000), st.just(MISSING)),
)


@given(looks_of)
def test_median_is_numpys(looks):
    values = np.where(looks == MISSING, np.nan, looks.astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.rint(np.nanmedian(values, axis=0))
    expected = np.where(np.isnan(expected), NO_OBSERVATION, expected)
    assert (median([look.copy() for look in looks]) == expected).all()


@given(arrays(np.int16, (5, 3, 2, 2), elements=st.one_of(st.integers(0, 9000), st.just(MISSING))))
def test_medoid_is_one_of_the_looks_and_the_nearest_to_the_others(looks):
    found = medoid(looks)
    for row, column in np.ndindex(2, 2):
        whole = [v for v in looks[:, :, row, column].astype(float) if (v != MISSING).all()]
        if not whole:
            assert (found[:, row, column] == NO_OBSERVATION).all()
            continue
        costs = [sum(np.linalg.norm(one - other) for other in whole) for one in whole]
        mine = sum(np.linalg.norm(found[:, row, column] - other) for other in whole)
        assert any((found[:, row, column] == one).all() for one in whole)
        assert mine <= min(costs) * (1 + 1e-5) + 1e-3


@given(arrays(bool, (9, 11)), st.integers(0, 4))
def test_clouds_grow_by_a_disc(mask, radius):
    rows, columns = np.nonzero(mask)
    y, x = np.mgrid[:9, :11]
    apart = (y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2
    assert (grown(mask, radius) == (apart <= radius**2).any(axis=-1)).all()


@given(arrays(np.uint16, (4, 5)), st.sampled_from([0, -1000]))
def test_the_offset_keeps_values_below_zero_and_no_data(numbers, offset):
    found = reflectance(numbers, offset, np.ones(numbers.shape, bool))
    assert (found[numbers == 0] == MISSING).all()
    expected = np.minimum(numbers.astype(int) + offset, 32766)
    assert (found == expected)[numbers > 0].all()


def expected_of(specs):
    """Median (C, y, x) of what scenes of one month and place truly show, by NumPy."""
    result = []
    for band in BANDS:
        looks = []
        for spec in specs:
            numbers = truth(spec, band).astype(float)
            numbers = numbers if band in FINE else numbers.repeat(2, 0).repeat(2, 1)
            cloudy = (classes(spec) == 9).repeat(2, 0).repeat(2, 1)
            looks.append(np.where(cloudy, np.nan, numbers))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result.append(np.nanmedian(looks, axis=0))
    found = np.array(result)
    return np.where(np.isnan(found), NO_OBSERVATION, np.rint(found))


def assert_month_is(stack, step, specs):
    """The stack's month holds the true median of these scenes, to 1."""
    spec = specs[0]
    found = block_of(stack, spec.left, spec.top, spec.side)[step]
    inside = found[0] != 1
    assert inside.any()
    assert abs(found - expected_of(specs))[:, inside].max() <= 1


APPLIED = "earthsearch:boa_offset_applied"
WRONG = [  # metadata, and what the numbers hold all the same
    {"baseline": "02.14"},
    {"baseline": "05.10", "added": 1000},
    {"baseline": "05.10", "added": 1000, "catalogue_offset": -0.1},
    {"baseline": "05.09", "added": 0, "catalogue_offset": -0.1, "properties": {APPLIED: True}},
    {"baseline": "05.09", "added": 0, "catalogue_offset": -0.1, "properties": {APPLIED: False}},
    {"baseline": "04.00", "added": 1000, "properties": {APPLIED: True}},
    {"baseline": "05.11", "added": 0},
    {"baseline": None, "added": 1000, "catalogue_offset": -0.1},
    {"baseline": None, "added": 0},
]


@pytest.mark.parametrize("metadata", WRONG, ids=str)
def test_the_offset_is_right_whatever_the_metadata_say(tmp_path, metadata):
    specs = [SceneSpec("2021-03-05T10:50:00Z", **metadata)]
    specs += [SceneSpec("2021-03-10T10:50:00Z", cloud=0.5, **metadata)]
    catalogue = write_catalogue(tmp_path, specs)
    out = tmp_path / "fields.zarr"
    composite(out, bbox=bbox_of(specs[0]), months="2021-03:2021-03", catalog=catalogue, **PLAIN)
    assert_month_is(out, 0, specs)


def test_an_old_baseline_keeps_its_values_and_a_wrong_one_shows_beside_earlier_scenes():
    land = np.random.default_rng(0).integers(100, 2000, (4, 40, 40)).astype(np.uint16)
    clear = np.ones((40, 40), bool)
    dark, light = offsets.look(land, clear), offsets.look(land + np.uint16(1000), clear)
    bright = offsets.look(land + np.uint16(2500), clear)
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    assert offsets.decide(scene, light, [], []).offset == 0  # nothing to compare with
    known = [dark.dark] * 3
    assert offsets.decide(scene, light, known, []).offset == -1000
    assert offsets.decide(scene, dark, known, []).offset == 0
    assert offsets.decide(scene, bright, known, []).offset == 0
    desert = replace(scene, baseline="05.10", catalogue_offset=-1000, offset_applied=False)
    assert offsets.decide(desert, bright, [], []).offset == -1000  # as the metadata say
    assert offsets.decide(desert, bright, [bright.dark] * 3, []).offset == 0
    assert offsets.decide(desert, bright, [], [0, 0]).offset == 0
    assert offsets.decide(desert, bright, [], [0, -1000]).offset == -1000


def test_halves_of_a_tile_and_neighbouring_tiles_are_no_twins(tmp_path):
    how = {"time": "2021-03-05T10:50:00Z", "baseline": "05.10", "added": 1000}
    west = SceneSpec(**how, side=32)
    east = SceneSpec(**how | {"time": "2021-03-05T10:50:14Z"}, left=LEFT + 320, side=32)
    other = SceneSpec(**how | {"tile": "31UES"}, left=LEFT + 160, side=32, level=400)
    catalogue = write_catalogue(tmp_path, [west, east, other])
    out = tmp_path / "fields.zarr"
    composite(out, bbox=bbox_of(west, east), months="2021-03:2021-03", catalog=catalogue, **PLAIN)
    assert {row["used"] for row in rows_of(out).values()} == {"yes"}
    assert zarr.open_group(str(out), mode="r")["looks"][0].max() == 1  # one light, one look
    assert_month_is(out, 0, [west])


def test_the_newest_baseline_of_a_sensing_counts_and_the_other_is_named(tmp_path):
    old = SceneSpec("2021-03-05T10:50:00Z", level=300)
    new = SceneSpec("2021-03-05T10:50:21Z", baseline="05.00", added=1000)
    newer = SceneSpec(
        "2021-03-05T10:50:21Z", baseline="05.00", added=1000, generation="2023-05-01T00:00:00Z"
    )
    new.level = 500
    other = SceneSpec("2021-03-06T10:50:00Z", platform="Sentinel-2B", level=40)
    catalogue = write_catalogue(tmp_path, [new, newer, old, other])
    out = tmp_path / "fields.zarr"
    composite(out, bbox=bbox_of(old), months="2021-03:2021-03", catalog=catalogue, **PLAIN)
    assert_month_is(out, 0, [newer, other])
    rows = rows_of(out)
    assert rows[newer.id]["used"] == rows[other.id]["used"] == "yes"
    assert newer.id in rows[old.id]["why_not"] and newer.id in rows[new.id]["why_not"]


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    """Scenes of five months that take four windows, and the stack of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("months")
    specs = []
    for month in range(1, 6):
        how = {"side": 260, "baseline": "05.10", "added": 1000}
        specs.append(SceneSpec(f"2022-0{month}-05T10:50:00Z", **how))
        specs.append(SceneSpec(f"2022-0{month}-15T10:50:00Z", cloud=0.4, **how))
    catalogue = write_catalogue(folder, specs)
    how = {"bbox": bbox_of(specs[0]), "catalog": str(catalogue), "window": 256, **PLAIN}
    composite(folder / "whole.zarr", months="2022-01:2022-05", **how)
    return folder, how


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from compositing import {module} as module, composite
count, usual = 0, module.{name}
def dying(*given, **named):
    global count
    count += 1
    if count == {turn}:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(*given, **named)
module.{name} = dying
composite({out!r}, **{how!r})
"""


def killed_at(place, turn, out, **how):
    """Make a stack in a process that is killed where it calls a function for the `turn`th time."""
    module, name = place.split(".")
    code = KILLED.format(root=str(ROOT), module=module, name=name, turn=turn, out=str(out), how=how)
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=300,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr


def test_a_killed_run_goes_on_to_the_same_bytes(months):
    folder, how = months
    out, how = folder / "killed.zarr", how | {"months": "2022-01:2022-05"}
    killed_at("unfinished.save_counts", 3, out, **how)
    with pytest.raises(InputError, match="--resume goes on"):
        composite(out, **how)
    with pytest.raises(InputError, match="begun with method median, now medoid"):
        composite(out, resume=True, method="medoid", **how)
    assert not out.exists()
    killed_at("unfinished.publish", 1, out, resume=True, **how)
    killed_at("pipeline.draw_stack", 1, out, resume=True, **how)
    composite(out, resume=True, **how)
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")
    assert rows_of(out) == rows_of(folder / "whole.zarr")
    assert not (folder / "killed.zarr.part").exists()


def test_months_added_later_are_the_same_bytes_and_touch_no_older_file(months):
    folder, how = months
    out = folder / "grown.zarr"
    composite(out, months="2022-01:2022-03", **how)
    before = {path: path.stat().st_mtime_ns for path in out.glob("reflectance/[0-9]*/**/*")}
    added = {"window": 256, "extend": "2022-05"}  # the rest is as in the stack
    with pytest.raises(InputError, match="--cloud-buffer 9: the stack to extend was made with 0"):
        composite(out, cloud_buffer=9, **added)
    killed_at("store.move", 3, out, **added)
    assert len(open_stack(out).months) == 3  # as it was, until all is there
    composite(out, resume=True, **added)
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")
    assert rows_of(out) == rows_of(folder / "whole.zarr")
    assert all(path.stat().st_mtime_ns == moment for path, moment in before.items())


def test_workers_and_windows_change_no_byte(months):
    folder, how = months
    out = folder / "workers.zarr"
    composite(out, months="2022-01:2022-05", **how | {"workers": 2, "window": 512})
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")


def test_two_runs_at_once_never_meet(months):
    folder, how = months
    out = folder / "twice.zarr"
    with (
        claimed(folder / "twice.zarr.part"),
        pytest.raises(InputError, match="another process works in it"),
    ):
        composite(out, months="2022-01:2022-05", **how)


def test_a_real_api_with_faults_gives_the_same_bytes(tmp_path, monkeypatch):
    specs = [SceneSpec("2022-03-05T10:50:00Z", baseline="05.10", added=1000)]
    specs += [SceneSpec("2022-03-15T10:50:00Z", baseline="05.10", added=1000, cloud=0.5)]
    catalogue = write_catalogue(tmp_path, specs)
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", **PLAIN}
    composite(tmp_path / "plain.zarr", catalog=catalogue, **how)
    expected = bytes_of(tmp_path / "plain.zarr")
    monkeypatch.setattr("compositing.catalogues.PAGE", 1)  # the answer comes in pages
    how |= {"timeout": 1, "pause": 0.01}
    with file_server(tmp_path) as files, stac_api(catalogue, files.url, tmp_path) as api:
        for number, faults in enumerate([(), ("503", "truncate", "503"), ("truncate", "stall")]):
            files.faults, files.asked = faults, Counter()
            HEADERS_KEPT.kept.clear()
            out = tmp_path / f"web{number}.zarr"
            composite(out, catalog=api, **how)
            assert bytes_of(out) == expected
            assert len(files.asked) == 22
        files.faults, files.broken = (), "20220315"
        HEADERS_KEPT.kept.clear()
        how |= {"retries": 1}
        with pytest.raises(InputError, match="20220315.*503.*at most 0"):
            composite(tmp_path / "broken.zarr", catalog=api, allow_missing=0, **how)
        composite(tmp_path / "without.zarr", catalog=api, **how)
    row = rows_of(tmp_path / "without.zarr")[specs[1].id]
    assert row["used"] == "no" and "503" in row["why_not"]
    assert_month_is(tmp_path / "without.zarr", 0, specs[:1])


def test_a_scene_that_fails_in_one_window_is_left_out_of_all(months, monkeypatch):
    folder, how = months
    failing, usual = "20220215", Reader.read

    def read(self, scene, band, geobox):
        if failing in scene.id and band == "B11" and geobox.transform.c > 502_000:
            raise Unreadable("B11 cannot be read: made up")
        return usual(self, scene, band, geobox)

    monkeypatch.setattr(Reader, "read", read)
    out = folder / "failing.zarr"
    composite(out, months="2022-01:2022-03", **how)
    left_out = [name for name, row in rows_of(out).items() if row["used"] == "no"]
    assert len(left_out) == 1 and failing in left_out[0]
    looks = zarr.open_group(str(out), mode="r")["looks"][1]
    assert looks.max() == 1


def test_expired_tokens_are_renewed_in_one_place(tmp_path, monkeypatch):
    specs = [SceneSpec("2022-03-05T10:50:00Z")]
    catalogue = write_catalogue(tmp_path, specs)
    items = json.loads(catalogue.read_text())
    for asset in items["features"][0]["assets"].values():
        asset["href"] = asset["href"].replace(
            "./", "http://fields.blob.core.windows.net/container/"
        )
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", **PLAIN}
    composite(tmp_path / "plain.zarr", catalog=catalogue, **how)
    catalogue.write_text(json.dumps(items))
    with file_server(tmp_path, uses=4) as files:
        monkeypatch.setenv("http_proxy", files.url)  # all hosts are this server
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(PlanetaryComputer, "address", str(catalogue))
        settings = sas.Settings(sas_url=f"{files.url}/token", subscription_key=None)
        monkeypatch.setattr(sas.Settings, "get", staticmethod(lambda: settings))
        sas.TOKEN_CACHE.clear()
        composite(tmp_path / "signed.zarr", catalog="planetary-computer", pause=0.01, **how)
        assert 3 <= files.tokens <= 12  # a token is good for 4 of 22 requests
        files.uses = 0
        HEADERS_KEPT.kept.clear()
        with pytest.raises(InputError, match="the server answers 403") as caught:
            composite(
                tmp_path / "x.zarr", catalog="planetary-computer", retries=2, pause=0.01, **how
            )
        assert "sig=" not in str(caught.value)
    assert bytes_of(tmp_path / "signed.zarr") == bytes_of(tmp_path / "plain.zarr")


def test_files_in_a_bucket_are_read_with_the_keys_of_the_environment(tmp_path, monkeypatch):
    specs = [SceneSpec("2022-03-05T10:50:00Z")]
    catalogue = write_catalogue(tmp_path, specs)
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", **PLAIN}
    composite(tmp_path / "plain.zarr", catalog=catalogue, **how)
    items = json.loads(catalogue.read_text())
    for asset in items["features"][0]["assets"].values():
        asset["href"] = asset["href"].replace("./", "s3://container/")
    catalogue.write_text(json.dumps(items))
    with file_server(tmp_path) as files:
        endpoint = {"AWS_S3_ENDPOINT": files.url.removeprefix("http://"), "AWS_HTTPS": "NO"}
        monkeypatch.setattr(Cdse, "endpoint", endpoint)
        monkeypatch.setattr(Cdse, "address", str(catalogue))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        composite(tmp_path / "bucket.zarr", catalog="cdse", pause=0.01, **how)
        assert len(files.asked) == 11
    assert bytes_of(tmp_path / "bucket.zarr") == bytes_of(tmp_path / "plain.zarr")


def test_an_area_over_a_utm_border_is_one_stack(tmp_path):
    west = SceneSpec("2022-03-05T10:50:00Z", left=707_000, top=5_630_000, side=64)
    corner = transform("EPSG:32631", "EPSG:32632", [707_640], [5_630_000])
    left, top = (round(v[0], -1) for v in corner)
    east = SceneSpec(
        "2022-03-05T10:50:03Z", left=left - 100, top=top + 60, side=64, epsg=32632, tile="32ULB"
    )
    catalogue = write_catalogue(tmp_path, [west, east])
    how = {"catalog": catalogue, "bbox": bbox_of(west, east), "months": "2022-03:2022-03"}
    composite(tmp_path / "border.zarr", **how | PLAIN)
    root = zarr.open_group(str(tmp_path / "border.zarr"), mode="r")
    looks, blue = root["looks"][0], root["reflectance"][0, 0]
    assert looks.shape[1] > 110 and looks.max() == 1  # one overflight is one look
    assert (looks[20:-20, 5:-5] == 1).all()
    assert blue[looks == 1].min() > 150 and blue[looks == 1].max() < 520


def test_bilinear_and_medoid_and_buffer(tmp_path):
    specs = [SceneSpec(f"2022-03-{day}T10:50:00Z", cloud=0.25) for day in ("05", "15", "25")]
    catalogue = write_catalogue(tmp_path, specs)
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", "catalog": catalogue}
    composite(tmp_path / "m.zarr", method="medoid", **how, **PLAIN)
    found = block_of(tmp_path / "m.zarr", specs[0].left, specs[0].top, SIDE)[0]
    middle = expected_of([specs[1]])
    inside = (found[0] != 1) & (middle[0] != NO_OBSERVATION)
    assert inside.any() and (found == middle)[:, inside].all()
    composite(tmp_path / "b.zarr", cloud_buffer=3, resampling="bilinear", **how)
    smooth = block_of(tmp_path / "b.zarr", specs[0].left, specs[0].top, SIDE)[0]
    near = abs(np.arange(SIDE) - 8) < 3  # the cloud ends at column 8
    assert (smooth[0, 8:28, 8:11] == NO_OBSERVATION).all() and near.any()
    clear = (smooth[0] != NO_OBSERVATION) & (smooth[0] != 1)
    fine = BANDS.index("B8")
    assert (smooth[fine] == found[fine])[clear].all()
    across = smooth[BANDS.index("B11")][5:25, 12:28].astype(int)
    assert abs(np.diff(across, axis=1)).max() < 40  # no steps of 20 m pixels


LINES = [  # what is asked for, and words of the one line that it ends in
    ({"bbox": (3.2, 50.8, 3.1, 50.9)}, "west < east"),
    ({"bbox": (179.0, 50.8, -179.0, 50.9)}, "date line"),
    ({"bbox": (3.0, 85.0, 3.1, 86.0)}, "latitudes"),
    ({"bbox": (10.0, 50.8, 10.1, 50.9)}, "no scene of"),
    ({"bbox": (1.0, 49.0, 5.2, 51.7)}, "--yes"),
    ({"months": "2022-03:2022-01"}, "first month before the last"),
    ({"months": "2022-3"}, "YYYY-MM"),
    ({"months": None}, "--months"),
    ({"months": "2030-01:2030-02"}, "no scene of"),
    ({"catalog": "nowhere.json"}, "planetary-computer, earth-search, cdse"),
    ({"catalog": "http://127.0.0.1:9/stac"}, "cannot be read"),
    ({"catalog": "cdse"}, "AWS_ACCESS_KEY_ID"),
    ({"window": 300}, "multiple of 256"),
    ({"method": "mean"}, "median or medoid"),
    ({"extend": "2022-05"}, "the stack knows both"),
    ({"bbox": None, "months": None, "extend": "2022-05"}, "is not a stack of composite.py"),
    ({"bbox": None, "area": "nowhere.geojson"}, "not found"),
    ({"bbox": None, "like": "nowhere.tif"}, "cannot be read"),
]


@pytest.mark.parametrize("wrong", LINES, ids=lambda wrong: str(wrong[0]))
def test_bad_input_ends_in_one_line(months, tmp_path, wrong):
    folder, how = months
    changes, words = wrong
    how = how | {"months": "2022-01:2022-02", "retries": 0} | changes
    with pytest.raises(InputError, match=words) as caught:
        composite(tmp_path / "x.zarr", **how)
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_catalogues_that_lack_something_end_in_one_line(tmp_path):
    spec = SceneSpec("2022-03-05T10:50:00Z", without=("B8A",))
    catalogue = write_catalogue(tmp_path, [spec], "b8a.json")
    how = {"bbox": bbox_of(spec), "months": "2022-03:2022-03"}
    with pytest.raises(InputError, match="has no file of B8A"):
        composite(tmp_path / "x.zarr", catalog=catalogue, **how)
    spec.without = ("SCL",)
    catalogue = write_catalogue(tmp_path, [spec], "scl.json")
    with pytest.raises(InputError, match="has no file of SCL"):
        composite(tmp_path / "x.zarr", catalog=catalogue, **how)
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="cannot be read"):
        composite(tmp_path / "x.zarr", catalog=tmp_path / "list.json", **how)
    (tmp_path / "other.json").write_text('{"type": "Topology"}')
    with pytest.raises(InputError, match="type 'Topology' found"):
        composite(tmp_path / "x.zarr", catalog=tmp_path / "other.json", **how)


def test_a_damaged_scene_is_named_and_left_out(tmp_path):
    specs = [SceneSpec(f"2022-03-{day}T10:50:00Z") for day in ("05", "15")]
    catalogue = write_catalogue(tmp_path, specs)
    (tmp_path / specs[1].id / "B05.tif").write_bytes(b"no GeoTIFF")
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", "catalog": catalogue}
    composite(tmp_path / "x.zarr", retries=0, **how, **PLAIN)
    assert "B5 cannot be read" in rows_of(tmp_path / "x.zarr")[specs[1].id]["why_not"]
    assert_month_is(tmp_path / "x.zarr", 0, specs[:1])


def test_a_month_without_scenes_stays_without_observation(months, capfd):
    folder, how = months
    composite(folder / "gap.zarr", months="2021-12:2022-01", **how)
    assert "no scene in 2021-12" in capfd.readouterr().err
    root = zarr.open_group(str(folder / "gap.zarr"), mode="r")
    assert (root["reflectance"][0] == NO_OBSERVATION).all() and (root["looks"][0] == 0).all()
    assert (root["looks"][1] > 0).any()


def test_a_full_disk_ends_in_one_line_and_the_run_goes_on(months, monkeypatch):
    folder, how = months
    how = how | {"months": "2022-01:2022-05"}
    out = folder / "full.zarr"
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(InputError, match="free on its disk"):
            composite(out, **how)

    usual = zarr.storage._local._put

    def full(path, *given, **named):
        if "reflectance/3/" in str(path):
            raise OSError(28, "No space left on device")
        return usual(path, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr("zarr.storage._local._put", full)
        with pytest.raises(InputError, match="No space left on device"):
            composite(out, **how)
    composite(out, resume=True, **how)
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")


def test_the_grid_of_another_raster_and_of_a_polygon(tmp_path):
    spec = SceneSpec("2022-03-05T10:50:00Z")
    catalogue = write_catalogue(tmp_path, [spec])
    how = {"months": "2022-03:2022-03", "catalog": catalogue, **PLAIN}
    like = tmp_path / spec.id / "B05.tif"
    composite(tmp_path / "like.zarr", like=like, **how)
    found = zarr.open_group(str(tmp_path / "like.zarr"), mode="r")["reflectance"][0]
    assert (found[BANDS.index("B5")] == truth(spec, "B5")).all()
    west, south, east, north = bbox_of(spec)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    composite(tmp_path / "area.zarr", area=area, **how)
    composite(tmp_path / "bbox.zarr", bbox=bbox_of(spec), **how)
    assert bytes_of(tmp_path / "area.zarr") == bytes_of(tmp_path / "bbox.zarr")


def test_the_command_line_ends_in_one_line(tmp_path):
    process = run_script("composite.py", "--out", tmp_path / "x.zarr", "--bbox", "1,2,3")
    assert_one_clear_line(process, "--bbox", "W,S,E,N")


@pytest.mark.skipif(not os.environ.get("TSSCD_ONLINE"), reason="TSSCD_ONLINE is not set")
@pytest.mark.parametrize("catalogue", ["planetary-computer", "earth-search"])
def test_the_live_catalogues(tmp_path, catalogue):
    bbox = (112.93, 28.10, 112.94, 28.11)
    composite(tmp_path / "live.zarr", bbox=bbox, months="2021-12:2022-03", catalog=catalogue)
    rows = rows_of(tmp_path / "live.zarr")
    assert sum(row["used"] == "yes" for row in rows.values()) >= 10
    assert not open_stack(tmp_path / "live.zarr").notes  # no step of 1000 is left
