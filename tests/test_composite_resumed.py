"""composite.py killed, gone on with, extended, and run by several: the same bytes."""

from types import SimpleNamespace

import pytest
import zarr

from compositing import composite
from compositing.reading import Reader, Unreadable
from stacks.stack import open_stack
from tests.composite_files import killed_at
from tests.stac_checks import bytes_of, rows_of
from utils.errors import InputError
from utils.files import claimed


def test_a_killed_run_goes_on_to_the_same_bytes(five_months):
    folder, how = five_months
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


def test_a_run_killed_inside_a_chunk_leaves_no_half_of_it(five_months):
    """Zarr writes a chunk to a file beside it, which then takes its name."""
    folder, how = five_months
    out, how = folder / "chunk.zarr", how | {"months": "2022-01:2022-05"}
    killed_at("unfinished.save_counts", 3, out, **how)
    chunk = next((folder / "chunk.zarr.part" / "stack").glob("reflectance/*/0/0/0"))
    chunk.with_name("0.6d25b4c20b3e4479b1baeb934de0028a.partial").write_bytes(b"half")
    composite(out, resume=True, **how)
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")


def test_months_added_later_are_the_same_bytes_and_touch_no_older_file(five_months):
    folder, how = five_months
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


def test_a_stack_whose_table_lacks_columns_is_not_extended(five_months):
    folder, how = five_months
    out = folder / "old.zarr"
    composite(out, months="2022-01:2022-02", **how)
    table = folder / "old_scenes.csv"
    table.write_text(table.read_text().replace("trusted", "mostly_clear", 1))
    with pytest.raises(InputError, match="old_scenes.csv: columns trusted missing"):
        composite(out, extend="2022-03", window=256)


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(five_months):
    """Killed in turn: while planning, before the first window, at work, and while it finishes."""
    folder, how = five_months
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


def test_a_dask_cluster_makes_the_same_bytes(five_months):
    distributed = pytest.importorskip("distributed")
    folder, how = five_months
    out = folder / "cluster.zarr"
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        composite(out, months="2022-01:2022-05", **how | {"scheduler": address})
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")


def test_workers_and_windows_change_no_byte(five_months):
    folder, how = five_months
    out = folder / "workers.zarr"
    composite(out, months="2022-01:2022-05", **how | {"workers": 2, "window": 512})
    assert bytes_of(out) == bytes_of(folder / "whole.zarr")


def test_two_runs_at_once_never_meet(five_months):
    folder, how = five_months
    out = folder / "twice.zarr"
    with (
        claimed(folder / "twice.zarr.part"),
        pytest.raises(InputError, match="another process works in it"),
    ):
        composite(out, months="2022-01:2022-05", **how)


def test_a_scene_that_fails_in_one_window_is_left_out_of_all(five_months, monkeypatch):
    folder, how = five_months
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


def test_a_full_disk_ends_in_one_line_and_the_run_goes_on(five_months, monkeypatch):
    folder, how = five_months
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
