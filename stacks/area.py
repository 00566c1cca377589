"""Ground area of pixels, in hectares; boxes that overlap."""

import numpy as np
from pyproj import Geod, Transformer

SQUARE_METRES = 10_000  # in a hectare
# a projection whose areas are this close to the ground's is taken at its word (UTM: 0.001)
TRUE_ENOUGH = 0.01


def pixel_hectares(geobox):
    """Area of a pixel in each row of a grid: (Y,) hectares.

    In projected coordinates it is the pixel's own area. Where the CRS is geographic, or a
    projection that distorts area (Web Mercator), it is the area on the ellipsoid of the row's
    middle pixel.
    """
    height, width = geobox.shape
    on_ground = ellipsoid_hectares(geobox, np.arange(height), width // 2)
    if geobox.crs.geographic:
        return on_ground
    a, b, _, d, e, _ = list(geobox.transform)[:6]
    unit = geobox.crs.proj.axis_info[0].unit_conversion_factor  # metres
    flat = abs(a * e - b * d) * unit**2 / SQUARE_METRES
    if np.allclose(on_ground, flat, rtol=TRUE_ENOUGH):
        return np.full(height, flat)
    return on_ground


def boxes_touch(one, other):
    """Whether two boxes (west, south, east, north) overlap."""
    west, south, east, north = one
    other_west, other_south, other_east, other_north = other
    across = west < other_east and other_west < east
    down = south < other_north and other_south < north
    return across and down


def ellipsoid_hectares(geobox, rows, column):
    """Area on the ellipsoid of the pixels at `rows` of a column, from the geodesic polygon of their
    corners.
    """
    crs = geobox.crs.proj
    to_lonlat = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    geod = crs.get_geod() or Geod(ellps="WGS84")
    right = column + np.array([0, 1, 1, 0])  # of the four corners
    down = rows[:, None] + np.array([0, 0, 1, 1])  # (Y, 4)
    x, y = geobox.transform @ (np.broadcast_to(right, down.shape), down)
    lon, lat = to_lonlat.transform(x, y)
    areas = []
    for corners in zip(lon, lat):
        area, _ = geod.polygon_area_perimeter(*corners)
        areas.append(area)
    return np.abs(areas) / SQUARE_METRES
