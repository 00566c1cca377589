"""A band on the grid of the stack: taken over where the grids allow it, else interpolated."""

from functools import lru_cache

import numpy as np
from odc.geo.crs import CRS
from pyproj import Transformer
from rasterio.windows import Window as Part

RESAMPLING = ("nearest", "bilinear")


def on_grid(source, geobox, method):
    """A file's first band on a grid: pixels are taken over where the grids allow it."""
    step = aligned(source, geobox)
    if step is None:
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
    """A file's first band at the pixel centres of any other grid: (y, x) uint16, 0 = no data.

    Each pixel's place is computed exactly and for itself. GDAL's warper interpolates places over a
    window, so that its values depend on how an area is cut into windows.
    """
    rows, columns = positions(source, geobox)
    if method == "nearest":
        rows, columns = (np.floor(v).astype(np.int64) for v in (rows, columns))
        block, first = around(source, rows, columns)
        return block[rows - first[0], columns - first[1]]
    return between(source, rows - 0.5, columns - 0.5)


def around(source, rows, columns):
    """The part of a file that holds these pixels and their next neighbours, and its first ones."""
    first = int(rows.min()), int(columns.min())
    last = int(rows.max()) + 2, int(columns.max()) + 2
    return boundless(source, first, last), first


def between(source, rows, columns):
    """Bilinear values at places (rows and columns of pixel centres, with fractions): (y, x) uint16.

    0 is no data, as in `interpolated`.
    """
    up, left = (np.floor(v).astype(np.int64) for v in (rows, columns))
    down, right = (rows - up).astype(np.float32), (columns - left).astype(np.float32)
    block, first = around(source, up, left)
    up, left = up - first[0], left - first[1]
    values, weights = np.zeros(rows.shape, np.float32), np.zeros(rows.shape, np.float32)
    nearest = np.zeros(rows.shape, bool)
    for below, beside in ((0, 0), (0, 1), (1, 0), (1, 1)):
        found = block[up + below, left + beside]
        weight = (down if below else 1 - down) * (right if beside else 1 - right)
        weight[found == 0] = 0
        values += weight * found
        weights += weight
        here = ((down >= 0.5) == below) & ((right >= 0.5) == beside)
        nearest |= here & (found > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(nearest, np.rint(values / weights), 0).astype(np.uint16)


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
    x, y = places(geobox, source.crs.to_wkt())
    columns, rows = ~source.transform @ (x, y)
    return rows, columns


@lru_cache(maxsize=4)
def places(geobox, crs):
    """Coordinates in a CRS of the pixel centres of a grid: two (y, x) float. All files of a window
    share them.
    """
    height, width = geobox.shape
    across, down = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x, y = geobox.transform @ (across, down)
    if CRS(crs) == geobox.crs:
        return x, y
    change = Transformer.from_crs(geobox.crs.to_wkt(), crs, always_xy=True)
    return tuple(np.asarray(v) for v in change.transform(x, y))
