"""The rasters of a map: what each holds, its colours and names, and how it becomes a
Cloud-Optimised GeoTIFF.

A raster's meaning is in its file: band descriptions, nodata, a colour table, and the tags `value_2
= grassland` and `colour_2 = #9ccf6b`. TIFF has colour tables for single bands of 8 or 16 bits only;
the tags hold the colours of all. `NAME.qml` beside each is its QGIS style, which QGIS takes up by
itself.
"""

from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

import numpy as np
import rasterio
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb
from rasterio.enums import Resampling
from rasterio.shutil import copy

from utils.errors import InputError

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
NO_CHANGE_MONTH = 0  # in first_change.tif and last_change.tif


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


def products_for(legend, months):
    """The rasters of a map with this legend over these months, by name."""
    if len(legend) > 99 or len(months) > 254:
        raise InputError(
            f"map: {len(legend)} classes and {len(months)} months, expected at most 99 and 254"
        )
    classes = dict(enumerate(legend.names)), dict(enumerate(legend.colours))
    kinds = {
        from_to(i, j): (f"{a} to {b}", transition_colour(legend, i, j))
        for i, a in enumerate(legend.names)
        for j, b in enumerate(legend.names)
        if i != j
    }
    dates = {
        yyyymm(month): (str(month), to_hex(date_colours(len(months))(i)))
        for i, month in enumerate(months)
    }
    counts = {
        i: (
            "no change" if i == 0 else "1 change" if i == 1 else f"{i} changes",
            NO_CHANGE_COLOUR if i == 0 else to_hex(colormaps["plasma"](min(i, 6) / 6)),
        )
        for i in range(min(len(months), 24))
    }
    percent = {i: to_hex(colormaps["viridis"](i / 100)) for i in range(101)}

    def coded(name, dtype, nodata, meaning, codes, without="no change"):
        codes = {0: (without, NO_CHANGE_COLOUR)} | codes
        return Product(
            name,
            dtype,
            nodata,
            (name.replace("_", " "),),
            meaning,
            {value: colour for value, (_, colour) in codes.items()},
            {value: text for value, (text, _) in codes.items()},
        )

    reasons = {i: pair for i, pair in enumerate(zip(REASONS, REASON_COLOURS))}
    return {
        product.name: product
        for product in (
            Product(
                "labels",
                "uint8",
                255,
                tuple(str(month) for month in months),
                "land cover class of each month",
                classes[1],
                classes[0],
            ),
            coded("change_count", "uint8", 255, "number of changes of class", counts),
            coded(
                "first_change",
                "int32",
                -1,
                "month of the first change, YYYYMM: first month of the new class",
                dates,
            ),
            coded(
                "last_change",
                "int32",
                -1,
                "month of the last change, YYYYMM: first month of the new class",
                dates,
            ),
            coded(
                "from_to",
                "uint16",
                65535,
                "last transition: from-class x 100 + to-class, + 1 each",
                kinds,
            ),
            Product(
                "confidence",
                "uint8",
                255,
                ("confidence",),
                "percent: mean over the months of the probability of the label",
                percent,
            ),
            coded("reason", "uint8", 255, "why a pixel has no label", reasons),
        )
    }


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
    colour, towards = np.array(to_rgb(legend.colours[to_class])), float(place > 0.5)
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
    table = {value: (0, 0, 0, 0) for value in range(np.iinfo(product.dtype).max + 1)}
    return table | {value: (*rgb(colour), 255) for value, colour in product.colours.items()}


def rgb(colour):
    """'#rrggbb' -> three whole numbers from 0 to 255."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def add_overviews(path):
    """Add overviews to a GeoTIFF; uncompressed and band by band, they cost next to nothing."""
    with rasterio.open(path, "r+") as raster:
        factors = [
            2**i for i in range(1, 20) if max(raster.shape) > 2**i * COG_OPTIONS["BLOCKSIZE"] // 2
        ]
        raster.build_overviews(factors, Resampling.nearest)


def write_cog(source, path, product):
    """Turn a GeoTIFF with overviews into a COG with its QGIS style beside it."""
    copy(str(source), str(path), **COG_OPTIONS)
    with rasterio.open(
        path
    ) as raster:  # a full disk may only show now: the last tile is the last thing written
        raster.read(
            1, window=((raster.height - 1, raster.height), (raster.width - 1, raster.width))
        )
    path.with_suffix(".qml").write_text(qgis_style(product), encoding="utf-8")


def qgis_style(product):
    """QGIS layer style; of many bands the last is shown, the newest month."""
    entries = "".join(
        f'<paletteEntry value={quoteattr(str(value))} color={quoteattr(colour)} alpha="255" '
        f"label={quoteattr(product.names.get(value, str(value)))}/>"
        for value, colour in product.colours.items()
    )
    if product.names:
        renderer = (
            f'<rasterrenderer type="paletted" band="{len(product.bands)}" opacity="1" alphaBand="-1">'
            f"<rasterTransparency/><colorPalette>{entries}</colorPalette></rasterrenderer>"
        )
    else:
        items = "".join(
            f'<item value="{value}" label="{value} %" color="{product.colours[value]}" alpha="255"/>'
            for value in range(0, 101, 10)
        )
        renderer = (
            '<rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" '
            'classificationMin="0" classificationMax="100"><rasterTransparency/><rastershader>'
            f'<colorrampshader colorRampType="INTERPOLATED" clip="0">{items}</colorrampshader>'
            "</rastershader></rasterrenderer>"
        )
    return f'<!DOCTYPE qgis>\n<qgis version="3.22" styleCategories="Symbology"><pipe>{renderer}</pipe></qgis>\n'
