"""composite.py: which scenes count, and what is taken off their numbers."""

import json
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
    assert offset_of(desert, bright, alike=[-20, -20]) == 0
    assert offset_of(desert, bright, alike=[-20, 5]) == -1000


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


def test_a_whole_catalogue_of_old_baselines_that_holds_the_1000_is_noticed(tmp_path):
    days = ("2021-03-05", "2021-04-05", "2021-04-15")
    specs = [SceneSpec(f"{day}T10:50:00Z", baseline="02.14", added=1000) for day in days]
    specs += [SceneSpec("2021-04-25T10:50:00Z", baseline="02.14", added=1000, cloud=0.8)]
    catalogue = write_catalogue(tmp_path, specs)
    out = tmp_path / "fields.zarr"
    composite(out, bbox=bbox_of(specs[0]), months="2021-03:2021-04", catalog=catalogue, **PLAIN)
    assert {row["offset"] for row in rows_of(out).values()} == {"-1000"}
    assert_month_is(out, 0, specs[:1])


@pytest.mark.parametrize("said", [{"offset_applied": True}, {"catalogue_offset": -1000}], ids=str)
def test_bright_sand_without_the_1000_keeps_its_values(said):
    """Nothing in it is below 1000, but with 1000 less it would be redder than any sand."""
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    scene = replace(scene, baseline="05.10", **said)
    sand = np.array([1350, 2050, 2850, 4800])[:, None, None]
    grain = np.random.default_rng(0).normal(1, 0.05, (40, 40))
    assert offset_of(scene, sand * grain, classes=5) == 0
    within = replace(scene, catalogue_offset=-1000, offset_applied=None)
    assert offset_of(within, sand * grain + 1000, classes=5) == -1000


def test_haze_taken_off_too_much_leaves_the_1000_in():
    """A quarter of the pixels is a little below 1000 in blue: reflectance a little below zero."""
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    scene = replace(scene, baseline="05.10", offset_applied=True)
    numbers = land_of() + 1000
    numbers[0, :10] = np.random.default_rng(0).integers(920, 1000, (10, 40))
    assert offset_of(scene, numbers) == -1000


def test_water_that_a_provider_cut_off_at_zero_still_tells():
    """B12 over water is 0 in most pixels: no data there, and no other band is low."""
    scene = scene_of(item_of(SceneSpec("2021-03-05T10:50:00Z"), {}), str)
    scene = replace(scene, baseline="05.10", catalogue_offset=-1000)
    water = np.full((4, 40, 40), 400)
    water[3] = 0
    assert offset_of(scene, water, classes=6) == 0


def land_of():
    """Stored numbers of the judged bands of made-up land."""
    return np.random.default_rng(0).integers(100, 2000, (4, 40, 40)).astype(np.uint16)


def offset_of(scene, numbers, known=(), alike=(), clear=True, classes=4):
    """The offset decided for a scene with these numbers."""
    numbers, clear = numbers.astype(np.uint16), np.full((40, 40), clear)
    departure = offsets.unusual(offsets.surface_of(numbers, clear), list(known))
    pixels = offsets.look(numbers, clear, np.full((40, 40), classes))
    return offsets.decide(scene, pixels, departure, list(alike)).offset


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


def test_the_offset_of_a_field_is_judged_by_the_land_around_it(tmp_path):
    """Eight by eight pixels of a scene whose metadata are wrong."""
    spec = SceneSpec(
        "2021-03-05T10:50:00Z", baseline="05.10", added=1000, properties={APPLIED: True}
    )
    west, south, east, north = bbox_of(spec)
    middle, half = (
        ((west + east) / 2, (south + north) / 2),
        ((east - west) / 8, (north - south) / 8),
    )
    bbox = (middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1])
    out, catalogue = tmp_path / "field.zarr", write_catalogue(tmp_path, [spec])
    composite(out, bbox=bbox, months="2021-03:2021-03", catalog=catalogue, **PLAIN)
    assert rows_of(out)[spec.id]["offset"] == "-1000"


def test_scenes_of_the_same_name_are_told_apart(tmp_path):
    specs = [SceneSpec(f"2021-03-{day}T10:50:00Z", cloud=0.3) for day in ("05", "15", "25")]
    items = json.loads(write_catalogue(tmp_path, specs).read_text())
    for item in items["features"]:
        item["id"] = "scene"
    (tmp_path / "items.json").write_text(json.dumps(items))
    out, how = tmp_path / "x.zarr", {"catalog": tmp_path / "items.json", **PLAIN}
    composite(out, bbox=bbox_of(specs[0]), months="2021-03:2021-03", **how)
    assert_month_is(out, 0, specs)
    assert len(rows_of(out)) == 3


def test_the_month_of_a_scene_is_that_of_its_time_in_utc(tmp_path):
    specs = [
        SceneSpec("2021-03-31T23:50:00.5-05:00"),
        SceneSpec("2021-04-15T10:50:00.024000+00:00"),
    ]
    catalogue = write_catalogue(tmp_path, specs)
    out = tmp_path / "x.zarr"
    composite(out, bbox=bbox_of(specs[0]), months="2021-04:2021-04", catalog=catalogue, **PLAIN)
    assert [row["time"] for row in rows_of(out).values()] == [
        "2021-04-01T04:50:00Z",
        "2021-04-15T10:50:00Z",
    ]


def test_a_catalogue_that_links_back_to_its_parent_comes_to_an_end(tmp_path):
    spec = SceneSpec("2021-03-05T10:50:00Z")
    write_catalogue(tmp_path, [spec])
    links = {"above.json": ["below.json"], "below.json": ["above.json", "items.json"]}
    for name, others in links.items():
        children = [{"rel": "child", "href": f"./{other}"} for other in others]
        (tmp_path / name).write_text(json.dumps({"type": "Catalog", "links": children}))
    out, how = tmp_path / "x.zarr", {"catalog": tmp_path / "above.json", **PLAIN}
    composite(out, bbox=bbox_of(spec), months="2021-03:2021-03", **how)
    assert_month_is(out, 0, [spec])


def test_files_saved_beside_a_collection_count_before_the_address_on_the_web(tmp_path):
    spec = SceneSpec("2021-03-05T10:50:00Z")
    items = json.loads(write_catalogue(tmp_path, [spec]).read_text())
    items["features"][0]["links"] = [{"rel": "self", "href": "http://127.0.0.1:9/scene.json"}]
    (tmp_path / "items.json").write_text(json.dumps(items))
    out, how = tmp_path / "x.zarr", {"catalog": tmp_path / "items.json", "retries": 0, **PLAIN}
    composite(out, bbox=bbox_of(spec), months="2021-03:2021-03", **how)
    assert_month_is(out, 0, [spec])


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
