"""From finished windows to the map: Cloud-Optimised GeoTIFFs, summary, figures; one window in
memory at a time.
"""

import csv
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window as RasterWindow
from tqdm import tqdm

from mapping.area import pixel_hectares
from mapping.figures import draw_figures
from mapping.pixels import window_products
from mapping.products import add_overviews, create, write_cog
from mapping.workers import Workers, cores, stream
from utils.errors import InputError

CACHE_MB = 64  # of GDAL; its own choice, a share of all memory, would grow with the machine
NO_LABEL = "no label"
MILLIMETRES = 10**10  # square millimetres in a hectare


def assemble(parts, raw, windows, stack, products, filter_width):
    """Write every raster of the map into the folder `raw`, as plain GeoTIFF, and return the counts
    of the summary.

    parts: the work folder; windows: all of the stack; products: as `products_for` gives;
    filter_width: of the spatial majority filter, pixels. Returns the counts of
    `mapping.products.count` for the whole area, in square millimetres. Raises InputError.
    """
    raw = empty(raw)
    totals = [0, 0]
    lines = {}
    for window in windows:
        lines.setdefault(window.top, {})[window.left] = window
    row_area = np.rint(pixel_hectares(stack.geobox) * MILLIMETRES).astype(np.int64)
    n_classes = len(products["labels"].names)
    compute = partial(
        window_products, parts, lines, stack.months, filter_width, n_classes, row_area
    )
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
            with ExitStack() as files, ThreadPoolExecutor(cores()) as pool:
                rasters = {
                    name: files.enter_context(create(raw / f"{name}.tif", product, stack.geobox))
                    for name, product in products.items()
                }
                bar = files.enter_context(
                    tqdm(total=len(windows), unit="window", desc="drawing up")
                )
                for window, (layers, counts) in stream(
                    Workers(pool, 2 * cores(), None), compute, windows
                ):
                    rows, columns = window.slices
                    for name, raster in rasters.items():
                        raster.write(layers[name], window=RasterWindow.from_slices(rows, columns))
                    totals = [total + more for total, more in zip(totals, counts)]
                    bar.update()
            for name in products:
                add_overviews(raw / f"{name}.tif")
    except (rasterio.errors.RasterioError, OSError) as error:
        raise cannot_write(raw, error) from error
    return totals


def finish(raw, folder, products, rows):
    """Write the finished map into `folder`: COGs and figures of the rasters in `raw`, and the
    summary's rows.

    Everything only reads `raw`, and so goes on at the same time. Raises InputError.
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


def summary(classes, transitions, months, legend):
    """Rows of the summary: kind, month, class, from_class, to_class, pixels, hectares.

    classes, transitions: as `assemble` returns them. Two kinds: 'class', one row for every class
    (and 'no label') and month; 'transition', one for every transition and month in which it
    happened. Hectares are those of the ground.
    """
    names = legend.names
    rows = [
        (
            "class",
            str(month),
            name,
            "",
            "",
            int(classes[0, k, t]),
            f"{classes[1, k, t] / MILLIMETRES:.4f}",
        )
        for t, month in enumerate(months)
        for k, name in enumerate((NO_LABEL, *names))
    ]
    return rows + [
        (
            "transition",
            str(months[t]),
            "",
            names[i],
            names[j],
            int(transitions[0, t, i, j]),
            f"{transitions[1, t, i, j] / MILLIMETRES:.4f}",
        )
        for t, i, j in zip(*np.nonzero(transitions[0]))
    ]


def write_summary(path, rows):
    """Write the summary as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("kind", "month", "class", "from_class", "to_class", "pixels", "hectares"))
        table.writerows(rows)
