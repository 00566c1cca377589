"""An area's rasters as surface reflectance x 10^4, month by month.

stack = open_stack("monthly/")           # a folder of GeoTIFFs, one GeoTIFF, a Zarr or NetCDF cube
stack.read(slice(0, 256), slice(0, 64))  # (month, band, y, x) int16; -32768 = no observation
x, months = read_series("monthly/", (112.913, 28.100))
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from stacks.cubes import find_cube
from stacks.geotiffs import find_folder, find_geotiff
from stacks.offset import STEP, STEP_MONTH, given_offset, step_month, survey
from stacks.reflectance import reflectance
from stacks.source import Source
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError
from utils.months import check_first_month


@dataclass(frozen=True)
class Stack:
    """An area over T months, none left out.

    months (T,) datetime64[M]; bands: C names; scale, offset (M, C): stored number x scale + offset
    is reflectance x 10^4; nodata: stored numbers without an observation; notes: lines that a user
    should see. `read` gives the pixels of a window.
    """

    source: Source
    months: np.ndarray
    bands: tuple
    scale: np.ndarray
    offset: np.ndarray
    nodata: tuple
    notes: tuple = ()

    @property
    def path(self):
        return self.source.path

    @property
    def geobox(self) -> GeoBox:
        return self.source.geobox

    def read(self, rows, columns, steps=None):
        """Reflectance x 10^4 of a window: (T, C, y, x) int16, or of the months `steps` only.

        rows, columns: slices with start and stop. Months that the stack lacks are filled with no
        observation.
        """
        steps = np.arange(len(self.months)) if steps is None else np.asarray(steps)
        there = np.flatnonzero(np.isin(self.months[steps], self.source.months))
        stored = np.searchsorted(self.source.months, self.months[steps[there]])
        height = rows.stop - rows.start
        width = columns.stop - columns.start
        shape = (len(steps), len(self.bands), height, width)
        if len(there) == 0:
            return np.full(shape, NO_OBSERVATION, np.int16)
        raw = self.source.reader.read(stored.tolist(), rows, columns)
        if len(there) == len(steps) and raw.dtype == np.int16:
            block = raw  # in place: a block is large
        else:
            block = np.full(shape, NO_OBSERVATION, np.int16)
        # A month at a time keeps the temporary arrays small.
        for place, month, numbers in zip(there, stored, raw):
            scale = self.scale[month]
            offset = self.offset[month]
            block[place] = reflectance(numbers, scale, offset, self.nodata)
        return block


def find_source(path, *, first_month=None, bands=BANDS):
    """Recognise the kind of stack and return its Source; raises InputError in one line for what
    cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            f"{path}: not found; expected a GeoTIFF, a folder of GeoTIFFs, a Zarr or a NetCDF cube"
        )
    if path.is_dir():
        if any(
            (path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
        ):
            return find_cube(path, "zarr", bands)
        return find_folder(path, bands)
    if path.suffix.lower() in (".nc", ".nc4", ".cdf"):
        return find_cube(path, "netcdf4", bands)
    return find_geotiff(path, first_month, bands)


def open_stack(path, *, first_month=None, bands=BANDS, scale=None, nodata=(), offset="none"):
    """Open a stack without reading its pixels, but for a few windows that tell its scale.

    first_month: 'YYYY-MM' of a GeoTIFF that holds no dates. scale: stored number -> reflectance x
    10^4; None takes the file's, and x 10,000 where values are reflectance from 0 to 1. nodata: more
    stored numbers that mean no data. offset: 'none'; 'VALUE' or 'VALUE@YYYY-MM', added to
    reflectance x 10^4 (from that month on); 'auto' takes away the step of processing baseline 04.00
    where there is one. Returns a Stack. Raises InputError.
    """
    source = find_source(path, first_month=first_month, bands=bands)
    check_first_month(path, source.months, first_month)
    months = np.arange(source.months[0], source.months[-1] + 1)
    file_scale, file_offset = source.scale, source.offset
    if scale is not None:
        file_scale, file_offset = np.full_like(file_scale, scale), np.zeros_like(file_offset)
    stack = Stack(source, months, tuple(bands), file_scale, file_offset, (*source.nodata, *nodata))
    if missing := len(months) - len(source.months):
        stack = noted(stack, f"{missing} months are missing; filled with no observation")
    as_stored = scale is not None or (source.dtype.kind in "iu" and (file_scale == 1).all())
    across = months[0] < STEP_MONTH < months[-1]
    dark = None
    if across or not as_stored:
        dark, middle = survey(stack)
        if not as_stored and middle < 2:
            stack, dark = times_ten_thousand(stack), dark * 10_000
    return with_offset(stack, offset, step_month(source.months, dark) if across else None)


def noted(stack, text):
    """The stack with one more line that a user should see."""
    return replace(stack, notes=(*stack.notes, f"{stack.path}: {text}"))


def times_ten_thousand(stack):
    """The stack, whose numbers are reflectance from 0 to 1, as reflectance x 10^4."""
    scale, offset = (np.round(values * 10_000, 9) for values in (stack.scale, stack.offset))
    stack = replace(stack, scale=scale, offset=offset)
    return noted(stack, "holds reflectance from 0 to 1; multiplied by 10,000")


def with_offset(stack, offset, step):
    """The stack with the offset that was asked for; step: month of the step of 1000, or None."""
    start, amount = given_offset(offset)
    if step is not None and offset == "auto":
        taken = f"a step of +{STEP} from {step} on (processing baseline 04.00) was taken away"
        stack, start, amount = noted(stack, taken), step, -STEP
    elif step is not None and offset == "none":
        stack = noted(
            stack,
            f"reflectance steps up by about {STEP} in every band from {step} on, as Sentinel-2's "
            f"processing baseline 04.00 does; --offset auto (or --offset={-STEP}@{step}) mends it",
        )
    added = np.where(stack.source.months >= start, amount, 0)[:, None]
    return replace(stack, offset=stack.offset + added)


def read_series(path, lonlat, *, first_month=None, **options):
    """One pixel of a stack: x (C, T) float32 reflectance x 10^4, NaN = no observation; months (T,).

    lonlat: degrees (WGS 84). first_month and options as in `open_stack`. Raises InputError outside
    the stack.
    """
    if isinstance(path, Stack):
        stack, path = path, path.path
    else:
        stack = open_stack(path, first_month=first_month, **options)
    row, column = pixel_at(stack, lonlat)
    block = stack.read(slice(row, row + 1), slice(column, column + 1))
    values = block[:, :, 0, 0].T  # (C, T)
    series = np.where(values == NO_OBSERVATION, np.nan, values).astype(np.float32)
    return series, stack.months


def pixel_at(stack, lonlat):
    """Row and column of the pixel at a place in degrees. Raises InputError outside the stack."""
    across = Transformer.from_crs("EPSG:4326", stack.geobox.crs.to_wkt(), always_xy=True)
    column, row = ~stack.geobox.transform @ across.transform(*lonlat)
    height, width = stack.geobox.shape
    if not (0 <= column < width and 0 <= row < height):
        west, south, east, north = stack.geobox.extent.to_crs("EPSG:4326").boundingbox
        raise InputError(
            f"{stack.path}: has no pixel at {lonlat[0]:.9g},{lonlat[1]:.9g}; "
            f"expected longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"
        )
    return int(row), int(column)
