"""A stack as it is stored: which months and bands it holds, on which grid, and how its numbers are
to be read.

`stacks.geotiffs` and `stacks.cubes` look at the headers and give a Source; its reader gives the
stored numbers of any window. What these numbers mean is worked out in `stacks.stack`.
"""

import re
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from utils.bands import BANDS
from utils.errors import InputError

# A month in a name: 2019-02, 2019_02, 201902, 20190215. The digits stand alone: tile 49RGM and 10m
# are no month.
MONTH = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])(?:[-_.]?(?:0[1-9]|[12]\d|3[01]))?(?!\d)"
)
BAND = re.compile(r"B?0?(\d{1,2}A?)", re.IGNORECASE)
COMMON_NAMES = dict(
    zip(
        (
            "blue",
            "green",
            "red",
            "rededge1",
            "rededge2",
            "rededge3",
            "nir",
            "nir08",
            "swir16",
            "swir22",
        ),
        BANDS,
    )
)


@dataclass(frozen=True)
class Source:
    """A stack as it is stored; M months that are there, C bands.

    months (M,) datetime64[M] in order; dtype: of the stored numbers; chunk (y, x): pixels stored
    together; scale, offset (M, C) as the file declares them; nodata: the declared values;
    reader.read(steps, rows, columns) -> (M, C, y, x) stored numbers.
    """

    path: str
    months: np.ndarray
    geobox: GeoBox
    dtype: np.dtype
    chunk: tuple
    scale: np.ndarray
    offset: np.ndarray
    nodata: tuple
    reader: object


def month_in(name):
    """Return the month written in a name as datetime64[M], None if there is none or more than
    one.
    """
    found = {f"{year}-{month}" for year, month in MONTH.findall(str(name))}
    return np.datetime64(found.pop(), "M") if len(found) == 1 else None


def band_in(name):
    """Return the Sentinel-2 band that a name speaks of ('B02', '2019-02 B2', 'red', 'nir08'), None
    if none.
    """
    for token in re.split(r"[^0-9A-Za-z]+", str(name or "")):
        match = BAND.fullmatch(token)
        if match and token[0] in "bB":
            return "B" + match[1].upper()
    return COMMON_NAMES.get(re.sub(r"[^a-z0-9]", "", str(name or "").lower()))


class MissingBands(InputError):
    """Bands are missing; `there` are those that a file has."""

    def __init__(self, text, there=()):
        super().__init__(text)
        self.there = tuple(there)


def chosen_bands(path, names, bands):
    """Positions of `bands` among the bands of a file, whose names may be unknown (None): then it
    must hold all ten.
    """
    found = [band_in(name) for name in names]
    if all(band in found for band in bands):
        return [found.index(band) for band in bands]
    if any(found) or len(names) != len(BANDS):
        has = (
            ", ".join(str(name) for name in names[:16])
            if any(found)
            else f"{len(names)} bands without names"
        )
        text = f"{path}: found {has}; expected the bands {', '.join(bands)}"
        raise MissingBands(text, [band for band in bands if band in found])
    absent = [band for band in bands if band not in BANDS]
    if absent:
        raise InputError(
            f"{path}: the network needs {', '.join(absent)}; "
            f"expected bands out of {', '.join(BANDS)}"
        )
    return [BANDS.index(band) for band in bands]


def parse_month(text, flag="--first-month"):
    """'YYYY-MM' as datetime64[M]."""
    if not re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", str(text)):
        raise InputError(f"{flag}: found '{text}', expected a month as YYYY-MM")
    return np.datetime64(str(text), "M")


def unreadable(file, rows, columns, error):
    """InputError for pixels that cannot be read."""
    where = f"rows {rows.start}-{rows.stop}, columns {columns.start}-{columns.stop}"
    return InputError(
        f"{file}: {where} cannot be read ({first_line(error)}); the file is damaged or cut short"
    )


def first_line(error):
    """First line of an error's message, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
