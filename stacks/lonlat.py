"""Where a grid lies on Earth, for readers that know no projections."""

import numpy as np
from pyproj import Geod, Transformer

POINTS = 33  # a side: bilinear between them is exact to a metre over a tile of 110 km


def lonlat_grid(geobox, points=POINTS):
    """Longitude and latitude of `points` x `points` places spread evenly over a grid, corner to
    corner: {"points", "lon", "lat"}, row by row, degrees with eight decimals.
    """
    height, width = geobox.shape
    down = np.linspace(0, height, points)
    across = np.linspace(0, width, points)
    columns, rows = np.meshgrid(across, down)
    x, y = geobox.transform @ (columns, rows)
    to_lonlat = Transformer.from_crs(geobox.crs.to_wkt(), "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(x, y)
    return {"points": points, "lon": rounded(lon), "lat": rounded(lat)}


def rounded(degrees):
    """Degrees as JSON holds them: a list, eight decimals."""
    return np.round(degrees.ravel(), 8).tolist()


def ground_step(transform, crs, shape):
    """Ground distance in metres of one pixel to the right and one down, in the middle of a grid."""
    to_lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform
    ellipsoid = Geod(ellps="WGS84")
    row = shape[0] / 2
    column = shape[1] / 2
    start = to_lonlat(*(transform @ (column, row)))
    steps = []
    for right, down in ((1, 0), (0, 1)):
        end = to_lonlat(*(transform @ (column + right, row + down)))
        _, _, metres = ellipsoid.inv(*start, *end)
        steps.append(metres)
    return steps
