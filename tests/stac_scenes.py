"""Made-up Sentinel-2 scenes with a static catalogue, as small as they can be: fields in UTM 31N.

scenes = [SceneSpec("2022-03-05T10:50:00Z", baseline="05.10", added=1000)]
catalogue = write_catalogue(folder, scenes)
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.warp import transform_bounds

NAMES = {
    "B2": "B02",
    "B3": "B03",
    "B4": "B04",
    "B5": "B05",
    "B6": "B06",
    "B7": "B07",
    "B8": "B08",
    "B8A": "B8A",
    "B11": "B11",
    "B12": "B12",
    "SCL": "SCL",
}
FINE = ("B2", "B3", "B4", "B8")  # of 10 m
LEVELS = dict(zip(NAMES, (320, 620, 480, 1000, 2200, 2600, 2800, 3000, 1900, 1100)))
LEFT, TOP, SIDE = 501_000, 5_630_000, 32  # metres, metres, pixels of 10 m


@dataclass
class SceneSpec:
    """A scene to make. added: what its numbers hold beside reflectance x 10^4 (the 1000).

    cloud: share of the scene's columns, from the left, that clouds cover (SCL 9).
    """

    time: str
    baseline: str | None = "02.14"
    added: int = 0
    cloud: float = 0.0
    tile: str = "31UDS"
    epsg: int = 32631
    left: float = LEFT
    top: float = TOP
    side: int = SIDE
    platform: str = "Sentinel-2A"
    generation: str = "2023-01-01T00:00:00Z"
    catalogue_offset: float | None = None
    properties: dict = field(default_factory=dict)
    without: tuple = ()
    level: int = 0  # added to the true reflectance in all bands

    @property
    def id(self):
        stamp = self.time.replace("-", "").replace(":", "").rstrip("Z")
        number = (self.baseline or "00.00").replace(".", "")
        return f"S2A_MSIL2A_{stamp}_R051_T{self.tile}_{number}_{self.generation[:10]}"


def truth(spec, band):
    """True reflectance x 10^4 of a scene on its own pixels, (y, x) int."""
    size = spec.side if band in FINE else spec.side // 2
    step = 10 if band in FINE else 20
    across = spec.left + (np.arange(size) + 0.5) * step
    down = spec.top - (np.arange(size) + 0.5) * step
    field_level = 150 * np.sin(across[None] / 70) * np.cos(down[:, None] / 90)
    drift = int(spec.time[8:10]) * 3  # scenes of a month differ, so that the median matters
    return np.rint(LEVELS[band] + spec.level + field_level + drift).astype(int)


def classes(spec):
    """Scene classification (y, x) uint8: vegetation, and cloud from the left."""
    size = spec.side // 2
    found = np.full((size, size), 4, np.uint8)
    found[:, : round(size * spec.cloud)] = 9
    return found


def write_scene(folder, spec):
    """Write a scene's files and return its STAC item."""
    place = Path(folder) / spec.id
    place.mkdir(parents=True, exist_ok=True)
    assets = {}
    for band, name in NAMES.items():
        if band in spec.without:
            continue
        numbers = numbers_of(spec, band)
        write_tiff(place / f"{name}.tif", numbers, spec)
        assets[name] = {"href": f"./{spec.id}/{name}.tif", "roles": ["data"]}
        if spec.catalogue_offset is not None and band != "SCL":
            assets[name]["raster:bands"] = [{"scale": 1e-4, "offset": spec.catalogue_offset}]
    return item_of(spec, assets)


def numbers_of(spec, band):
    """What a scene's file holds."""
    if band == "SCL":
        return classes(spec)
    numbers = truth(spec, band) + spec.added
    cloudy = classes(spec) == 9
    if band in FINE:
        cloudy = cloudy.repeat(2, 0).repeat(2, 1)
    return np.where(cloudy, 6000 + spec.added, numbers).astype(np.uint16)


def write_tiff(path, numbers, spec):
    step = 10 * spec.side // len(numbers)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=len(numbers),
        width=len(numbers),
        count=1,
        dtype=numbers.dtype,
        crs=f"EPSG:{spec.epsg}",
        transform=Affine(step, 0, spec.left, 0, -step, spec.top),
        nodata=0,
        compress="deflate",
    ) as file:
        file.write(numbers, 1)


def item_of(spec, assets):
    """The STAC item of a scene, its assets relative to the catalogue."""
    length = spec.side * 10
    corners = (spec.left, spec.top - length, spec.left + length, spec.top)
    west, south, east, north = transform_bounds(f"EPSG:{spec.epsg}", "EPSG:4326", *corners)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    properties = {
        "datetime": spec.time,
        "platform": spec.platform,
        "s2:mgrs_tile": spec.tile,
        "s2:generation_time": spec.generation,
        **({"s2:processing_baseline": spec.baseline} if spec.baseline else {}),
        **spec.properties,
    }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": spec.id,
        "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": properties,
        "links": [],
        "assets": assets,
    }


def write_catalogue(folder, specs, name="items.json"):
    """Write scenes and an item collection of them; returns its path."""
    items = [write_scene(folder, spec) for spec in specs]
    path = Path(folder) / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    return path


def bbox_of(*specs):
    """West, south, east, north in degrees just inside the scenes together."""
    boxes = np.array([item_of(spec, {})["bbox"] for spec in specs])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return tuple(float(v) for v in (*(low + 3e-4), *(high - 3e-4)))
