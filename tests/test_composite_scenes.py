"""composite.py: which scenes count, and what is taken off their numbers."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from compositing import composite, offsets
from compositing.scenes import scene_of
from tests.stac_checks import PLAIN, assert_month_is, rows_of
from tests.stac_scenes import (
    LEFT,
    SceneSpec,
    bbox_of,
    item_of,
    write_catalogue,
)

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
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    known = [land_of().astype(np.float32)] * 3
    assert offset_of(scene, land_of() + 1000) == 0  # nothing to compare with
    assert offset_of(scene, land_of() + 1000, known) == -1000
    assert offset_of(scene, land_of(), known) == 0
    assert offset_of(scene, land_of() + 2500, known) == 0


def test_what_clouds_leave_of_an_old_scene_keeps_its_values_though_it_is_bright():
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    known = [land_of().astype(np.float32)] * 3
    clear = np.zeros((40, 40), bool)
    clear[:10] = True
    assert offset_of(scene, land_of() + 1000, known, clear=clear) == 0


def test_bright_land_keeps_its_values_where_other_scenes_are_as_bright():
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    desert = replace(scene, baseline="05.10", catalogue_offset=-1000, offset_applied=False)
    bright = land_of() + 2500
    assert offset_of(desert, bright) == -1000  # as the metadata say
    assert offset_of(desert, bright, [bright.astype(np.float32)] * 3) == 0
    assert offset_of(desert, bright, alike=[0, 0]) == 0
    assert offset_of(desert, bright, alike=[0, -1000]) == -1000


@pytest.mark.parametrize("held", [0, 1000])
def test_a_few_hazy_pixels_between_clouds_tell_beside_earlier_scenes(held):
    """Metadata say the opposite. Haze adds 800 in blue, next to nothing in B12."""
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    flags = {"catalogue_offset": -1000, "offset_applied": held > 0}
    scene = replace(scene, baseline="05.10", **flags)
    haze = np.array([800, 650, 500, 120])[:, None, None]
    clear = np.zeros((40, 40), bool)
    clear[:2, :2] = True
    known = [land_of().astype(np.float32)] * 3
    assert offset_of(scene, land_of() + 200 + haze + held, known, clear=clear) == -held


def test_a_stack_that_is_extended_compares_with_its_earlier_scenes(tmp_path):
    """The last scene shows little land and has wrong metadata."""
    how = {"baseline": "05.10", "added": 1000}
    specs = [SceneSpec(f"2021-0{month}-05T10:50:00Z", **how) for month in (1, 2, 3)]
    specs += [SceneSpec("2021-04-05T10:50:00Z", **how, cloud=0.9, properties={APPLIED: True})]
    catalogue = write_catalogue(tmp_path, specs)
    how = {"bbox": bbox_of(specs[0]), "catalog": str(catalogue), **PLAIN}
    whole, grown = tmp_path / "whole.zarr", tmp_path / "grown.zarr"
    composite(whole, months="2021-01:2021-04", **how)
    composite(grown, months="2021-01:2021-03", **how)
    composite(grown, extend="2021-04")
    last = rows_of(grown)[specs[-1].id]
    assert (last["offset"], last["decided_by"]) == ("-1000", "comparison")
    assert rows_of(grown) == rows_of(whole)
    assert_month_is(grown, 3, specs[-1:])


def land_of():
    """Stored numbers of the judged bands of made-up land."""
    return np.random.default_rng(0).integers(100, 2000, (4, 40, 40)).astype(np.uint16)


def offset_of(scene, numbers, known=(), alike=(), clear=True):
    """The offset decided for a scene with these numbers."""
    numbers, clear = numbers.astype(np.uint16), np.full((40, 40), clear)
    surface = offsets.surface_of(numbers, clear)
    others = offsets.others_say(offsets.unusual(surface, list(known)))
    return offsets.decide(scene, offsets.look(numbers, clear), others, list(alike)).offset


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
