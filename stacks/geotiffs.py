"""Stacks kept as GeoTIFFs: one file with all months, or a folder with one file a month."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from stacks.source import Source, chosen_bands, month_in, parse_month, unreadable
from utils.bands import BANDS
from utils.errors import InputError


@dataclass(frozen=True)
class GeoTiffReader:
    """Reads months out of GeoTIFFs; places: for each month the file and its C band numbers (from
    1).
    """

    places: tuple

    def read(self, steps, rows, columns):
        """Stored numbers of these months: (M, C, y, x)."""
        window = Window.from_slices(rows, columns)
        wanted = [self.places[step] for step in steps]
        blocks = []
        for file in dict.fromkeys(file for file, _ in wanted):
            indexes = [index for name, numbers in wanted if name == file for index in numbers]
            try:
                with rasterio.open(file, NUM_THREADS=1) as raster:
                    blocks.append(raster.read(indexes, window=window))
            except (rasterio.errors.RasterioError, OSError) as error:
                raise unreadable(file, rows, columns, error) from error
        block = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return block.reshape(len(steps), -1, *block.shape[1:])


class Header(NamedTuple):
    """What a GeoTIFF says of itself; scales, offsets and nodata one a band."""

    file: Path
    names: tuple
    shape: tuple
    crs: rasterio.CRS
    transform: Affine
    dtype: str
    chunk: tuple
    scales: tuple
    offsets: tuple
    nodata: tuple


def read_header(path):
    """Header of a GeoTIFF; raises InputError if it is none, or lies nowhere on Earth."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path) as raster:
                header = Header(
                    path,
                    raster.descriptions,
                    raster.shape,
                    raster.crs,
                    raster.transform,
                    raster.dtypes[0],
                    raster.block_shapes[0],
                    raster.scales,
                    raster.offsets,
                    raster.nodatavals,
                )
    except (rasterio.errors.RasterioError, OSError) as error:
        raise InputError(
            f"{path}: cannot be read as a raster ({error}); expected a GeoTIFF"
        ) from error
    if header.crs is None:
        raise InputError(
            f"{path}: has no coordinate reference system; "
            "expected one (gdal_edit.py -a_srs sets it)"
        )
    if "complex" in header.dtype:
        raise InputError(f"{path}: holds {header.dtype}; expected integers or floats")
    return header


def find_geotiff(path, first_month, bands):
    """Source of one GeoTIFF with all months: all bands of a month together."""
    header = read_header(path)
    months = [month_in(name) for name in header.names]
    if months == [None] * len(months):
        months = months_from(path, first_month, len(months))
    if None in months:
        raise InputError(
            f"{path}: band {months.index(None) + 1} has no month in its description, others have"
        )
    groups = {}
    for index, month in enumerate(months):
        groups.setdefault(month, []).append(index)
    places = {}
    for month, group in groups.items():
        chosen = chosen_bands(f"{path} ({month})", [header.names[i] for i in group], bands)
        places[month] = (header, [group[i] for i in chosen])
    return geotiff_source(path, places)


def months_from(path, first_month, count):
    """Months of the bands of a file without dates: ten bands a month from `first_month` on."""
    if count % len(BANDS):
        raise InputError(
            f"{path}: found {count} bands, expected {len(BANDS)} a month, {BANDS[0]} .. {BANDS[-1]}"
        )
    if first_month is None:
        raise InputError(
            f"{path}: holds no dates; expected --first-month YYYY-MM, the month of its first bands"
        )
    months = parse_month(first_month) + np.arange(count // len(BANDS))
    return list(months.repeat(len(BANDS)))


def find_folder(path, bands):
    """Source of a folder of GeoTIFFs, one a month, the month in the file's name."""
    files = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in (".tif", ".tiff") and file.name[0] != "."
    )
    if not files:
        raise InputError(f"{path}: holds no GeoTIFF; expected one a month, or a Zarr cube")
    places = {}
    for file in files:
        month = month_in(file.stem)
        if month is None:
            raise InputError(
                f"{file}: no month, or more than one, in the name; expected one such as 2019-02"
            )
        if month in places:
            raise InputError(
                f"{file}: {month} is also in {places[month][0].file.name}; "
                "expected one file a month"
            )
        header = read_header(file)
        places[month] = (header, chosen_bands(file, header.names, bands))
        check_grid(header, next(iter(places.values()))[0])
    return geotiff_source(path, places)


def check_grid(header, first):
    """Raise InputError unless both rasters have one size, one CRS and one transform."""
    pixels = "{1} x {0}".format
    for what, found, expected in (
        ("pixels", pixels(*header.shape), pixels(*first.shape)),
        ("CRS", header.crs.to_string(), first.crs.to_string()),
    ):
        if found != expected:
            raise InputError(
                f"{header.file}: found {what} {found}, expected {expected} as in {first.file.name}"
            )
    height, width = first.shape
    to_first = ~first.transform @ header.transform
    apart = 0.0  # pixels
    for column, row in ((0, 0), (width, 0), (0, height)):
        there_column, there_row = to_first @ (column, row)
        apart = max(apart, abs(there_column - column), abs(there_row - row))
    if apart > 0.01:
        raise InputError(
            f"{header.file}: lies {apart:.3g} pixels beside {first.file.name}, "
            "expected the same grid"
        )


def geotiff_source(path, places):
    """Source of rasters on one grid; places: month -> (Header, positions of the bands)."""
    months = sorted(places)
    order = [places[month] for month in months]
    first = order[0][0]
    scale = np.array([[header.scales[i] for i in chosen] for header, chosen in order], float)
    offset = np.array([[header.offsets[i] for i in chosen] for header, chosen in order], float)
    nodata = {value for header, _ in order for value in header.nodata if value is not None}
    reader = GeoTiffReader(
        tuple((str(header.file), tuple(i + 1 for i in chosen)) for header, chosen in order)
    )
    grid = GeoBox(first.shape, first.transform, first.crs.to_wkt())
    return Source(
        str(path),
        np.array(months, "datetime64[M]"),
        grid,
        np.result_type(*(header.dtype for header, _ in order)),
        first.chunk,
        scale,
        offset,
        tuple(sorted(nodata)),
        reader,
    )
