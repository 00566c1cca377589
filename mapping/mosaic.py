"""From finished windows to the map: Cloud-Optimised GeoTIFFs, summary, figures.

The area is drawn tile by tile, and few tiles are in memory at a time. The tiles are those of the
page, so that each is drawn once for the rasters, the page and the change events together.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window as RasterWindow
from tqdm import tqdm

from mapping.figures import draw_figures
from mapping.pixels import Drawing, draw_window
from mapping.products import add_overviews, create, write_cog
from mapping.summary import MILLIMETRES, write_summary
from mapping.windows import windows_of
from stacks.area import pixel_hectares
from utils.errors import InputError
from utils.workers import Workers, cores, stream

CACHE_MB = 64  # of GDAL; its own choice, a share of all memory, would grow with the machine
TILE = 512  # side of a tile in pixels


def drawing_of(parts, windows, stack, n_classes, filter_width):
    """The Drawing of a stack that was labelled window by window."""
    lines = {}
    for window in windows:
        lines.setdefault(window.top, {})[window.left] = window
    row_area = np.rint(pixel_hectares(stack.geobox) * MILLIMETRES).astype(np.int64)
    return Drawing(parts, lines, stack.months, filter_width, n_classes, row_area)


def assemble(drawing, raw, geobox, products, keep=lambda tile, drawn: None):
    """Write every raster of the map into the folder `raw`, as plain GeoTIFF.

    products: as `products_for` gives; keep(tile, drawn): called for each tile, in threads. Returns
    the counts of `mapping.pixels.count` for the whole area, in square millimetres. Raises
    InputError.
    """
    raw = empty(raw)
    tiles = windows_of(geobox.shape, (TILE, TILE))
    totals = [0, 0]

    def draw_tile(tile):
        drawn = draw_window(drawing, tile)
        keep(tile, drawn)
        return drawn.rasters, drawn.counts

    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), ExitStack() as files:
            pool = files.enter_context(ThreadPoolExecutor(cores()))
            rasters = {
                name: files.enter_context(create(raw / f"{name}.tif", product, geobox))
                for name, product in products.items()
            }
            bar = files.enter_context(tqdm(total=len(tiles), unit="tile", desc="drawing up"))
            for tile, (layers, counts) in stream(
                Workers(pool, 2 * cores(), None), draw_tile, tiles
            ):
                place = RasterWindow.from_slices(*tile.slices)
                for name, raster in rasters.items():
                    raster.write(layers[name], window=place)
                totals = [total + more for total, more in zip(totals, counts)]
                bar.update()
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
            for name in products:
                add_overviews(raw / f"{name}.tif")
    except (rasterio.errors.RasterioError, OSError) as error:
        raise cannot_write(raw, error) from error
    return totals


def finish(raw, folder, products, rows):
    """Write the finished map into `folder`: COGs and figures of the rasters in `raw`, and the
    summary's rows.

    All of them only read `raw`, so they are written at the same time. Raises InputError.
    """
    folder = empty(folder)
    write_summary(folder / "summary.csv", rows)
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), ThreadPoolExecutor(max(2, cores())) as pool:
            jobs = [pool.submit(draw_figures, raw, folder, products, rows)]
            jobs += [
                pool.submit(write_cog, Path(raw) / f"{name}.tif", folder / f"{name}.tif", product)
                for name, product in products.items()
            ]
            for job in jobs:
                job.result()
    except (rasterio.errors.RasterioError, OSError) as error:
        raise cannot_write(folder, error) from error


def empty(folder):
    """The folder, with nothing in it of an earlier try."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir()
    return Path(folder)


def cannot_write(folder, error):
    """InputError for rasters that the disk did not take."""
    return InputError(f"{folder}: the map cannot be written ({error}); is the disk full?")
