"""Land cover products on the grid of the stack, a window at a time."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from stacks.area import boxes_touch
from stacks.product_legends import LARGEST_CODE, ProductLegend, find_legend, lookup_of
from utils.errors import InputError
from utils.months import calendar_years

LOOK = 512  # side in pixels of the reduced view from which the codes of a product are read
NOT_A_CODE = -1  # where the product has no data


@dataclass(frozen=True)
class Product:
    """One land cover map. month: index on the stack's months; lookup: code -> class id or -1."""

    path: str
    year: int
    month: int
    legend_name: str
    resampling: Resampling
    lookup: np.ndarray

    @property
    def name(self):
        return f"{self.year}={self.path}"


def parse_product(text):
    """'2020=worldcover.tif' -> (2020, 'worldcover.tif')."""
    year, sign, path = str(text).partition("=")
    if not sign or not year.isdecimal() or len(year) != 4 or not path:
        raise InputError(f"--product {text}: found no year; expected YEAR=RASTER, as 2020=map.tif")
    return int(year), path


def find_products(products, stack, *, legend=None, month_of_year=7):
    """Look at each (year, path) and return (product, ProductLegend) of each, without a lookup yet.

    legend: a name or a ProductLegend for all of them. month_of_year: the month of its year that a
    product speaks of. Raises InputError for a product that cannot be used.
    """
    if not products:
        raise InputError("--product: none found; expected at least one YEAR=RASTER")
    found = []
    for year, path in products:
        month = month_on_stack(path, year, stack, month_of_year)
        values, hints, own, pixel, resampling = look_at(path, stack)
        if len(values) == 0:
            raise InputError(
                f"{path}: holds no class where the stack is; expected a product that overlaps it"
            )
        known = find_legend(path, values, hints, legend or own, pixel)
        found.append((Product(str(path), year, month, known.name, resampling, None), known))
    return found


def with_lookup(product, product_legend, legend):
    """Return the product with its lookup to the classes of `legend`."""
    lookup = lookup_of(product_legend, legend)
    return Product(
        product.path, product.year, product.month, product.legend_name, product.resampling, lookup
    )


def month_on_stack(path, year, stack, month_of_year):
    """Index of the month of that year on the stack, the nearest one that the stack has."""
    months = stack.months
    there = np.flatnonzero(calendar_years(months) == year)
    if len(there) == 0:
        raise InputError(
            f"{path}: of the year {year}; expected a year of the stack, {months[0]} to {months[-1]}"
        )
    wanted = np.datetime64(f"{year}-{month_of_year:02d}", "M")
    return int(there[np.abs((months[there] - wanted).astype(int)).argmin()])


def look_at(path, stack):
    """Codes found where the stack is, hints of the legend, the legend in the raster's own tags or
    None, the side of its pixels in metres, and how the product is resampled.
    """
    try:
        with rasterio.open(path) as raster:
            check_raster(path, raster, stack)
            own_legend = legend_in_tags(path, raster)
            hints = " ".join([Path(path).name, *map(str, raster.tags().items()), *names_in(raster)])
            own = abs(raster.transform.a * raster.transform.e)
            scale = raster.crs.linear_units_factor[1] if raster.crs.is_projected else 111_000
            cell = np.sqrt(own) * scale
        grid = abs(stack.geobox.transform.a)
        grid *= 1 if stack.geobox.crs.projected else 111_000
        resampling = Resampling.mode if cell < 0.7 * grid else Resampling.nearest
        with ExitStack() as files:
            view = open_view(files, path, stack, resampling)
            height, width = stack.geobox.shape
            step = max(1, height // LOOK, width // LOOK)
            codes = [
                np.unique(view.read(1, window=Window(0, top, width, min(4, height - top))))
                for top in range(0, height, step * 4)
            ]
    except RasterioError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: cannot be read ({reason}); expected a raster of classes"
        ) from error
    codes = np.unique(np.concatenate(codes))
    return codes[codes != NOT_A_CODE].tolist(), hints, own_legend, cell, resampling


def legend_in_tags(path, raster):
    """ProductLegend of tags such as `value_2 = grassland`, as map.py writes them; None if none."""
    tags = raster.tags() | raster.tags(1)
    codes = {
        int(key.removeprefix("value_")): name
        for key, name in tags.items()
        if key.startswith("value_") and key.removeprefix("value_").isdecimal()
    }
    return ProductLegend(f"the tags of {path}", codes) if codes else None


def names_in(raster):
    """Descriptions and tags of the band."""
    return [str(raster.descriptions[0] or ""), *map(str, raster.tags(1).items())]


def check_raster(path, raster, stack):
    """Raise InputError unless the raster holds classes and overlaps the stack."""
    if raster.count != 1:
        raise InputError(f"{path}: {raster.count} bands found; expected one band of classes")
    if np.dtype(raster.dtypes[0]).kind not in "iu":
        raise InputError(
            f"{path}: numbers of type {raster.dtypes[0]} found; expected whole numbers of classes"
        )
    if raster.crs is None:
        west, south, east, north = raster.bounds
        raise InputError(
            f"{path}: no CRS found (x {west:g} to {east:g}, y {south:g} to {north:g}); expected "
            f"a raster with its CRS, as the stack's {stack.geobox.crs.to_epsg() or 'own'}"
        )
    box = stack.geobox.extent.boundingbox
    own = transform_bounds(raster.crs, stack.geobox.crs.to_wkt(), *raster.bounds)
    if not boxes_touch(own, box):
        raise InputError(
            f"{path}: lies at {box_in_words(own)} in the stack's CRS; "
            f"expected an overlap with {box_in_words(box)}"
        )


def box_in_words(box):
    west, south, east, north = box
    return f"x {west:.0f} to {east:.0f}, y {south:.0f} to {north:.0f}"


def open_view(files, path, stack, resampling):
    """Open a product as if it lay on the stack's grid; `files` closes it."""
    raster = files.enter_context(rasterio.open(path))
    height, width = stack.geobox.shape
    return files.enter_context(
        WarpedVRT(
            raster,
            crs=stack.geobox.crs.to_wkt(),
            transform=stack.geobox.transform,
            width=width,
            height=height,
            resampling=resampling,
            src_nodata=raster.nodata,
            nodata=NOT_A_CODE,
            dtype="int32",  # a narrower type would turn large codes into others
            add_alpha=False,
        )
    )


class ProductReader:
    """All products of a stack, opened once. read(rows, columns) -> class ids (P, y, x) int8."""

    def __init__(self, products, stack):
        self.products, self.stack, self.files = products, stack, ExitStack()

    def __enter__(self):
        self.views = [
            open_view(self.files, each.path, self.stack, each.resampling) for each in self.products
        ]
        return self

    def __exit__(self, *reason):
        self.files.close()

    def read(self, rows, columns):
        """Class ids (P, y, x) int8 of a window given as slices, -1 = no class."""
        window = Window(
            columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
        )
        shape = (len(self.products), int(window.height), int(window.width))
        out = np.empty(shape, np.int8)
        for layer, view, product in zip(out, self.views, self.products):
            try:
                codes = view.read(1, window=window)
            except RasterioError as error:
                raise InputError(
                    f"{product.path}: cannot be read ({str(error).splitlines()[0]}); "
                    "the file is damaged or cut short"
                ) from error
            layer[:] = product.lookup[np.clip(codes, NOT_A_CODE, LARGEST_CODE + 1)]
        return out
