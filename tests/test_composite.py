"""composite.py: scenes of a catalogue -> a monthly stack that map.py reads."""

import csv
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compositing import composite
from compositing.monthly import MISSING, grown, median, medoid, reflectance
from mapping.stack import open_stack
from tests.stac_scenes import (
    FINE,
    NAMES,
    SceneSpec,
    bbox_of,
    classes,
    truth,
    write_catalogue,
)
from utils.bands import BANDS, NO_OBSERVATION

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
    assert (stack.array.values == values).all()
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
