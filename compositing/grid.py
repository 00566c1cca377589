"""The grid of a stack: made once from what the user gives, and the windows it is worked on in."""

import json
import math
from pathlib import Path

import numpy as np
import rasterio
import rasterio.errors
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.geom import box
from shapely.geometry import shape

from utils.errors import InputError
from utils.windows import Window

PIXEL = 10  # metres, the finest that Sentinel-2 has
SLACK = 0.05  # metres that rounding in longitude and latitude may move an edge
NORTHERNMOST = 84  # degrees of latitude at which the UTM zones end
SOUTHERNMOST = -80
FEWEST_PROBED = 64  # pixels of its shorter side
PROBE = 128  # pixels of the longer side of the coarse grid on which the offset is judged


def windows_of(geobox, size):
    """Windows of `size` x `size` pixels that cover a grid, row by row."""
    height, width = geobox.shape
    return [
        Window(top, left, min(size, height - top), min(size, width - left))
        for top in range(0, height, size)
        for left in range(0, width, size)
    ]


def window_geobox(geobox, window, halo=0):
    """Grid of a window and of `halo` pixels on each side of the window; it may leave the grid."""
    transform = geobox.transform @ Affine.translation(window.left - halo, window.top - halo)
    return GeoBox((window.height + 2 * halo, window.width + 2 * halo), transform, geobox.crs)


def probe_geobox(geobox):
    """A coarse grid over the same area, at most 128 pixels on a side, never finer than `geobox`.

    It reaches beyond a small area, so that there is enough to judge by.
    """
    height, width = geobox.shape
    step = max(1, math.ceil(max(height, width) / PROBE))
    height, width = math.ceil(height / step), math.ceil(width / step)
    down, right = pixels_beyond(height), pixels_beyond(width)
    transform = geobox.transform @ Affine.scale(step) @ Affine.translation(-right, -down)
    return GeoBox((height + 2 * down, width + 2 * right), transform, geobox.crs)


def pixels_beyond(size):
    """Pixels that a coarse grid reaches beyond the area on each side."""
    return max(0, math.ceil((FEWEST_PROBED - size) / 2))


def checked_bbox(bbox, name):
    """`bbox` in degrees unless it is no area; raises InputError with `name` in front."""
    west, south, east, north = bbox
    if not all(map(math.isfinite, bbox)) or max(abs(west), abs(east)) > 180:
        raise InputError(f"{name}: expected longitudes from -180 to 180 degrees")
    if south < SOUTHERNMOST or north > NORTHERNMOST:
        limits = f"{SOUTHERNMOST} to {NORTHERNMOST}"
        raise InputError(f"{name}: expected latitudes from {limits} degrees, where UTM is defined")
    if west > 90 and east < -90:
        raise InputError(
            f"{name}: crosses the date line; expected two areas, one on each side, each its own run"
        )
    if west >= east or south >= north:
        raise InputError(f"{name}: expected west < east and south < north (the order is W,S,E,N)")
    return float(west), float(south), float(east), float(north)


def geobox_of_bbox(bbox):
    """Grid of 10 m over (west, south, east, north) in degrees, in the UTM zone of its centre.

    Edges lie on multiples of 10 m, so that pixels of the 10 m bands are taken over unchanged.
    """
    west, south, east, north = bbox
    crs = utm_of((west + east) / 2, (south + north) / 2)
    # Straight lines of longitude and latitude are bent in UTM: 100 points on each side.
    outline = box(west, south, east, north, "EPSG:4326").segmented(max(bbox_sides(bbox)) / 100)
    bounds = outline.to_crs(crs).boundingbox
    # Edges in pixels.
    left = math.floor((bounds.left + SLACK) / PIXEL)
    bottom = math.floor((bounds.bottom + SLACK) / PIXEL)
    right = math.ceil((bounds.right - SLACK) / PIXEL)
    top = math.ceil((bounds.top - SLACK) / PIXEL)
    transform = Affine(PIXEL, 0, left * PIXEL, 0, -PIXEL, top * PIXEL)
    return GeoBox((top - bottom, right - left), transform, crs)


def utm_of(longitude, latitude):
    """Coordinate reference system of the UTM zone of a place, such as EPSG:32631."""
    zone = min(60, int((longitude + 180) // 6) + 1)
    hemisphere = 32600 if latitude >= 0 else 32700
    return f"EPSG:{hemisphere + zone}"


def bbox_sides(bbox):
    """Width and height of a bounding box in degrees."""
    west, south, east, north = bbox
    return east - west, north - south


def bbox_of_file(path):
    """West, south, east, north in degrees of all that a GeoJSON or GeoPackage file holds."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"--area {path}: not found; expected a GeoJSON or GeoPackage file")
    if path.suffix.lower() in (".json", ".geojson"):
        bbox = bbox_of_geojson(path)
    else:
        bbox = bbox_of_layer(path)
    return checked_bbox(bbox, f"--area {path}")


def bbox_of_geojson(path):
    """Bounds of a GeoJSON file in degrees."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        positions = np.array(list(positions_of(content)), float)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(f"--area {path}: is not GeoJSON ({error})") from error
    if not len(positions):
        raise InputError(f"--area {path}: holds no geometry; expected at least one polygon")
    crs = str((content.get("crs") or {}).get("properties", {}).get("name", "CRS84"))
    low = positions.min(axis=0)
    high = positions.max(axis=0)
    if "CRS84" in crs or "4326" in crs:
        return (*low, *high)
    return box(*low, *high, crs).to_crs("EPSG:4326").boundingbox.bbox


def positions_of(content):
    """Longitude and latitude of each position in a GeoJSON object, one by one."""
    for feature in content.get("features", []):
        yield from positions_of(feature)
    for geometry in content.get("geometries", []):
        yield from positions_of(geometry)
    if content.get("geometry"):
        yield from positions_of(content["geometry"])
    if "coordinates" in content:
        yield from np.array(flattened(content["coordinates"]), float).reshape(-1, 2)


def flattened(coordinates):
    """Positions (longitude, latitude) out of nested lists, heights left out."""
    if coordinates and not isinstance(coordinates[0], list):
        return [coordinates[:2]]
    return [position for part in coordinates for position in flattened(part)]


def bbox_of_layer(path):
    """Bounds in degrees of the first layer of a GeoPackage (or what else OGR reads)."""
    import pyogrio  # only --area with a GeoPackage needs it

    try:
        information = pyogrio.read_info(path, force_total_bounds=True)
    except Exception as error:  # each format of OGR has errors of its own
        raise InputError(
            f"--area {path}: cannot be read ({error}); expected a GeoJSON or GeoPackage file"
        ) from error
    if information["total_bounds"] is None or not np.isfinite(information["total_bounds"]).all():
        raise InputError(f"--area {path}: holds no geometry; expected at least one polygon")
    if information["crs"] is None:
        raise InputError(f"--area {path}: has no coordinate reference system; expected one")
    outline = box(*information["total_bounds"], information["crs"])
    return outline.to_crs("EPSG:4326").boundingbox.bbox


def geobox_of_raster(path):
    """Grid of a raster that GDAL opens; raises InputError."""
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise InputError(f"--like {path}: has no coordinate reference system; expected one")
            return GeoBox(raster.shape, raster.transform, str(raster.crs.to_wkt()))
    except rasterio.errors.RasterioIOError as error:
        raise InputError(f"--like {path}: cannot be read ({error}); expected a raster") from error


def degrees_of(geobox):
    """West, south, east, north of a grid in degrees."""
    bounds = geobox.extent.to_crs("EPSG:4326", resolution=max(geobox.shape) / 50).boundingbox
    return bounds.bbox


def share_covered(bbox, footprint):
    """Share of bbox (W, S, E, N) that a footprint covers, 0 to 1. footprint: GeoJSON geometry in
    degrees, None where the catalogue has none: then all of it.
    """
    if footprint is None:
        return 1.0
    area = shapely.box(*bbox)
    covered = shapely.make_valid(shape(footprint)).intersection(area)
    return covered.area / area.area
