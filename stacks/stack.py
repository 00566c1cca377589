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
from stacks.source import Source, parse_month
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError

# At or beyond these a stored number is a mark for no data, never reflectance x 10^4.
LOWEST, HIGHEST = -9999, 32767
# Sentinel-2 processing baseline 04.00, in force on 2022-01-25, adds it to every band of level 2A
STEP = 1000
STEP_MONTH = np.datetime64("2022-01", "M")
SAMPLE = 128  # side in pixels of the windows from which a stack's scale and steps are judged


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
        shape = (len(self.bands), rows.stop - rows.start, columns.stop - columns.start)
        if len(there) == 0:
            return np.full((len(steps), *shape), NO_OBSERVATION, np.int16)
        raw = self.source.reader.read([int(i) for i in stored], rows, columns)
        whole = len(there) == len(steps)
        block = (
            raw
            if whole and raw.dtype == np.int16
            else np.full((len(steps), *shape), NO_OBSERVATION, np.int16)
        )
        for i, month in enumerate(stored):  # a month at a time keeps the temporary arrays small
            block[there[i]] = reflectance(
                raw[i], self.scale[month], self.offset[month], self.nodata
            )
        return block


def reflectance(raw, scale, offset, nodata):
    """Stored numbers of one month as reflectance x 10^4.

    raw (C, y, x) of any number type; scale, offset (C,); nodata: stored numbers that mean no data.
    Returns (C, y, x) int16, -32768 = no observation: declared no data, NaN, marks such as -9999 and
    32767, or 0 in every band.
    """
    if (
        raw.dtype == np.int16
        and (scale == 1).all()
        and not offset.any()
        and set(nodata) <= {NO_OBSERVATION, 0}
    ):
        return plain_reflectance(raw, 0 in nodata)
    scaled, missing = scaled_and_missing(raw, scale, nodata)
    with np.errstate(invalid="ignore"):
        values = np.rint(scaled + offset.astype(np.float32)[:, None, None]).clip(LOWEST, HIGHEST)
        return np.where(missing, NO_OBSERVATION, values).astype(np.int16)


def plain_reflectance(raw, zero_is_nodata):
    """What `reflectance` gives for int16 that is reflectance x 10^4 already: the common case, in
    fewer passes.
    """
    lowest, highest = raw.min(axis=0), raw.max(axis=0)  # (y, x)
    if zero_is_nodata:
        raw = np.where(raw == 0, NO_OBSERVATION, raw)
    elif len(raw) > 1 and (empty := (lowest == 0) & (highest == 0)).any():
        raw = np.where(empty, NO_OBSERVATION, raw)
    if highest.max() >= HIGHEST:
        raw = np.where(raw >= HIGHEST, NO_OBSERVATION, raw)
    if lowest.min() <= LOWEST:
        raw = np.where(raw <= LOWEST, NO_OBSERVATION, raw)
    return raw


def scaled_and_missing(raw, scale, nodata):
    """Stored numbers of one month times scale, (C, y, x), and where there is none, bool (C, y,
    x).
    """
    plain = raw.dtype.kind in "iu" and (scale == 1).all()
    scaled = raw if plain else raw * scale.astype(np.float32)[:, None, None]
    missing = ~((scaled > LOWEST) & (scaled < HIGHEST))  # NaN too: it is neither
    if len(raw) > 1:
        missing |= ~raw.any(axis=0)
    for value in nodata:
        if not (plain and value <= LOWEST):
            missing |= raw == value
    return scaled, missing


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


def given_offset(text):
    """First month and amount of 'none', 'auto', 'VALUE' or 'VALUE@YYYY-MM'."""
    if text in ("none", "auto"):
        return np.datetime64("1950-01", "M"), 0.0
    amount, _, month = str(text).partition("@")
    try:
        amount = float(amount)
    except ValueError as error:
        raise InputError(
            f"--offset: found '{text}', expected none, auto, VALUE or VALUE@YYYY-MM"
        ) from error
    return parse_month(month, "--offset") if month else np.datetime64("1950-01", "M"), amount


def survey(stack):
    """Look at a few windows: the dark end of each band in each month (M, C), and the middle of the
    brightest band.

    dark is the 2nd percentile, NaN where a month has too few observations; both in the units that
    `scale` gives.
    """
    height, width = stack.geobox.shape
    places = ((4, 4), (2, 2), (6, 6), (2, 6), (6, 2))[
        : 1 if np.prod(stack.source.chunk) > 2**20 else 5
    ]
    months = [[] for _ in stack.source.months]
    for down, right in places:  # eighths of the stack
        rows, columns = (
            slice(max(0, size * at // 8 - SAMPLE // 2), min(size, size * at // 8 + SAMPLE // 2))
            for size, at in ((height, down), (width, right))
        )
        raw = stack.source.reader.read(list(range(len(months))), rows, columns)
        for i, month in enumerate(months):
            scaled, missing = scaled_and_missing(raw[i], stack.scale[i], stack.nodata)
            seen = ~missing.any(axis=0)
            month.append(scaled[:, seen] + stack.offset[i][:, None])
    values = [np.concatenate(month, axis=1) for month in months]
    dark = np.full(stack.scale.shape, np.nan)
    for i, month in enumerate(values):
        if month.shape[1] >= 20:
            dark[i] = np.percentile(month, 2, axis=1)
    middles = [np.median(month, axis=1).max() for month in values if month.shape[1]]
    return dark, np.median(middles) if middles else np.nan


def step_month(months, dark):
    """First month of a lasting step of +1000 in every band at 2022-01-25, or None.

    months (M,); dark (M, C) reflectance x 10^4. Each month is compared with the same month of the
    years before, so that seasons do not count. Land that changes brightens some bands more than
    others, and leaves blue dark; the step lifts all bands alike.
    """
    before, after = months < STEP_MONTH, months > STEP_MONTH
    rises = [
        dark[i] - np.nanmedian(earlier, axis=0)
        for i in np.flatnonzero(after & ~np.isnan(dark).any(axis=1))
        if not np.isnan(
            earlier := dark[before & ((months - months[i]).astype(int) % 12 == 0)]
        ).all()
    ]
    if len(rises) < 3:
        return None
    rise = np.median(rises, axis=0)  # (C,)
    steps = np.flatnonzero(~np.isnan(dark).any(axis=1))
    here = np.median(dark[[i for i in steps if after[i]][:3]], axis=0) - np.median(
        dark[[i for i in steps if before[i]][-3:]], axis=0
    )  # (C,) the step at this very place
    lifted = np.nanmedian(dark[after], axis=0).min() > 0.9 * STEP
    alike = (
        rise.min() > 0.5 * STEP
        and rise.max() < 1.6 * STEP
        and abs(np.median(rise) - STEP) < 0.35 * STEP
    )
    if not (lifted and alike and np.median(here) > 0.5 * STEP):
        return None
    january = dark[months == STEP_MONTH] - np.nanmedian(
        dark[before], axis=0
    )  # (1, C), or (0, C) if it is missing
    return STEP_MONTH if january.size and np.median(january) > STEP / 2 else STEP_MONTH + 1


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
    values = stack.read(slice(row, row + 1), slice(column, column + 1))[:, :, 0, 0].T  # (C, T)
    return np.where(values == NO_OBSERVATION, np.nan, values).astype(np.float32), stack.months


def pixel_at(stack, lonlat):
    """Row and column of the pixel at a place in degrees. Raises InputError outside the stack."""
    across = Transformer.from_crs("EPSG:4326", stack.geobox.crs.to_wkt(), always_xy=True)
    column, row = ~stack.geobox.transform @ across.transform(*lonlat)
    height, width = stack.geobox.shape
    if not (0 <= column < width and 0 <= row < height):
        west, south, east, north = stack.geobox.extent.to_crs("EPSG:4326").boundingbox
        raise InputError(
            f"{stack.path}: has no pixel at {lonlat[0]:g},{lonlat[1]:g}; "
            f"expected longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"
        )
    return int(row), int(column)
