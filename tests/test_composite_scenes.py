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
