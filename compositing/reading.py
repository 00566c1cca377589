"""A band of a scene on the grid of the stack, read again where the way there falters."""

import math
import time
from dataclasses import dataclass

import numpy as np
import rasterio
from odc.geo.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import reproject
from rasterio.windows import Window as Part

from compositing.catalogues import Catalogue
from compositing.remote import HEADERS_KEPT, Broken, RemoteFile

RESAMPLING = ("nearest", "bilinear", "cubic")
# Never look for files beside the ones that are named.
GDAL_SETTINGS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_NUM_THREADS": "1"}
RIM = 4  # pixels around an area that interpolation may use
HOPELESS = ("No such file", "404", "not recognized as being in a supported")


class Unreadable(Exception):
    """A scene's file that stayed unreadable; the message says which and why."""


@dataclass(frozen=True)
class Reader:
    """How files are read. pauses: seconds before each further try; timeout: seconds of a request
    without an answer.
    """

    catalogue: Catalogue
    resampling: str = "bilinear"
    pauses: tuple = (1, 2, 4, 8, 16)
    timeout: float = 30

    def read(self, scene, band, geobox):
        """Numbers of a band as stored, on a grid: (y, x) uint16, 0 = no data. Raises Unreadable."""
        method = "nearest" if band == "SCL" else self.resampling
        return self.patiently(scene, band, lambda source: on_grid(source, geobox, method))

    def glance(self, scene, band, geobox):
        """As `read`, at the pixel centres of a coarse grid, from the file's overviews."""
        return self.patiently(scene, band, lambda source: sampled(source, geobox))

    def patiently(self, scene, band, use):
        """use(opened file) of a scene's band, tried again after growing pauses."""
        address = scene.assets[band]
        for pause in (*self.pauses, None):
            try:
                with rasterio.Env(**self.settings()):
                    return self.used(address, use)
            except Broken as error:  # it was tried again and again
                problem = str(error)
                break
            except (RasterioError, OSError, ValueError) as error:
                problem = " ".join(str(error.__cause__ or error).split())
                if pause is None or any(word in problem for word in HOPELESS):
                    break
                HEADERS_KEPT.forget(address)
                time.sleep(pause)
        raise Unreadable(f"{band} cannot be read: {without_token(problem)}")

    def used(self, address, use):
        """use(opened file). What was read from the web counts only if all of it came."""
        if not address.startswith("http"):
            # GDAL's own reader of S3: rasterio's would need boto3.
            with rasterio.open(address.replace("s3://", "/vsis3/", 1)) as source:
                return use(source)
        file = RemoteFile(address, self.catalogue, self.pauses, self.timeout)
        try:
            with rasterio.open("scene.tif", opener=lone_opener(file)) as source:
                return use(source)
        finally:
            if file.problem:
                raise Broken(file.problem)

    def settings(self):
        """Settings of GDAL for this thread; those of HTTP for files that GDAL asks for itself."""
        http = {
            "GDAL_HTTP_TIMEOUT": str(self.timeout),
            "GDAL_HTTP_MAX_RETRY": str(len(self.pauses)),
            "GDAL_HTTP_RETRY_DELAY": str(next(iter(self.pauses), 1)),
        }
        return GDAL_SETTINGS | http | self.catalogue.options()


def lone_opener(file):
    """An opener for GDAL that knows one file, and none beside it."""

    def opener(path, mode="r", **_):
        if not str(path).endswith("scene.tif"):
            raise FileNotFoundError(path)
        file.seek(0)
        return file

    return opener


def without_token(text):
    """A message without the signatures in its addresses: they are secrets."""
    return " ".join(word.split("?")[0] for word in text.split())[:200]


def on_grid(source, geobox, method):
    """A file's first band on a grid: pixels are taken over where the grids allow it."""
    step = aligned(source, geobox)
    if step is None or method == "cubic" and step[0] > 1:
        return warped(source, geobox, method)
    times, down, right = step
    return taken_over(source, geobox.shape, times, down, right, method)


def aligned(source, geobox):
    """(grid pixels per source pixel, rows and columns from source to grid in grid pixels), or None
    where pixels of the grid do not lie within pixels of the source.
    """
    if CRS(source.crs.to_wkt()) != geobox.crs:
        return None
    own, grid = source.transform, geobox.transform
    if own.b or own.d or grid.b or grid.d or own.a != -own.e or grid.a != -grid.e:
        return None
    numbers = np.array([own.a / grid.a, (own.f - grid.f) / grid.a, (grid.c - own.c) / grid.a])
    whole = np.rint(numbers)
    if abs(numbers - whole).max() > 1e-6 or whole[0] < 1:
        return None
    return tuple(int(number) for number in whole)


def taken_over(source, shape, times, down, right, method):
    """Source pixels repeated `times`, or interpolated, from `down`, `right` on: (y, x) uint16."""
    rim = 1 if method != "nearest" and times > 1 else 0
    first = down // times - rim, right // times - rim
    last = (down + shape[0] - 1) // times + rim + 1, (right + shape[1] - 1) // times + rim + 1
    coarse = boundless(source, first, last)
    if rim:
        fine = interpolated(coarse, times)
    else:
        fine = coarse.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else coarse
    skip = down - (first[0] + rim) * times, right - (first[1] + rim) * times
    return fine[skip[0] : skip[0] + shape[0], skip[1] : skip[1] + shape[1]]


def boundless(source, first, last):
    """Rows and columns first .. last of a file, 0 outside of it. (y, x) uint16."""
    shape = last[0] - first[0], last[1] - first[1]
    start = [max(0, a) for a in first]
    stop = [min(size, b) for size, b in zip(source.shape, last)]
    if start[0] >= stop[0] or start[1] >= stop[1]:
        return np.zeros(shape, np.uint16)
    part = Part(start[1], start[0], stop[1] - start[1], stop[0] - start[0])
    block = source.read(1, window=part)
    if block.shape == shape and block.dtype == np.uint16:
        return block
    whole = np.zeros(shape, np.uint16)
    top, left = start[0] - first[0], start[1] - first[1]
    whole[top : top + block.shape[0], left : left + block.shape[1]] = block
    return whole


def interpolated(coarse, times):
    """Bilinear interpolation of pixels with a rim of one, which is used up: (times*y, times*x).

    0 is no data: a fine pixel is no data where the coarse pixel around it is none, else the other
    neighbours share the weights.
    """
    valid = coarse > 0
    if times == 2 and valid.all():
        return doubled(coarse)
    values = spread(spread(coarse.astype(np.float32), times, 0), times, 1)
    weights = spread(spread(valid.astype(np.float32), times, 0), times, 1)
    inside = valid[1:-1, 1:-1].repeat(times, axis=0).repeat(times, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(inside, np.rint(values / weights), 0).astype(np.uint16)


def doubled(coarse):
    """`interpolated` for the usual case, 20 m to 10 m without no data: the same, in whole numbers.

    First across, where numbers lie apart in memory and are still few, then down, in place.
    """
    height, width = coarse.shape
    whole = coarse.astype(np.int32)
    triple = 3 * whole[:, 1:-1]
    across = np.empty((height, 2 * (width - 2)), np.int32)  # four times the values
    across[:, 0::2] = triple + whole[:, :-2]
    across[:, 1::2] = triple + whole[:, 2:]
    triple = 3 * across[1:-1]
    fine = np.empty((2 * (height - 2), across.shape[1]), np.uint16)
    for part, neighbour in ((0, across[:-2]), (1, across[2:])):
        total = triple + neighbour  # sixteen times the values
        total += 7 + ((total >> 4) & 1)  # halves to even, as numpy.rint
        fine[part::2] = total >> 4
    return fine


def spread(values, times, axis):
    """Linear interpolation along an axis between pixel centres; uses up one pixel at each end."""
    values = np.moveaxis(values, axis, 0)
    fine = np.empty((len(values) - 2, times, *values.shape[1:]), np.float32)
    for part in range(times):
        away = (part + 0.5) / times - 0.5  # of the coarse pixel's centre, in coarse pixels
        neighbour = values[:-2] if away < 0 else values[2:]
        fine[:, part] = values[1:-1] * (1 - abs(away)) + neighbour * abs(away)
    return np.moveaxis(fine.reshape(-1, *values.shape[1:]), 0, axis)


def warped(source, geobox, method):
    """A file's first band warped to a grid: (y, x) uint16, 0 = no data."""
    part = covering(source, geobox.extent.to_crs(CRS(source.crs.to_wkt()), resolution=1000))
    found = np.zeros(geobox.shape, np.uint16)
    if part is not None:
        reproject(
            source.read(1, window=part).astype(np.uint16, copy=False),
            found,
            src_transform=source.window_transform(part),
            src_crs=source.crs,
            dst_transform=geobox.transform,
            dst_crs=geobox.crs.to_wkt(),
            src_nodata=0,
            dst_nodata=0,
            resampling=Resampling[method],
            tolerance=0,  # exact at each pixel, so that windows do not change the values
        )
    return found


def covering(source, outline):
    """Part of a file that covers an outline and a rim for the interpolation; None: no part."""
    bounds = outline.boundingbox
    corners = [~source.transform @ (x, y) for x in bounds.range_x for y in bounds.range_y]
    columns, rows = np.array(corners).T
    start = [max(0, math.floor(v.min()) - RIM) for v in (rows, columns)]
    stop = [min(size, math.ceil(v.max()) + RIM) for v, size in zip((rows, columns), source.shape)]
    if start[0] >= stop[0] or start[1] >= stop[1]:
        return None
    return Part(start[1], start[0], stop[1] - start[1], stop[0] - start[0])


def sampled(source, geobox):
    """A file's first band at the pixel centres of a coarse grid: (y, x) uint16."""
    found = np.zeros(geobox.shape, np.uint16)
    rows, columns = positions(source, geobox)
    inside = (rows >= 0) & (rows < source.height) & (columns >= 0) & (columns < source.width)
    if not inside.any():
        return found
    start = [int(v[inside].min()) for v in (rows, columns)]
    size = [int(v[inside].max()) + 1 - low for v, low in zip((rows, columns), start)]
    coarse = tuple(min(length, 2 * number) for length, number in zip(size, geobox.shape))
    part = Part(start[1], start[0], size[1], size[0])
    block = source.read(1, window=part, out_shape=coarse)
    where = [
        ((v[inside] - low) * (number / length)).astype(int)
        for v, low, number, length in zip((rows, columns), start, coarse, size)
    ]
    found[inside] = block[tuple(where)]
    return found


def positions(source, geobox):
    """Rows and columns in a file of the pixel centres of a grid: two (y, x) float."""
    height, width = geobox.shape
    across, down = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x, y = geobox.transform @ (across, down)
    crs = CRS(source.crs.to_wkt())
    if crs != geobox.crs:
        x, y = geobox.crs.transformer_to_crs(crs)(x, y)
    columns, rows = ~source.transform @ (np.asarray(x), np.asarray(y))
    return rows, columns
