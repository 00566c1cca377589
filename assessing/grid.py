"""The rasters of a map as an assessment needs them: grid, months, legend, labels at points."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.windows import Window

from stacks.geotiffs import Header, read_header
from stacks.source import month_in
from utils.errors import InputError
from utils.legend import Legend

LABELS = "labels.tif"
NO_LABEL = 255  # in labels.tif


@dataclass(frozen=True)
class Map:
    """A folder that map.py wrote; months (T,) datetime64[M]; settings: its config.json."""

    folder: Path
    header: Header
    months: np.ndarray
    legend: Legend
    settings: dict

    @property
    def geobox(self):
        header = self.header
        return GeoBox(header.shape, header.transform, header.crs.to_wkt())


class Tile(NamedTuple):
    """A piece of a raster: first row and column, height and width."""

    row: int
    column: int
    height: int
    width: int

    @property
    def window(self):
        return Window(self.column, self.row, self.width, self.height)


def open_map(folder):
    """Read what a map says of itself; raises InputError for what is no map of map.py."""
    folder = Path(folder)
    path = folder / LABELS
    if not path.is_file():
        raise InputError(f"{folder}: holds no {LABELS}; expected a folder that map.py wrote")
    header = read_header(path)
    months = [month_in(name) for name in header.names]
    if None in months:
        raise InputError(f"{path}: band {months.index(None) + 1} has no month in its description")
    months = np.array(months, "datetime64[M]")
    if (np.diff(months.astype(int)) != 1).any():
        raise InputError(f"{path}: its months are not consecutive; expected a band each month")
    return Map(folder, header, months, legend_of(path), settings_of(folder))


def legend_of(path):
    """Classes of labels.tif: its tags value_0, colour_0, ..."""
    with rasterio.open(path) as raster:
        tags = raster.tags()
    count = sum(name.startswith("value_") for name in tags)
    missing = [k for k in range(count) if not {f"value_{k}", f"colour_{k}"} <= tags.keys()]
    if count == 0 or missing:
        raise InputError(f"{path}: has no class names; expected tags value_0, colour_0, ...")
    names, colours = (tuple(tags[f"{key}_{k}"] for k in range(count)) for key in TAGS)
    return Legend(names, colours)


TAGS = ("value", "colour")


def settings_of(folder):
    """config.json of a map, {} where there is none; raises InputError where it is damaged."""
    path = Path(folder) / "config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise InputError(f"{path}: cannot be read ({error}); expected JSON") from error


def tiles_of(path):
    """Tiles of a raster in storage order, whole storage blocks of at least 512 pixels a side."""
    with rasterio.open(path) as raster:
        height, width = raster.shape
        block = [min(max(side, 512), 4096) for side in raster.block_shapes[0]]
    return [
        Tile(row, column, min(block[0], height - row), min(block[1], width - column))
        for row in range(0, height, block[0])
        for column in range(0, width, block[1])
    ]


def read_tile(raster, tile, bands=1):
    """Pixels of a tile, (y, x) of one band or (B, y, x); raises InputError for damaged files."""
    try:
        return raster.read(bands, window=tile.window)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise InputError(f"{raster.name}: cannot be read ({error}); is it damaged?") from error


def labels_at(chosen, rows, columns):
    """Labels of the map at n pixels: (n, T) int8, -1 = no label.

    Points are read tile by tile, so that no tile is decompressed twice.
    """
    rows, columns = np.asarray(rows), np.asarray(columns)
    labels = np.full((len(rows), len(chosen.months)), -1, np.int8)
    bands = list(range(1, len(chosen.months) + 1))
    path = chosen.folder / LABELS
    with rasterio.open(path) as raster:
        for tile in tiles_of(path):
            down, right = rows - tile.row, columns - tile.column
            inside = (down >= 0) & (down < tile.height) & (right >= 0) & (right < tile.width)
            for band in bands if inside.any() else ():
                pixels = read_tile(raster, tile, band)[down[inside], right[inside]]
                labels[inside, band - 1] = pixels.view(np.int8)  # 255 becomes -1
    return labels


def centres_of(geobox, rows, columns):
    """Pixel centres in the units of the grid: x and y, (n,) each."""
    return geobox.transform @ (np.asarray(columns) + 0.5, np.asarray(rows) + 0.5)


def lonlat_of(geobox, rows, columns):
    """Longitude and latitude of pixel centres, degrees (WGS 84): (n, 2)."""
    x, y = centres_of(geobox, rows, columns)
    across = Transformer.from_crs(geobox.crs.to_wkt(), "EPSG:4326", always_xy=True)
    return np.column_stack(across.transform(x, y))
