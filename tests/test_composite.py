"""composite.py: a stack that map.py reads, made in one run, in pieces, or not at all."""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import zarr
from rasterio.warp import transform

from compositing import composite
from compositing.reading import Reader, Unreadable
from stacks.stack import open_stack
from tests.conftest import assert_one_clear_line, run_script
from tests.stac_checks import PLAIN, assert_month_is, block_of, bytes_of, expected_of, rows_of
from tests.stac_scenes import (
    NAMES,
    SIDE,
    SceneSpec,
    bbox_of,
    truth,
    write_catalogue,
)
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError
from utils.files import claimed

ROOT = Path(__file__).parents[1]


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
    """A stack of all real scenes."""
    out = tmp_path_factory.mktemp("real") / "fields.zarr"
    bbox = (3.0193, 50.8131, 3.0284, 50.8188)
    scenes = shared / "scenes"
    composite(out, bbox=bbox, months="2017-08:2018-11", catalog=scenes / "catalog.json", **PLAIN)
    return out


def test_real_scenes_equal_the_median_of_plain_numpy(real, shared):
    months = np.arange("2017-08", "2018-12", dtype="datetime64[M]")
    expected = plain_median(shared / "scenes", months)
    found = block_of(real, 501_360, 5_629_680, 64)
    inside = found[0, 0] != 1  # the bounding box is a little smaller than the scenes
    assert inside.mean() > 0.9
    assert (found == expected)[:, :, inside].all()
    assert (expected != NO_OBSERVATION).mean() > 0.8


def test_map_and_gdal_read_the_stack_as_it_is(real):
    stack = open_stack(real)
    assert not stack.notes and stack.bands == BANDS
    assert str(stack.months[0]) == "2017-08" and len(stack.months) == 16
    values = zarr.open_group(str(real), mode="r")["reflectance"][:]
    assert (stack.read(slice(0, 64), slice(0, 66)) == values).all()
    with rasterio.open(f'ZARR:"{real}":/reflectance') as file:
        assert file.crs.to_epsg() == 32631 and file.count == 160
        assert file.transform.a == 10 and file.transform.c % 10 == 0
        assert (file.read(11) == values[1, 0]).all()


def test_picture_and_scenes_lie_beside_the_stack(real):
    assert (real.parent / "fields.png").stat().st_size > 10_000
    rows = rows_of(real)
    assert len(rows) == 118 and {row["used"] for row in rows.values()} == {"yes"}
    assert {row["offset"] for row in rows.values()} == {"0"}
    assert not list(real.parent.glob("*.part"))


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


def test_a_run_killed_inside_a_chunk_leaves_no_half_of_it(months):
    """Zarr writes a chunk to a file beside it, which then takes its name."""
    folder, how = months
    out, how = folder / "chunk.zarr", how | {"months": "2022-01:2022-05"}
    killed_at("unfinished.save_counts", 3, out, **how)
    chunk = next((folder / "chunk.zarr.part" / "stack").glob("reflectance/*/0/0/0"))
    chunk.with_name("0.6d25b4c20b3e4479b1baeb934de0028a.partial").write_bytes(b"half")
    composite(out, resume=True, **how)
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")


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
    assert composite(out, resume=True, **added) == out  # nothing is left to do


def test_a_stack_whose_table_lacks_columns_is_not_extended(months):
    folder, how = months
    out = folder / "old.zarr"
    composite(out, months="2022-01:2022-02", **how)
    table = folder / "old_scenes.csv"
    table.write_text(table.read_text().replace("trusted", "mostly_clear", 1))
    with pytest.raises(InputError, match="old_scenes.csv: columns trusted missing"):
        composite(out, extend="2022-03", window=256)


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(months):
    """Killed in turn: while planning, before the first window, at work, and while it finishes."""
    folder, how = months
    out, how = folder / "unlucky.zarr", how | {"months": "2022-01:2022-05", "resume": True}
    places = [
        ("deciding.decide_month", 3),
        ("store.create", 1),
        ("unfinished.save_plan", 1),
        ("windows.compose", 2),
        ("unfinished.save_counts", 7),
        ("pipeline.write_table", 1),
        ("unfinished.finish", 1),
    ]
    for place, turn in places:
        killed_at(place, turn, out, **how)
    composite(out, **how)
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")
    assert rows_of(out) == rows_of(folder / "whole.zarr")


def test_a_dask_cluster_makes_the_same_bytes(months):
    distributed = pytest.importorskip("distributed")
    folder, how = months
    out = folder / "cluster.zarr"
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        composite(out, months="2022-01:2022-05", **how | {"scheduler": address})
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")


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


def test_the_area_of_a_geopackage_in_metres(tmp_path):
    spec = SceneSpec("2022-03-05T10:50:00Z")
    how = {"months": "2022-03:2022-03", "catalog": write_catalogue(tmp_path, [spec]), **PLAIN}
    corner = shapely.box(spec.left + 50, spec.top - 150, spec.left + 150, spec.top - 50)
    pyogrio.raw.write(
        str(tmp_path / "area.gpkg"),
        geometry=shapely.to_wkb(np.array([corner], object)),
        field_data=[],
        fields=[],
        geometry_type="Polygon",
        crs="EPSG:32631",
    )
    composite(tmp_path / "area.zarr", area=tmp_path / "area.gpkg", **how)
    geobox = open_stack(tmp_path / "area.zarr").geobox
    west, south, east, north = geobox.extent.boundingbox
    assert geobox.crs.epsg == 32631
    assert west <= spec.left + 50 < west + 20 and east - 20 < spec.left + 150 <= east
    assert south <= spec.top - 150 < south + 20 and north - 20 < spec.top - 50 <= north


def test_the_command_line_ends_in_one_line(tmp_path):
    process = run_script("composite.py", "--out", tmp_path / "x.zarr", "--bbox", "1,2,3")
    assert_one_clear_line(process, "--bbox", "W,S,E,N")
