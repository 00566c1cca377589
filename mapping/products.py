"""The rasters of a map: what each holds, its colours and names, and how it becomes a
Cloud-Optimised GeoTIFF.

A raster's meaning is in its file: band descriptions, nodata, a colour table, and the tags `value_2
= grassland` and `colour_2 = #9ccf6b`. TIFF has colour tables for single bands of 8 or 16 bits only;
the tags hold the colours of all. `NAME.qml` beside each is its QGIS style, which QGIS takes up by
itself.
"""

from dataclasses import dataclass, field
from itertools import permutations
from xml.sax.saxutils import quoteattr

import numpy as np
import rasterio
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb
from rasterio.enums import Resampling
from rasterio.shutil import copy

from utils.errors import InputError
from utils.legend import rgb

NO_CHANGE_COLOUR = "#e4e4e4"
BLOCK = 256  # side in pixels of the tiles in which rasters are stored
COG_OPTIONS = {
    "driver": "COG",
    "COMPRESS": "DEFLATE",
    "LEVEL": 4,
    "BLOCKSIZE": 512,
    "NUM_THREADS": "ALL_CPUS",
    "BIGTIFF": "IF_SAFER",
}

# Reasons why a pixel has no label: the values of reason.tif.
LABELLED, NO_DATA, TOO_FEW, NO_ANSWER = range(4)
REASONS = (
    "labelled",
    "no observation in any month",
    "too few months with an observation",
    "no answer of the network",
)
REASON_COLOURS = ("#7fbf7b", "#404040", "#f2a33a", "#c8385a")
WHY = tuple(zip(REASONS, REASON_COLOURS))
NO_CHANGE_MONTH = 0  # in first_change.tif and last_change.tif
PERCENT = {i: to_hex(colormaps["viridis"](i / 100)) for i in range(101)}


@dataclass(frozen=True)
class Product:
    """One raster of a map; names and colours: value -> text, value -> '#rrggbb'."""

    name: str
    dtype: str
    nodata: int
    bands: tuple
    meaning: str
    colours: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)

    def nothing(self, height, width):
        """An array (bands, y, x) with nodata everywhere."""
        return np.full((len(self.bands), height, width), self.nodata, self.dtype)


def products_for(legend, months, *, probabilities=False, unfamiliar=False):
    """The rasters of a map with this legend over these months: name -> Product.

    probabilities: also the mean probability of each class in each year. unfamiliar: also how unlike
    the training series each pixel is.
    """
    if len(legend) > 99 or len(months) > 254:
        raise InputError(
            f"map: {len(legend)} classes and {len(months)} months, expected at most 99 and 254"
        )
    found = [*class_products(legend, months), *change_products(legend, months), *doubt_products()]
    found.append(coded("reason", "uint8", 255, "why a pixel has no label", dict(enumerate(WHY))))
    if unfamiliar:
        found.append(unfamiliar_product())
    if probabilities:
        years = dict.fromkeys(str(month)[:4] for month in months)
        bands = tuple(f"{year} {name}" for year in years for name in legend.names)
        meaning = "percent: mean probability of each class over the months of a year"
        found.append(Product("probabilities", "uint8", 255, bands, meaning, PERCENT))
    return {product.name: product for product in found}


def class_products(legend, months):
    """The rasters whose values are classes."""
    names = dict(enumerate(legend.names))
    colours = dict(enumerate(legend.colours))
    bands = tuple(str(month) for month in months)
    second = "second most probable class of the month with the lowest probability of its label"
    return (
        Product("labels", "uint8", 255, bands, "land cover class of each month", colours, names),
        Product("second", "uint8", 255, ("second",), second, colours, names),
    )


def change_products(legend, months):
    """The rasters that say how often, when, and from what to what a pixel changed."""
    early_to_late = date_colours(len(months))
    dates = {}
    for i, month in enumerate(months):
        dates[yyyymm(month)] = str(month), to_hex(early_to_late(i))
    kinds = {}
    for i, j in permutations(range(len(legend)), 2):
        name = f"{legend.names[i]} to {legend.names[j]}"
        kinds[from_to(i, j)] = name, transition_colour(legend, i, j)
    counts = {i: count_entry(i) for i in range(1, min(len(months), 24))}
    when = "month of the {} change, YYYYMM: first month of the new class"
    what = "last transition: from-class x 100 + to-class, + 1 each"
    return (
        coded("change_count", "uint8", 255, "number of changes of class", counts),
        coded("first_change", "int32", -1, when.format("first"), dates),
        coded("last_change", "int32", -1, when.format("last"), dates),
        coded("from_to", "uint16", 65535, what, kinds),
    )


def doubt_products():
    """The rasters that say how sure the network is."""
    label = "percent: mean over the months of the probability of the label"
    change = "percent: confidence of the last change; no data where there is none"
    return (
        Product("confidence", "uint8", 255, ("confidence",), label, PERCENT),
        Product("change_confidence", "uint8", 255, ("change confidence",), change, PERCENT),
    )


def unfamiliar_product():
    """The raster that says how unlike the training series a pixel is."""
    meaning = "percent; above 100 unlike 99 of 100 series that the network was trained on"
    dark_to_bright = colormaps["cividis"]
    colours = {i: to_hex(dark_to_bright(min(i / 200, 1.0))) for i in range(251)}
    return Product("unfamiliar", "uint8", 255, ("unfamiliar",), meaning, colours)


def pixels_by_value(path):
    """Number of pixels of each value 0 to 254 (255,) of a raster of bytes, 255 = no data."""
    count = np.zeros(256, np.int64)
    with rasterio.open(path) as raster:
        for _, window in raster.block_windows(1):
            values = raster.read(1, window=window)
            count += np.bincount(values.ravel(), minlength=256)
    return count[:255]


def count_entry(times):
    """Name and colour of a number of changes."""
    name = "1 change" if times == 1 else f"{times} changes"
    return name, to_hex(colormaps["plasma"](min(times, 6) / 6))


def coded(name, dtype, nodata, meaning, codes):
    """A Product of one band: codes: value -> (name, colour); 0 means no change, if not given."""
    codes = {0: ("no change", NO_CHANGE_COLOUR)} | codes
    colours = {value: colour for value, (_, colour) in codes.items()}
    names = {value: text for value, (text, _) in codes.items()}
    return Product(name, dtype, nodata, (name.replace("_", " "),), meaning, colours, names)


def from_to(from_class, to_class):
    """Code of a transition: 304 is from the third class to the fourth; 0 stays free for no
    change.
    """
    return (from_class + 1) * 100 + to_class + 1


def yyyymm(months):
    """Months (datetime64[M], one or many) as whole numbers YYYYMM."""
    count = np.asarray(months, "datetime64[M]").astype(int)
    numbers = (count // 12 + 1970) * 100 + count % 12 + 1
    return numbers if numbers.ndim else int(numbers)


def date_colours(count):
    """Colours of `count` months, early to late."""
    return colormaps["turbo"].resampled(count)


def transition_colour(legend, from_class, to_class):
    """The hue of what the land became; darker to lighter by what it was, in the legend's order."""
    others = [k for k in range(len(legend)) if k != to_class]
    place = others.index(from_class) / max(1, len(others) - 1)  # 0 darkest, 1 lightest
    colour = np.array(to_rgb(legend.colours[to_class]))
    towards = float(place > 0.5)  # white, or black
    return to_hex(colour + (towards - colour) * abs(place - 0.5) * 1.2)


def create(path, product, geobox):
    """Open a tiled, uncompressed GeoTIFF for a product, to be filled window by window and
    closed.
    """
    height, width = geobox.shape
    raster = rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=len(product.bands),
        dtype=product.dtype,
        crs=geobox.crs.to_wkt(),
        transform=geobox.transform,
        nodata=product.nodata,
        tiled=True,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        interleave="band",
        bigtiff="if_safer",
    )
    raster.descriptions = product.bands
    raster.update_tags(
        meaning=product.meaning,
        **{f"value_{v}": text for v, text in product.names.items()},
        **{f"colour_{v}": colour for v, colour in product.colours.items()},
    )
    if product.dtype != "int32" and len(product.bands) == 1:
        raster.write_colormap(1, colour_table(product))
    return raster


def colour_table(product):
    """value -> (red, green, blue, alpha), every value that the type can hold; those without a
    meaning transparent.
    """
    highest = np.iinfo(product.dtype).max
    table = {value: (0, 0, 0, 0) for value in range(highest + 1)}
    for value, colour in product.colours.items():
        table[value] = (*rgb(colour), 255)
    return table


def add_overviews(path):
    """Add overviews to a GeoTIFF; uncompressed and band by band, they cost next to nothing."""
    with rasterio.open(path, "r+") as raster:
        factors, factor = [], 2
        while max(raster.shape) > factor * COG_OPTIONS["BLOCKSIZE"] // 2:
            factors.append(factor)
            factor *= 2
        raster.build_overviews(factors, Resampling.nearest)


def write_cog(source, path, product):
    """Turn a GeoTIFF with overviews into a COG with its QGIS style beside it."""
    copy(str(source), str(path), **COG_OPTIONS)
    with rasterio.open(path) as raster:
        # A full disk may only show now: the last tile is the last thing written.
        height, width = raster.shape
        raster.read(1, window=((height - 1, height), (width - 1, width)))
    path.with_suffix(".qml").write_text(qgis_style(product), encoding="utf-8")


def qgis_style(product):
    """QGIS layer style; of many bands the last is shown, the newest month."""
    renderer = named_values(product) if product.names else percent_ramp(product)
    head = '<qgis version="3.22" styleCategories="Symbology">'
    return f"<!DOCTYPE qgis>\n{head}<pipe>{renderer}</pipe></qgis>\n"


def named_values(product):
    """QGIS renderer of a raster whose values have names."""
    entries = "".join(
        f'<paletteEntry value={quoteattr(str(value))} color={quoteattr(colour)} alpha="255" '
        f"label={quoteattr(product.names.get(value, str(value)))}/>"
        for value, colour in product.colours.items()
    )
    shown = f'band="{len(product.bands)}" opacity="1" alphaBand="-1"'
    palette = f"<rasterTransparency/><colorPalette>{entries}</colorPalette>"
    return f'<rasterrenderer type="paletted" {shown}>{palette}</rasterrenderer>'


def percent_ramp(product):
    """QGIS renderer of a raster of percent."""
    items = "".join(
        f'<item value="{value}" label="{value} %" color="{product.colours[value]}" alpha="255"/>'
        for value in range(0, 101, 10)
    )
    return (
        '<rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" '
        'classificationMin="0" classificationMax="100"><rasterTransparency/><rastershader>'
        f'<colorrampshader colorRampType="INTERPOLATED" clip="0">{items}</colorrampshader>'
        "</rastershader></rasterrenderer>"
    )
