"""Reading an area's stack: what a user would meet if one of these broke is in each test's name."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from stacks.area import pixel_hectares
from stacks.reflectance import reflectance
from stacks.source import band_in, month_in
from stacks.stack import open_stack, read_series
from tests.stack_files import (
    CRS,
    FIRST,
    GRID,
    cube,
    pixels_of,
    values,
    write_folder,
    write_geotiff,
    write_zarr,
)
from utils.bands import BANDS
from utils.errors import InputError

STACK = values()


MONTHS = FIRST + np.arange(len(STACK))


def plain(path, **options):
    """All pixels of a stack, after checking what goes with them."""
    stack = open_stack(path, **options)
    assert (stack.months == MONTHS).all() and stack.bands == BANDS
    assert stack.geobox.shape == STACK.shape[2:] and stack.geobox.crs == CRS
    return pixels_of(stack)


def test_every_kind_of_file_gives_the_same_pixels(tmp_path):
    single = write_geotiff(tmp_path / "all.tif", STACK.reshape(-1, *STACK.shape[2:]))
    assert (plain(single, first_month="2019-02") == STACK).all()
    names = [f"{month} {band}" for month in MONTHS for band in BANDS]
    dated = write_geotiff(tmp_path / "dated.tif", STACK.reshape(-1, *STACK.shape[2:]), names=names)
    assert (plain(dated) == STACK).all()
    assert (plain(write_folder(tmp_path / "folder", STACK)) == STACK).all()
    assert (plain(write_zarr(tmp_path / "v2.zarr", STACK, version=2)) == STACK).all()
    assert (plain(write_zarr(tmp_path / "v3.zarr", STACK, version=3)) == STACK).all()
    cube(STACK).to_netcdf(tmp_path / "cube.nc")
    assert (plain(tmp_path / "cube.nc") == STACK).all()
    by_band = (
        cube(STACK)["reflectance"]
        .to_dataset("band")
        .assign_coords(spatial_ref=cube(STACK).spatial_ref)
    )
    by_band.to_zarr(tmp_path / "bands.zarr", zarr_format=2)
    assert (plain(tmp_path / "bands.zarr") == STACK).all()
    upside = cube(STACK).isel(time=slice(None, None, -1)).transpose("x", "time", "y", "band")
    upside.to_zarr(tmp_path / "turned.zarr", zarr_format=2)
    assert (plain(tmp_path / "turned.zarr") == STACK).all(), (
        "months out of order and other orders of dimensions"
    )


def test_grid_is_the_files_to_the_last_digit(tmp_path):
    folder = write_folder(tmp_path / "folder", STACK)
    assert open_stack(folder).geobox.transform == GRID
    with_transform = cube(STACK)
    with_transform.spatial_ref.attrs["GeoTransform"] = " ".join(map(repr, GRID.to_gdal()))
    with_transform.to_zarr(tmp_path / "cube.zarr", zarr_format=2)
    assert open_stack(tmp_path / "cube.zarr").geobox.transform == GRID
    south_up = Affine(10, 0, 700000, 0, 10, 3100000)
    write_zarr(tmp_path / "south_up.zarr", STACK, transform=south_up)
    assert open_stack(tmp_path / "south_up.zarr").geobox.transform.almost_equals(south_up)


def test_missing_months_have_no_observation(tmp_path):
    stack = open_stack(write_folder(tmp_path / "folder", STACK, skip=(3, 4)))
    pixels = pixels_of(stack)
    there = [i for i in range(len(STACK)) if i not in (3, 4)]
    assert (
        (stack.months == MONTHS).all()
        and (pixels[3:5] == -32768).all()
        and (pixels[there] == STACK[there]).all()
    )
    assert "2 months are missing" in " ".join(stack.notes)


def test_bands_are_taken_by_name_in_any_order(tmp_path):
    order = [3, 0, 9, 1, 2, 8, 7, 4, 5, 6]
    extra = np.concatenate([np.zeros_like(STACK[:, :1]), STACK[:, order]], axis=1)
    names = [
        "B1",
        *(BANDS[i].replace("B", "B0") if len(BANDS[i]) == 2 else BANDS[i] for i in order),
    ]
    folder = write_folder(tmp_path / "folder", extra, names=names)
    assert (plain(folder) == STACK).all()
    visible = open_stack(folder, bands=("B4", "B3"))
    assert (pixels_of(visible) == STACK[:, [2, 1]]).all()
    assert [
        band_in(name) for name in ("B02", "0_B8A", "2019-02 b11", "red", "nir08", "scl", "", None)
    ] == ["B2", "B8A", "B11", "B4", "B8A", None, None, None]


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("S2_201902_10m", "2019-02"),
        ("2019-02-15", "2019-02"),
        ("T49_20191215T025", "2019-12"),
        ("a_2019_11", "2019-11"),
        ("T49RGM_10m", None),
        ("2019-13", None),
        ("20190101_20190331", None),
        ("20190101_20190131", "2019-01"),
    ],
)
def test_month_in_a_name(name, month):
    assert month_in(name) == (month and np.datetime64(month))


def test_scale_offset_and_nodata_come_from_the_file(tmp_path):
    stored = np.where(STACK == -32768, 7, STACK.astype(int) + 1000).astype(np.uint16)
    folder = write_folder(tmp_path / "folder", stored, nodata=7)
    for file in folder.iterdir():
        with rasterio.open(file, "r+") as raster:
            raster.scales, raster.offsets = [0.0001] * 10, [-0.1] * 10
    assert (plain(folder) == STACK).all()
    floating = np.where(STACK == -32768, np.nan, STACK / 10_000).astype(np.float32)
    stack = write_folder(tmp_path / "floating", floating, nodata=None)
    assert (plain(stack) == STACK).all()
    assert "from 0 to 1" in open_stack(stack).notes[0]
    assert (plain(stack, scale=10_000) == STACK).all()


def test_marks_of_no_data_that_files_do_not_declare():
    raw = np.full((2, 1, 7), 500.0)
    raw[:, 0, :6] = [[np.nan, -9999, 32767, 0, 0, 77], [1, 1, 1, 0, 5, 1]]
    found = reflectance(raw, np.ones(2), np.zeros(2), (77,))
    assert found[0, 0].tolist() == [-32768, -32768, -32768, -32768, 0, -32768, 500]
    assert found[1, 0].tolist() == [1, 1, 1, -32768, 5, 1, 500], (
        "0 in one band alone may be dark water"
    )
    whole = reflectance(raw[:, :, 4:].astype(np.int16), np.ones(2), np.full(2, 10.0), (77,))
    assert whole[0, 0].tolist() == [10, -32768, 510]


def stepped(stack, start, amount=1000):
    """The stack with `amount` added to every band from position `start` on."""
    raised = np.where(stack == -32768, -32768, stack + np.int16(amount))
    return np.where((np.arange(len(stack)) >= start)[:, None, None, None], raised, stack).astype(
        np.int16
    )


def two_years(seed=0):
    """36 months from 2020-08 of vegetation and soil with seasons."""
    rng = np.random.default_rng(seed)
    season = 1 + 0.3 * np.sin(np.arange(36) / 12 * 2 * np.pi)[:, None, None, None]
    green = np.array([300, 500, 400, 900, 2000, 2500, 2600, 2700, 1800, 1000])
    level = rng.uniform(0.5, 1.5, (1, 1, 20, 20)) * green[:, None, None]
    return (level * season + rng.normal(0, 30, (36, 10, 20, 20))).clip(1).astype(np.int16)


@pytest.mark.parametrize(("start", "month"), [(17, "2022-01"), (18, "2022-02")])
def test_the_step_of_2022_is_noticed_and_mended(tmp_path, start, month):
    first, true = np.datetime64("2020-08", "M"), two_years()
    folder = write_folder(tmp_path / "folder", stepped(true, start), first=first)
    said = open_stack(folder)
    assert (
        len(said.notes) == 1 and f"from {month} on" in said.notes[0] and "--offset" in said.notes[0]
    )
    assert (pixels_of(said) == stepped(true, start)).all(), "without --offset it is only reported"
    assert (pixels_of(open_stack(folder, offset="auto")) == true).all()
    assert (pixels_of(open_stack(folder, offset=f"-1000@{month}")) == true).all()


def test_no_step_is_seen_where_there_is_none(tmp_path):
    true = two_years(1)
    cleared = true.copy()  # all vegetation turns to bright soil in January 2022
    cleared[17:] = np.array([900, 1200, 1600, 1800, 2000, 2100, 2300, 2400, 3000, 2900], np.int16)[
        :, None, None
    ]
    for i, stack in enumerate((true, cleared, stepped(true, 10), stepped(true, 17, 300))):
        assert (
            open_stack(
                write_folder(tmp_path / f"{i}", stack, first=np.datetime64("2020-08", "M"))
            ).notes
            == ()
        )


def test_the_step_on_real_series(tmp_path, shared):
    for name in ("changsha_development", "changsha_stable"):
        options = {"first_month": "2019-02"}
        assert open_stack(shared / f"{name}.tif", **options).notes == ()
        with rasterio.open(shared / f"{name}.tif") as raster:
            stack = raster.read().reshape(64, 10, *raster.shape)
            raised = np.where(
                (stack < 32767) & (np.arange(64) >= 36)[:, None, None, None], stack + 1000, stack
            )
            file = write_geotiff(
                tmp_path / f"{name}.tif",
                raised.reshape(640, *raster.shape),
                crs=raster.crs,
                transform=raster.transform,
                nodata=None,
            )
        assert "from 2022-02 on" in open_stack(file, **options).notes[0]
        whole = pixels_of(open_stack(file, offset="auto", **options))
        assert (whole == pixels_of(open_stack(shared / f"{name}.tif", **options))).all()


def test_one_pixel_is_read_by_longitude_and_latitude(tmp_path, shared):
    folder = write_folder(tmp_path / "folder", STACK)
    x, months = read_series(folder, (113.0350, 28.0091))
    assert x.shape == (10, len(STACK)) and x.dtype == np.float32 and (months == MONTHS).all()
    found = np.argwhere(
        (np.where(np.isnan(x), -32768, x).T[:, :, None, None] == STACK).all(axis=(0, 1))
    )
    assert len(found) == 1
    row, column = found[0]
    across = rasterio.warp.transform("EPSG:4326", CRS, [113.0350], [28.0091])
    assert rasterio.transform.rowcol(GRID, *[v[0] for v in across]) == (row, column)
    with pytest.raises(InputError, match="no pixel at 0,0"):
        read_series(folder, (0, 0))
    real, _ = read_series(shared / "changsha_stable.tif", (112.985, 28.0243), first_month="2019-02")
    assert real.shape == (10, 64) and np.isfinite(real).any()


def test_hectares_are_those_of_the_ground():
    from odc.geo.geobox import GeoBox

    earth = pixel_hectares(GeoBox((180, 360), Affine(1, 0, -180, 0, -1, 90), "EPSG:4326"))
    assert earth.sum() * 360 / 100 == pytest.approx(510_065_621.724, rel=1e-9)  # km2, WGS 84
    assert (pixel_hectares(GeoBox((5, 5), GRID, CRS)) == 0.01).all()
    feet = pixel_hectares(GeoBox((5, 5), Affine(100, 0, 980000, 0, -100, 200000), "EPSG:2263"))
    assert feet == pytest.approx((100 * 1200 / 3937) ** 2 / 10_000, rel=1e-6)
    mercator = pixel_hectares(GeoBox((5, 5), Affine(10, 0, 12569000, 0, -10, 3265000), "EPSG:3857"))
    assert mercator == pytest.approx(0.01 * np.cos(np.deg2rad(28.1)) ** 2, rel=0.01), (
        "not the map's 0.01"
    )
