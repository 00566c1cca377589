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
    own, grid = source.transform, geobox.transform
    both_north_up = north_up(own) and north_up(grid)
    if not both_north_up or CRS(source.crs.to_wkt()) != geobox.crs:
        return None
    down = own.f - grid.f  # units of the CRS
    right = grid.c - own.c
    numbers = np.array([own.a, down, right]) / grid.a
    whole = np.rint(numbers)
    rest = abs(numbers - whole)
    if rest.max() > 1e-6 or whole[0] < 1:
        return None
    return tuple(int(number) for number in whole)


def north_up(transform):
    """Whether rows run east and columns south, with square pixels."""
    turned = transform.b or transform.d
    return not turned and transform.a == -transform.e


def taken_over(source, shape, times, down, right, method):
    """Source pixels repeated `times`, or interpolated, from `down`, `right` on: (y, x) uint16."""
    rim = 1 if method != "nearest" and times > 1 else 0
    height, width = shape
    rows, above = coarse_of(down, height, times, rim)
    columns, before = coarse_of(right, width, times, rim)
    coarse = boundless(source, rows, columns)
    fine = interpolated(coarse, times) if rim else repeated(coarse, times)
    return fine[above : above + height, before : before + width]


def coarse_of(start, length, times, rim):
    """Along an axis: source pixels around the fine pixels from `start` on, with a rim, and how many
    fine pixels of them come before `start`.
    """
    first = start // times
    last = (start + length - 1) // times
    around = slice(first - rim, last + rim + 1)
    return around, start - first * times


def repeated(pixels, times):
    """Each pixel `times` down and across."""
    if times == 1:
        return pixels
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def boundless(source, rows, columns):
    """Rows and columns (slices) of a file, 0 outside of it. (y, x) uint16."""
    shape = rows.stop - rows.start, columns.stop - columns.start
    top = max(0, rows.start)
    left = max(0, columns.start)
    height = min(source.height, rows.stop) - top
    width = min(source.width, columns.stop) - left
    if height <= 0 or width <= 0:
        return np.zeros(shape, np.uint16)
    block = source.read(1, window=Part(left, top, width, height))
    if block.shape == shape and block.dtype == np.uint16:
        return block
    whole = np.zeros(shape, np.uint16)
    down = top - rows.start
    across = left - columns.start
    whole[down : down + height, across : across + width] = block
    return whole


def interpolated(coarse, times):
    """Bilinear interpolation of pixels with a rim of one, which is used up: (times*y, times*x).

    0 is no data: a fine pixel is no data where the coarse pixel around it is none, else the other
    neighbours share the weights.
    """
    valid = coarse > 0
    if times == 2 and valid.all():
        return doubled(coarse)
    values = spread_both_ways(coarse, times)
    weights = spread_both_ways(valid, times)
    inside = repeated(valid[1:-1, 1:-1], times)
    return weighted_mean(values, weights, inside)


def weighted_mean(values, weights, inside):
    """Sums of weighted values, divided by the sums of weights; uint16, 0 where not inside."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.rint(values / weights)
        return np.where(inside, mean, 0).astype(np.uint16)


def doubled(coarse):
    """`interpolated` for the usual case, 20 m to 10 m without no data: the same, in whole numbers.

    First across, where numbers lie apart in memory and are still few, then down, in place.
    """
    height, width = coarse.shape
    fine_height = 2 * (height - 2)
    fine_width = 2 * (width - 2)
    whole = coarse.astype(np.int32)
    triple = 3 * whole[:, 1:-1]
    across = np.empty((height, fine_width), np.int32)  # four times the values
    across[:, 0::2] = triple + whole[:, :-2]
    across[:, 1::2] = triple + whole[:, 2:]
    triple = 3 * across[1:-1]
    fine = np.empty((fine_height, fine_width), np.uint16)
    for part, neighbour in ((0, across[:-2]), (1, across[2:])):
        total = triple + neighbour  # sixteen times the values
        odd = (total >> 4) & 1
        total += 7 + odd  # halves to even, as numpy.rint
        fine[part::2] = total >> 4
    return fine


def spread_both_ways(values, times):
    """`spread` down and across."""
    down = spread(values.astype(np.float32), times, axis=0)
    return spread(down, times, axis=1)


def spread(values, times, axis):
    """Linear interpolation along an axis between pixel centres; uses up one pixel at each end."""
    values = np.moveaxis(values, axis, 0)
    across = values.shape[1:]
    own = values[1:-1]
    fine = np.empty((len(own), times, *across), np.float32)
    for part in range(times):
        away = (part + 0.5) / times - 0.5  # of the coarse pixel's centre, in coarse pixels
        neighbour = values[:-2] if away < 0 else values[2:]
        share = abs(away)
        fine[:, part] = own * (1 - share) + neighbour * share
    fine = fine.reshape(-1, *across)
    return np.moveaxis(fine, 0, axis)


def warped(source, geobox, method):
    """A file's first band at the pixel centres of any other grid: (y, x) uint16, 0 = no data.

    Each pixel's place is computed exactly and for itself. GDAL's warper interpolates places over a
    window, so that its values depend on how an area is cut into windows.
    """
    rows, columns = positions(source, geobox)
    if method == "nearest":
        pixels = found_at(source, floored(rows), floored(columns))
        return pixels(0, 0)
    return between(source, rows - 0.5, columns - 0.5)


def floored(values):
    return np.floor(values).astype(np.int64)


def found_at(source, rows, columns):
    """A function that gives the pixels at these places, or so many rows and columns beside them:
    (0 or 1, 0 or 1) -> (y, x) uint16. The file is read once.
    """
    top, height = reach(rows)
    left, width = reach(columns)
    down = slice(top, top + height + 1)
    across = slice(left, left + width + 1)
    block = boundless(source, down, across)
    rows = rows - top
    columns = columns - left
    return lambda below, beside: block[rows + below, columns + beside]


def between(source, rows, columns):
    """Bilinear values at places (rows and columns of pixel centres, with fractions): (y, x) uint16.

    0 is no data, as in `interpolated`.
    """
    up, left = floored(rows), floored(columns)
    pixels = found_at(source, up, left)
    down = (rows - up).astype(np.float32)
    right = (columns - left).astype(np.float32)
    values, weights = np.zeros((2, *rows.shape), np.float32)
    inside = np.zeros(rows.shape, bool)
    for below, beside in ((0, 0), (0, 1), (1, 0), (1, 1)):
        found = pixels(below, beside)
        of_row = down if below else 1 - down
        of_column = right if beside else 1 - right
        weight = of_row * of_column
        weight[found == 0] = 0
        values += weight * found
        weights += weight
        same_row = (down >= 0.5) == below
        same_column = (right >= 0.5) == beside
        nearest = same_row & same_column
        inside |= nearest & (found > 0)
    return weighted_mean(values, weights, inside)


def sampled(source, geobox):
    """A file's first band at the pixel centres of a coarse grid: (y, x) uint16."""
    found = np.zeros(geobox.shape, np.uint16)
    rows, columns = positions(source, geobox)
    inside = (rows >= 0) & (rows < source.height)
    inside &= (columns >= 0) & (columns < source.width)
    if not inside.any():
        return found
    rows, columns = rows[inside], columns[inside]
    top, height = reach(rows)
    left, width = reach(columns)
    coarse_height = min(height, 2 * geobox.shape[0])
    coarse_width = min(width, 2 * geobox.shape[1])
    window = Part(left, top, width, height)
    block = source.read(1, window=window, out_shape=(coarse_height, coarse_width))
    row = (rows - top) * (coarse_height / height)
    column = (columns - left) * (coarse_width / width)
    found[inside] = block[row.astype(int), column.astype(int)]
    return found


def reach(places):
    """First whole number and how many the places take."""
    first = int(places.min())
    return first, int(places.max()) + 1 - first


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
    column = np.arange(width) + 0.5
    row = np.arange(height) + 0.5
    x, y = geobox.transform @ tuple(np.meshgrid(column, row))
    if CRS(crs) == geobox.crs:
        return x, y
    change = Transformer.from_crs(geobox.crs.to_wkt(), crs, always_xy=True)
    return tuple(np.asarray(v) for v in change.transform(x, y))
