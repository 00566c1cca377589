"""composite.py: a stack that map.py reads, of real and of made-up scenes."""

import json
import warnings

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import zarr
from rasterio.warp import transform

from compositing import composite
from stacks.stack import open_stack
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


def test_a_damaged_scene_is_named_and_left_out(tmp_path):
    specs = [SceneSpec(f"2022-03-{day}T10:50:00Z") for day in ("05", "15")]
    catalogue = write_catalogue(tmp_path, specs)
    (tmp_path / specs[1].id / "B05.tif").write_bytes(b"no GeoTIFF")
    how = {"bbox": bbox_of(specs[0]), "months": "2022-03:2022-03", "catalog": catalogue}
    composite(tmp_path / "x.zarr", retries=0, **how, **PLAIN)
    assert "B5 cannot be read" in rows_of(tmp_path / "x.zarr")[specs[1].id]["why_not"]
    assert_month_is(tmp_path / "x.zarr", 0, specs[:1])


def test_a_month_without_scenes_stays_without_observation(five_months, capfd):
    folder, how = five_months
    composite(folder / "gap.zarr", months="2021-12:2022-01", **how)
    assert "no scene in 2021-12" in capfd.readouterr().err
    root = zarr.open_group(str(folder / "gap.zarr"), mode="r")
    assert (root["reflectance"][0] == NO_OBSERVATION).all() and (root["looks"][0] == 0).all()
    assert (root["looks"][1] > 0).any()


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
