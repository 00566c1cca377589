"""Made-up stacks in every kind of file that map.py reads, and a small network for them."""

import json

import numpy as np
import rasterio
import torch
import xarray as xr
from affine import Affine

import models
from utils.bands import BANDS
from utils.legend import URBAN

CRS = "EPSG:32649"
GRID = Affine(10.0, 0, 700000.3, 0, -10.0, 3100000.7)
FIRST = np.datetime64("2019-02", "M")


def values(months=14, height=23, width=19, seed=0):
    """Reflectance x 10^4 (T, C, y, x) int16: every pixel its own level and drift, here and there no
    observation.
    """
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(0, 300, (months, 10, height, width)), axis=0)
    level = (rng.uniform(600, 4000, (1, 10, height, width)) + drift).clip(50, 9000).astype(np.int16)
    level[rng.random((months, 1, height, width)).repeat(10, 1) < 0.1] = -32768
    level[:, :, :2, :3] = -32768
    return level


def write_geotiff(path, bands, *, crs=CRS, transform=GRID, nodata=-32768, names=None, **options):
    """One GeoTIFF of bands (B, y, x)."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=bands.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata,
        **options,
    ) as raster:
        raster.write(bands)
        if names:
            raster.descriptions = names
    return path


def write_folder(folder, stack, *, first=FIRST, skip=(), **options):
    """A folder with one GeoTIFF a month; skip: positions of months that are left out."""
    folder.mkdir()
    for i, month in enumerate(stack):
        if i not in skip:
            write_geotiff(
                folder / f"S2_{str(first + i).replace('-', '')}_10m.tif", month, **options
            )
    return folder


def cube(stack, *, first=FIRST, transform=GRID):
    """The stack as xarray users keep it."""
    rows, columns = np.arange(stack.shape[2]) + 0.5, np.arange(stack.shape[3]) + 0.5
    coords = {
        "time": (first + np.arange(len(stack))).astype("datetime64[ns]"),
        "band": list(BANDS),
        "y": transform.f + transform.e * rows,
        "x": transform.c + transform.a * columns,
    }
    array = xr.DataArray(
        stack,
        dims=("time", "band", "y", "x"),
        coords=coords,
        attrs={"_FillValue": stack.dtype.type(-32768)},
    )
    return array.to_dataset(name="reflectance").assign_coords(
        spatial_ref=xr.DataArray(0, attrs={"crs_wkt": rasterio.CRS.from_string(CRS).to_wkt()})
    )


def write_zarr(path, stack, *, version=2, chunk=8, **options):
    """A Zarr cube of square chunks."""
    cube(stack, **options).to_zarr(
        path,
        zarr_format=version,
        consolidated=version == 2,
        encoding={
            "reflectance": {"chunks": (len(stack), 10, chunk, chunk)},
            "band": {"dtype": "S3"} if version == 3 else {},
        },
    )
    return path


def pixels_of(stack):
    """All pixels of a stack: (T, C, y, x)."""
    height, width = stack.geobox.shape
    return stack.read(slice(0, height), slice(0, width))


def save_network(path, bands=BANDS, legend=URBAN, seed=0):
    """A tiny network of random weights, strong enough that its labels differ from pixel to pixel
    and month to month.
    """
    torch.manual_seed(seed)
    net = models.build("unet", bands=bands, legend=legend, widths=(8, 16)).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.mul_(3 if weights.ndim > 1 else 1)
    models.save(path, net)
    return path


def read_map(out):
    """Pixels of every raster of a map, and its summary."""
    pixels = {}
    for file in sorted(out.glob("*.tif")):
        with rasterio.open(file) as raster:
            pixels[file.stem] = raster.read()
    return pixels, (out / "summary.csv").read_text(), json.loads((out / "config.json").read_text())
