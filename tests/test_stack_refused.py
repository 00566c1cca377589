"""Stacks that cannot be used are named, with what is wrong of them."""

import pytest
from affine import Affine

from stacks.stack import open_stack
from tests.stack_files import (
    GRID,
    cube,
    pixels_of,
    values,
    write_folder,
    write_geotiff,
    write_zarr,
)
from utils.errors import InputError

STACK = values()


def broken_file(tmp_path, kind):
    """A GeoTIFF that cannot be used, and words that its error must hold."""
    flat = STACK.reshape(-1, *STACK.shape[2:])
    file = tmp_path / "all.tif"
    if kind == "missing":
        return tmp_path / "none.tif", ["none.tif", "not found"]
    if kind == "no dates":
        return write_geotiff(file, flat), ["all.tif", "--first-month"]
    if kind == "band count":
        return write_geotiff(file, flat[:-1]), ["all.tif", f"found {len(flat) - 1} bands"]
    if kind == "no crs":
        return write_geotiff(file, flat, crs=None), ["all.tif", "coordinate reference system"]
    file.write_bytes(b"II*\0" + b"nonsense" * 9)
    return file, ["all.tif"]


def broken_cube(tmp_path, kind):
    """A cube that cannot be used, and words that its error must hold."""
    whole, path = cube(STACK), tmp_path / "cube.nc"
    if kind == "no crs":
        whole.drop_vars("spatial_ref").to_zarr(tmp_path / "cube.zarr", zarr_format=2)
        return tmp_path / "cube.zarr", ["cube.zarr", "coordinate reference system"]
    if kind == "month twice":
        whole.isel(time=[0, 1, 1, *range(2, len(STACK))]).to_netcdf(path)
        return path, ["cube.nc", "2 steps in 2019-03"]
    if kind == "rank 3":
        whole.isel(band=0, drop=True).to_netcdf(path)
        return path, ["cube.nc"]
    whole.to_netcdf(path)
    path.write_bytes(path.read_bytes()[:3000])
    return path, ["cube.nc", "cannot be read"]


def broken_folder(tmp_path, kind):
    """A folder of GeoTIFFs that cannot be used, and words that its error must hold."""
    folder = tmp_path / "folder"
    write_folder(folder, STACK)
    bad = folder / "S2_201904_10m.tif"
    if kind == "size":
        write_geotiff(bad, STACK[2][:, :-1])
        return folder, [bad, "found pixels 19 x 22, expected 19 x 23"]
    if kind == "other crs":
        write_geotiff(bad, STACK[2], crs="EPSG:32650")
        return folder, [bad, "EPSG:32650", "EPSG:32649"]
    if kind == "shifted":
        write_geotiff(bad, STACK[2], transform=GRID @ Affine.translation(0.5, 0))
        return folder, [bad, "0.5 pixels beside"]
    if kind == "nine bands":
        write_geotiff(bad, STACK[2][:9])
        return folder, [bad, "9 bands without names", "B2, B3"]
    if kind == "month twice":
        write_geotiff(folder / "again_2019-04.tif", STACK[2])
        return folder, ["2019-04 is also in"]
    if kind == "no month":
        write_geotiff(folder / "april.tif", STACK[2])
        return folder, ["april.tif", "no month"]
    for file in folder.iterdir():
        file.unlink()
    return folder, [folder, "no GeoTIFF"]


BROKEN = {
    broken_file: ("missing", "no dates", "band count", "no crs", "no tiff"),
    broken_cube: ("no crs", "month twice", "rank 3", "truncated"),
    broken_folder: (
        "size",
        "other crs",
        "shifted",
        "nine bands",
        "month twice",
        "no month",
        "empty",
    ),
}


@pytest.mark.parametrize("make, kind", [(make, kind) for make in BROKEN for kind in BROKEN[make]])
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_used_is_named(tmp_path, make, kind):
    path, words = make(tmp_path, kind)
    with pytest.raises(InputError) as error:
        open_stack(path)
    assert all(str(word) in str(error.value) for word in words), str(error.value)


def test_damaged_pixels_are_named_with_their_file(tmp_path):
    folder = write_folder(tmp_path / "folder", STACK, compress="deflate")
    bad = folder / "S2_201904_10m.tif"
    bad.write_bytes(bad.read_bytes()[:-4000])
    with pytest.raises(InputError, match="cannot be read") as error:
        pixels_of(open_stack(folder))
    assert str(bad) in str(error.value)
    for version, chunk in ((2, "reflectance/0.0.1.1"), (3, "reflectance/c/0/0/1/1")):
        path = write_zarr(tmp_path / f"v{version}.zarr", STACK, version=version)
        (path / chunk).write_bytes((path / chunk).read_bytes()[:100])
        with pytest.raises(InputError, match="damaged|cannot be read") as error:
            pixels_of(open_stack(path))
        assert str(path) in str(error.value)


def test_a_first_month_beside_the_files_own_dates_is_refused(tmp_path):
    cube(STACK).to_netcdf(tmp_path / "cube.nc")
    for given in (None, "2019-02"):
        assert open_stack(tmp_path / "cube.nc", first_month=given).months[0].item().month == 2
    with pytest.raises(InputError, match="cube.nc: begins in 2019-02, .* not in 2016-01"):
        open_stack(tmp_path / "cube.nc", first_month="2016-01")
