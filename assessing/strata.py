"""Strata of a map, and how many pixels and hectares each holds, counted tile by tile.

A stratum is a code. Stable land has its class id, 0 to 98. Land that changed has the code of its
last transition as in from_to.tif (304: from the third class to the fourth), or the year of its last
change. A raster of the user's own keeps its numbers. -1: outside the assessed area.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio

from assessing.grid import LABELS, NO_LABEL, read_tile, tiles_of
from stacks.area import pixel_hectares
from stacks.geotiffs import check_grid, read_header
from utils.errors import InputError

OUTSIDE = -1
OTHER_CHANGE = 9_999  # rare kinds of change, taken together
MOST = 250  # strata; more is a raster of something else
BY = {"type": "from_to.tif", "year": "last_change.tif"}


@dataclass(frozen=True)
class Strata:
    """H strata of a map: which file or files say so, and what they hold.

    codes (H,) int64; names (H,); pixels (H,) int64 and hectares (H,) float; per_row (Y, H) int64:
    pixels in each row of the grid; changed (H,) bool: land that changed; outside: hectares of the
    grid that no stratum covers; merged: codes that OTHER_CHANGE stands for.
    """

    source: object
    codes: np.ndarray
    names: tuple
    per_row: np.ndarray
    row_hectares: np.ndarray
    changed: np.ndarray
    outside: float
    merged: tuple = ()

    @property
    def pixels(self):
        return self.per_row.sum(axis=0)

    @property
    def hectares(self):
        return self.row_hectares @ self.per_row

    def codes_of(self, tile):
        """Position of each pixel's stratum in a tile, (y, x); -1 = outside."""
        codes = self.source.codes(tile)
        if self.merged:
            codes[np.isin(codes, self.merged)] = OTHER_CHANGE
        place = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        return np.where(self.codes[place] == codes, place, OUTSIDE)


class MapStrata:
    """Strata of a map: stable classes, and change by type or by year."""

    def __init__(self, chosen, by):
        self.map, self.by = chosen, by
        self.files = [chosen.folder / name for name in ("change_count.tif", LABELS, BY[by])]
        for path in self.files:
            check_grid(readable(path), chosen.header)

    def codes(self, tile):
        with ExitStack() as opened:
            rasters = [opened.enter_context(rasterio.open(path)) for path in self.files]
            count, stable, change = (read_tile(raster, tile) for raster in rasters)
        change = change.astype(np.int64) // (100 if self.by == "year" else 1)
        codes = np.where(count == 0, stable, change)
        return np.where((count == 255) | (stable == NO_LABEL), OUTSIDE, codes).astype(np.int64)

    def name(self, code):
        names = self.map.legend.names
        if code < 100:
            return f"stable {names[code]}"
        if self.by == "year":
            return f"change in {code}"
        return f"{names[code // 100 - 1]} to {names[code % 100 - 1]}"

    def changed(self, code):
        return code >= 100


class RasterStrata:
    """Strata of a raster of whole numbers on the map's grid; its nodata is outside."""

    def __init__(self, chosen, path):
        self.map, self.path = chosen, Path(path)
        header = readable(self.path)
        check_grid(header, chosen.header)
        if np.dtype(header.dtype).kind not in "iu":
            raise InputError(f"{path}: holds {header.dtype}; expected strata as whole numbers")
        self.nodata = header.nodata[0]
        with rasterio.open(self.path) as raster:
            self.tags = raster.tags()

    def codes(self, tile):
        with rasterio.open(self.path) as raster:
            codes = read_tile(raster, tile).astype(np.int64)
        with rasterio.open(self.map.folder / LABELS) as raster:
            labels = read_tile(raster, tile)
        if (codes < OUTSIDE).any():
            raise InputError(f"{self.path}: holds {codes.min()}; expected strata from 0 on")
        outside = (labels == NO_LABEL) | (codes == self.nodata)
        return np.where(outside, OUTSIDE, codes)

    def name(self, code):
        return self.tags.get(f"value_{code}", f"stratum {code}")

    def changed(self, code):
        return False


def readable(path):
    """Header of a raster; raises InputError where there is none."""
    if not Path(path).is_file():
        raise InputError(f"{path}: not found; expected a raster on the map's grid")
    return read_header(path)


def strata_of(chosen, *, by="type", path=None):
    """Strata of a map: stable classes and change by 'type' or 'year', or those of a raster `path`.

    Pixels without a label are outside. Raises InputError for a raster on another grid, and where no
    pixel is left.
    """
    source = RasterStrata(chosen, path) if path else MapStrata(chosen, by)
    per_row = count_rows(source, chosen)
    codes = np.array(sorted(per_row), np.int64)
    if len(codes) == 0:
        raise InputError(f"{path or chosen.folder}: no pixel lies in a stratum; nothing to sample")
    counts = np.column_stack([per_row[code] for code in codes])
    row_hectares = pixel_hectares(chosen.geobox)
    outside = chosen.header.shape[1] - counts.sum(axis=1)  # pixels of each row
    return Strata(
        source,
        codes,
        tuple(source.name(int(code)) for code in codes),
        counts,
        row_hectares,
        np.array([source.changed(code) for code in codes]),
        float(row_hectares @ outside),
    )


def count_rows(source, chosen):
    """Pixels of each stratum in each row: code -> (Y,) int64. One tile in memory at a time."""
    rows = {}
    for tile in tiles_of(chosen.folder / LABELS):
        codes = source.codes(tile)
        for code in np.unique(codes[codes != OUTSIDE]):
            counts = rows.setdefault(int(code), np.zeros(chosen.header.shape[0], np.int64))
            counts[tile.row : tile.row + tile.height] += (codes == code).sum(axis=1)
            if len(rows) > MOST:
                raise InputError(f"{chosen.folder}: more than {MOST} strata; expected fewer")
    return rows


def merge_rare_changes(strata, most, rare_share=0.0):
    """Take the smallest kinds of change together, so that at most `most` of them remain.

    Those on less than `rare_share` of the pixels are taken together anyway.
    """
    changed = np.flatnonzero(strata.changed)
    by_size = changed[np.argsort(-strata.pixels[changed], kind="stable")]
    common = np.sum(strata.pixels[changed] >= rare_share * strata.pixels.sum())
    if len(changed) > max(most, 1):
        common = min(common, max(most, 1) - 1)
    rare = np.sort(by_size[common:])
    if len(rare) < 2:
        return strata
    kept = np.setdiff1d(np.arange(len(strata.codes)), rare)
    others = strata.per_row[:, rare].sum(axis=1, keepdims=True)
    return replace(
        strata,
        codes=np.append(strata.codes[kept], OTHER_CHANGE),
        names=(*(strata.names[i] for i in kept), "other change"),
        per_row=np.concatenate([strata.per_row[:, kept], others], axis=1),
        changed=np.append(strata.changed[kept], True),
        merged=tuple(int(code) for code in strata.codes[rare]),
    )
