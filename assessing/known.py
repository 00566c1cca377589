"""What is known at the points of a design: labels out of samples, or out of a raster of classes.

parcels.py reads polygons. All give `Known`: no point need be known, and none in every month.
"""

from typing import NamedTuple

import numpy as np
import rasterio
from pyproj import Transformer

from data_loader import load_samples
from stacks.geotiffs import read_header
from stacks.source import month_in
from utils.errors import InputError


class Known(NamedTuple):
    """m labels: which point of the design, in which month (datetime64[M]), which class. (m,) each.

    A label without a date stands at the first month of the design.
    """

    point: np.ndarray
    month: np.ndarray
    label: np.ndarray


class Naming(NamedTuple):
    """The classes of a design, and what those of a file are called there.

    source: the file; classes: of the design; renamed: name in the file -> class, '' = no label.
    """

    source: object
    classes: tuple
    renamed: dict

    def label(self, name):
        """Class id of a name in the file, -1 = no label; raises InputError for an unknown name."""
        name = "" if name is None else str(name)
        name = self.renamed.get(name, name)
        if not name:
            return -1
        if name not in self.classes:
            raise InputError(
                f"{self.source}: class '{name}' is not in the design; expected "
                f"{', '.join(self.classes)} (see --classes, design --more-classes)"
            )
        return self.classes.index(name)


def parse_classes(words):
    """['maize=cropland', 'fallow='] -> {'maize': 'cropland', 'fallow': ''}."""
    renamed = {}
    for word in words:
        name, sign, label = word.rpartition("=")
        if not sign or not name:
            raise InputError(f"--classes {word}: expected NAME IN THE FILE=CLASS OF THE DESIGN")
        renamed[name] = label
    return renamed


def from_samples(design, naming):
    """Known of labelled samples that lie in the pixels of the points.

    Raises InputError for what data_loader.py cannot read, and for samples without coordinates.
    """
    samples = load_samples(naming.source)
    if samples.lonlat is None:
        raise InputError(
            f"{naming.source}: has no coordinates; expected lonlat, or columns lon and lat"
        )
    point_in = {cell: point for point, cell in enumerate(cells_of(design))}
    cells = pixel_of(design.geobox, samples.lonlat)
    point = np.array([point_in.get(tuple(cell), -1) for cell in cells.tolist()])
    labelled = (samples.y >= 0) & (point >= 0)[:, None]
    row, step = np.nonzero(labelled)
    months = np.broadcast_to(samples.months, samples.y.shape)
    labels = renumbered(samples.y[row, step], lambda label: samples.legend.names[label], naming)
    return Known(point[row], months[row, step], labels)


def cells_of(design):
    """(row, column) of each point."""
    return list(zip(design.points["row"], design.points["column"]))


def pixel_of(geobox, lonlat):
    """Row and column of the pixels at these coordinates: (N, 2)."""
    across = Transformer.from_crs("EPSG:4326", geobox.crs.to_wkt(), always_xy=True)
    x, y = across.transform(*np.asarray(lonlat).T)
    column, row = ~geobox.transform @ (x, y)
    return np.floor([row, column]).astype(int).T


def renumbered(codes, name_of, naming):
    """Class ids of the design for the codes of a file: (m,) int8; name_of: code -> name."""
    found, place = np.unique(codes, return_inverse=True)
    labels = [naming.label(name_of(code)) for code in found]
    return np.array([*labels, -1], np.int8)[place]  # never empty, so that it has a type


def from_raster(design, naming):
    """Known of a raster of classes: one band without a date, or one for each month.

    A code is named by the tag value_CODE, as map.py writes it, or else by its digits. Raises
    InputError.
    """
    path = naming.source
    header = read_header(path)
    if np.dtype(header.dtype).kind not in "iu":
        raise InputError(f"{path}: holds {header.dtype}; expected classes as whole numbers")
    months = months_of_bands(header, design)
    x, y = points_in(header.crs, design)
    with rasterio.open(path) as raster:
        tags = raster.tags() | raster.tags(1)
        codes = np.ma.stack(list(raster.sample(zip(x, y), masked=True)))  # (n, B)
    point, band = np.nonzero(~np.ma.getmaskarray(codes))
    labels = renumbered(
        codes.data[point, band], lambda code: tags.get(f"value_{code}", code), naming
    )
    return Known(point, months[band], labels)


def months_of_bands(header, design):
    """Month of each band of a raster: (B,) datetime64[M]."""
    if len(header.names) == 1:
        return design.months[:1]
    months = [month_in(name) for name in header.names]
    if None in months:
        raise InputError(
            f"{header.file}: band {months.index(None) + 1} has no month in its description; "
            "expected one band, or a month for each"
        )
    return np.array(months, "datetime64[M]")


def points_in(crs, design):
    """Coordinates of the points in another CRS: x (n,), y (n,)."""
    across = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    return across.transform(design.column("lon"), design.column("lat"))
