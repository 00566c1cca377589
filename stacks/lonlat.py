"""Where a grid lies on Earth, for readers that know no projections."""

import numpy as np
from pyproj import Geod, Transformer

POINTS = 33  # a side: bilinear between them is exact to a metre over a tile of 110 km


def lonlat_grid(geobox, points=POINTS):
    """Longitude and latitude of `points` x `points` places spread evenly over a grid, corner to
    corner: {"points", "lon", "lat"}, row by row, degrees with eight decimals.
    """
    height, width = geobox.shape
    rows, columns = np.meshgrid(
        np.linspace(0, height, points), np.linspace(0, width, points), indexing="ij"
    )
    a, b, c, d, e, f = list(geobox.transform)[:6]
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    to_lonlat = Transformer.from_crs(geobox.crs.to_wkt(), "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(x, y)
    flat = [np.round(values.ravel(), 8).tolist() for values in (lon, lat)]
    return {"points": points, "lon": flat[0], "lat": flat[1]}


def ground_step(transform, crs, shape):
    """Ground distance in metres of one pixel to the right and one down, in the middle of a grid."""
    to_lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    row, column = shape[0] / 2, shape[1] / 2
    start, *others = (
        to_lonlat.transform(*(transform @ (column + right, row + down)))
        for right, down in ((0, 0), (1, 0), (0, 1))
    )
    geod = Geod(ellps="WGS84")
    return [geod.inv(*start, *other)[2] for other in others]
