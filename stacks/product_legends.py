"""What the numbers of a land cover product mean: six known legends, or a table of two columns.

A known legend maps its codes to the six urban classes. A code without a place among them (snow,
clouds, a mixture) gives no label.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from utils.errors import InputError, note
from utils.legend import COAST, URBAN, legend_for

LARGEST_CODE = 65_535
WATER, WOODS, GRASS, BARE, BUILT, CROPS = URBAN.names


@dataclass(frozen=True)
class ProductLegend:
    """codes: code of the product -> class name, None where the code has no class here."""

    name: str
    codes: dict
    words: tuple = ()  # of a file name or a tag that tell this legend
    pixel: float = np.nan  # side of a pixel as published, metres


def codes_of(**codes_of_class):
    """{code: class name} from class name -> codes; the key `none` holds codes without a class."""
    names = {
        "water": WATER,
        "woods": WOODS,
        "grass": GRASS,
        "bare": BARE,
        "built": BUILT,
        "crops": CROPS,
        "none": None,
    }
    return {code: names[key] for key, codes in sorted(codes_of_class.items()) for code in codes}


# Sources: the product user manuals of ESA WorldCover v200, Dynamic World V1 (Brown et al. 2022),
# Esri Land Cover (Karra et al. 2021), CLCD (Yang & Huang 2021), GlobeLand30 (Chen et al. 2015) and
# CORINE Land Cover (nomenclature of 2019). Shrubs count as woodland. Wetlands hold water and
# plants, so that they have no class.
CORINE_CLASSES = (
    (111, 112, 121, 122, 123, 124, 131, 132, 133, 141, 142)
    + (211, 212, 213, 221, 222, 223, 231, 241, 242, 243, 244)
    + (311, 312, 313, 321, 322, 323, 324, 331, 332, 333, 334, 335)
    + (411, 412, 421, 422, 423, 511, 512, 521, 522, 523)
)
CORINE_URBAN = codes_of(
    built=(111, 112, 121, 122, 123, 124),
    bare=(131, 132, 133, 331, 332, 334),
    crops=(211, 212, 213, 221, 222, 223, 241),
    grass=(231, 321),
    woods=(311, 312, 313, 322, 323, 324),
    water=(511, 512, 521, 522, 523),
    none=(0, 48, 128, 141, 142, 242, 243, 244, 333, 335, 411, 412, 421, 422, 423, 999),
)
CORINE_GRID = {number: CORINE_URBAN[code] for number, code in enumerate(CORINE_CLASSES, 1)}

KNOWN = {
    each.name: each
    for each in (
        ProductLegend(
            "worldcover",
            codes_of(
                woods=(10, 20, 95),
                grass=(30,),
                crops=(40,),
                built=(50,),
                bare=(60,),
                water=(80,),
                none=(0, 70, 90, 100),
            ),
            ("worldcover", "esa_wc", "esawc"),
            10,
        ),
        ProductLegend(
            "dynamicworld",
            codes_of(
                water=(0,), woods=(1, 5), grass=(2,), crops=(4,), built=(6,), bare=(7,), none=(3, 8)
            ),
            ("dynamicworld", "dynamic_world", "dynamic world"),
            10,
        ),
        ProductLegend(
            "esri",
            codes_of(
                water=(1,), woods=(2,), crops=(5,), built=(7,), bare=(8,), none=(0, 4, 9, 10, 11)
            ),
            ("esri", "io-lulc", "io_lulc"),
            10,
        ),
        ProductLegend(
            "clcd",
            codes_of(
                crops=(1,),
                woods=(2, 3),
                grass=(4,),
                water=(5,),
                bare=(7,),
                built=(8,),
                none=(0, 6, 9),
            ),
            ("clcd",),
            30,
        ),
        ProductLegend(
            "globeland30",
            codes_of(
                crops=(10,),
                woods=(20, 40),
                grass=(30,),
                water=(60,),
                built=(80,),
                bare=(90,),
                none=(0, 50, 70, 100, 255),
            ),
            ("globeland", "gl30"),
            30,
        ),
        ProductLegend("corine", CORINE_URBAN | CORINE_GRID, ("corine", "clc"), 100),
    )
}


def read_classes(path):
    """Read a table `value,class` as a ProductLegend; a value without a class gives no label."""
    try:
        table = pd.read_csv(path, header=None, dtype=str, comment="#", skipinitialspace=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read ({reason}); expected rows value,class") from error
    if table.shape[1] != 2:
        raise InputError(f"{path}: {table.shape[1]} columns found; expected two: value,class")
    values = table[0].str.strip()
    names = table[1].str.strip()
    if not values.iloc[0].lstrip("-").isdecimal():  # a line of column names
        values, names = values.iloc[1:], names.iloc[1:]
    wrong = values[~values.str.fullmatch(r"\d{1,5}")]
    if len(wrong) or len(values) == 0:
        found = f"value '{wrong.iloc[0]}'" if len(wrong) else "no row"
        raise InputError(f"{path}: {found} found; expected whole numbers, 0 to {LARGEST_CODE}")
    if values.duplicated().any():
        raise InputError(
            f"{path}: value {values[values.duplicated()].iloc[0]} found twice; expected once each"
        )
    codes = {int(v): (None if pd.isna(n) or not n else n) for v, n in zip(values, names)}
    if not any(codes.values()):
        raise InputError(f"{path}: no class named; expected rows value,class")
    return ProductLegend(Path(path).name, codes)


def find_legend(path, values, hints, given=None, pixel=np.nan):
    """Return the ProductLegend of a product.

    values: codes found in it; hints: its file name and tags; given: a name of KNOWN, or a
    ProductLegend; pixel: side of its pixels, metres. Where several legends hold all codes, the one
    with pixels of this size is taken: the codes of WorldCover are nearly all in GlobeLand30 too.
    Raises InputError where no legend, or more than one, fits.
    """
    if isinstance(given, ProductLegend):
        return checked(path, values, given)
    if given:
        if given not in KNOWN:
            raise InputError(f"--legend {given}: not known; expected one of {', '.join(KNOWN)}")
        return checked(path, values, KNOWN[given])
    hints = hints.lower()
    named = [each for each in KNOWN.values() if is_named(each, hints)]
    fits = [each for each in named or KNOWN.values() if set(values) <= set(each.codes)]
    if len(fits) == 1:
        return fits[0]
    if len(named) == 1:
        return checked(path, values, named[0])
    of_size = [each for each in fits if 0.7 < pixel / each.pixel < 1.5]
    if len(of_size) == 1:
        name = of_size[0].name
        note(f"{path}: read as {name}, by its codes and its pixels; --legend names another")
        return of_size[0]
    what = "more than one legend fits" if fits else "no known legend fits"
    raise InputError(
        f"{path}: classes {in_words(values)} found, {what}; expected --legend, one of "
        f"{', '.join(each.name for each in fits or KNOWN.values())}, or --classes TABLE"
    )


def is_named(legend, hints):
    """Whether one of the legend's words stands in the hints, not as a part of another word."""
    words = "|".join(re.escape(word) for word in legend.words)
    return re.search(rf"(?<![a-z])({words})(?![a-z])", hints) is not None


def checked(path, values, legend):
    """Return the legend if it knows all values."""
    unknown = sorted(set(values) - set(legend.codes))
    if unknown:
        raise InputError(
            f"{path}: classes {in_words(unknown)} found; expected those of {legend.name}: "
            f"{in_words(sorted(legend.codes))}"
        )
    return legend


def common_legend(legends):
    """Return the Legend of the samples: urban or coast where it has all names, else the names."""
    names = [name for legend in legends for name in legend.codes.values() if name]
    names = tuple(dict.fromkeys(names))
    for known in (URBAN, COAST):
        if set(names) <= set(known.names):
            return known
    return legend_for(names)


def lookup_of(product_legend, legend):
    """Return (LARGEST_CODE + 2,) int8: code of the product -> class id, -1 = no class.

    The last one is of all other codes.
    """
    lookup = np.full(LARGEST_CODE + 2, -1, np.int8)
    for code, name in product_legend.codes.items():
        if name:
            lookup[code] = legend.names.index(name)
    return lookup


def in_words(values, most=8):
    """'1, 2, 3' of the first few numbers."""
    values = [str(value) for value in sorted(values)]
    return ", ".join(values[:most]) + (", ..." if len(values) > most else "")
