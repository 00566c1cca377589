"""Made-up land for label.py: a stack whose classes are plain to see, and its products."""

import numpy as np
import rasterio
from affine import Affine
from stack_files import CRS, write_geotiff, write_zarr

from utils.legend import URBAN

SIDE, STEPS = 32, 36
FIRST = np.datetime64("2019-01", "M")
JULYS = (6, 18, 30)
GRID = Affine(10.0, 0, 700000.0, 0, -10.0, 3100000.0)
CODES = (80, 10, 30, 60, 50, 40)  # of ESA WorldCover, in the order of the urban classes


def land(seed=0, change=True):
    """Labels (T, y, x): four fields of classes; in two of them a part changes in month 11 or 24."""
    labels = np.zeros((STEPS, SIDE, SIDE), np.int8)
    half = SIDE // 2
    labels[:, :half, half:] = 2
    labels[:, half:, :half] = 4
    labels[:, half:, half:] = 5
    if change:
        labels[11:, 2 : half - 2, half + 2 : SIDE - 4] = 3
        labels[24:, half + 2 : SIDE - 2, half + 2 : SIDE - 4] = 4
    return labels


def reflectance(labels, seed=0):
    """Reflectance (T, C, y, x) int16: a level of each class in each band, a season, noise, gaps."""
    rng = np.random.default_rng(seed)
    level = np.random.default_rng(5).uniform(400, 4000, (6, 10))
    season = 1 + 0.1 * np.sin(2 * np.pi * np.arange(len(labels)) / 12)
    x = level[labels].transpose(0, 3, 1, 2) * season[:, None, None, None]
    x = x + rng.normal(0, 80, x.shape)
    x[
        rng.random(x.shape[0:1] + x.shape[2:])
        .repeat(10)
        .reshape(-1, *x.shape[2:], 10)
        .transpose(0, 3, 1, 2)
        < 0.08
    ] = -32768
    return np.rint(x).astype(np.int16)


def write_land(folder, *, spoilt=0.1, change=True, seed=0):
    """Write city.zarr and product_2019.tif to product_2021.tif; return the labels (T, y, x)."""
    labels = land(change=change)
    write_zarr(folder / "city.zarr", reflectance(labels, seed), first=FIRST, transform=GRID)
    rng = np.random.default_rng(seed + 1)
    for year, month in zip((2019, 2020, 2021), JULYS):
        wrong = (labels[month] + rng.integers(1, 6, labels[month].shape)) % 6
        says = np.where(rng.random(wrong.shape) < spoilt, wrong, labels[month])
        codes = np.array(CODES, np.uint8)[says]
        write_product(folder / f"worldcover_{year}.tif", codes)
    return labels


def write_product(path, codes, *, transform=GRID, crs=CRS, **options):
    """One product of codes (y, x)."""
    options = {"nodata": 0} | options
    return write_geotiff(path, codes[None], transform=transform, crs=crs, **options)


def read_codes(path):
    """Codes (y, x) of a product."""
    with rasterio.open(path) as raster:
        return raster.read(1)


def products_of(folder, years=(2019, 2020, 2021)):
    """[(year, path), ...] of a folder that write_land made."""
    return [(year, str(folder / f"worldcover_{year}.tif")) for year in years]


__all__ = ["URBAN", "land", "products_of", "read_codes", "reflectance", "write_land"]
