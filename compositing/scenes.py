"""A scene: one acquisition of one tile. Scenes listed twice, and scenes of one pass."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from shapely.geometry import shape

# Names of a band's file in the catalogues, the first one that is there counts:
# Planetary Computer and others, Earth Search, Copernicus Data Space (finest first).
ASSETS = {
    "B2": ("B02", "blue", "B02_10m"),
    "B3": ("B03", "green", "B03_10m"),
    "B4": ("B04", "red", "B04_10m"),
    "B5": ("B05", "rededge1", "B05_20m"),
    "B6": ("B06", "rededge2", "B06_20m"),
    "B7": ("B07", "rededge3", "B07_20m"),
    "B8": ("B08", "nir", "B08_10m"),
    "B8A": ("B8A", "nir08", "B8A_20m"),
    "B11": ("B11", "swir16", "B11_20m"),
    "B12": ("B12", "swir22", "B12_20m"),
    "SCL": ("SCL", "scl", "SCL_20m"),
}
ONE_PASS = np.timedelta64(10, "m")  # tiles of one overflight are seconds apart, orbits 100 minutes
SAME_PLACE = 0.5  # share of the smaller footprint that two listings of one sensing have in common


@dataclass(frozen=True)
class Scene:
    """What is known of a scene before a pixel is read.

    time: datetime64[s], UTC; platform: 'A', 'B', 'C' or '' (not known); tile: such as 31UDS;
    baseline: such as 05.10, '' where nobody says; name_baseline: the one in the product's name;
    catalogue_offset: of reflectance x 10^4 in the catalogue, None where it says nothing;
    offset_applied: what Earth Search's flag says, None without a flag; assets: band -> address.
    """

    id: str
    time: np.datetime64
    platform: str
    tile: str
    baseline: str
    name_baseline: str
    generation: str
    catalogue_offset: int | None
    offset_applied: bool | None
    collection: str
    assets: dict
    footprint: dict | None

    @property
    def month(self):
        return self.time.astype("datetime64[M]")

    @property
    def order(self):
        """Scenes are sorted by this: time, tile, name."""
        return (self.time, self.tile, self.id)


def scene_of(item, resolve):
    """A Scene from a STAC item (a dict). resolve: turns an asset's address into an absolute one.

    Raises KeyError, TypeError or ValueError for an item that has no usable time.
    """
    properties = item["properties"]
    names = [item["id"]]
    for key in ("s2:product_uri", "s2:product_id"):
        names.append(str(properties.get(key, "")))
    assets = {}
    for band in ASSETS:
        found = find_asset(item["assets"], band)
        if found is not None:
            assets[band] = found
    return Scene(
        id=item["id"],
        time=time_of(properties),
        platform=platform_of(properties, names),
        tile=tile_of(properties, names),
        baseline=baseline_of(properties) or name_baseline(names),
        name_baseline=name_baseline(names),
        generation=generation_of(properties, names),
        catalogue_offset=catalogue_offset(assets),
        offset_applied=properties.get("earthsearch:boa_offset_applied"),
        collection=item.get("collection") or "",
        assets={band: resolve(asset["href"]) for band, asset in assets.items()},
        footprint=item.get("geometry"),
    )


def time_of(properties):
    """Time of an item in UTC, datetime64[s], without its fraction of a second.

    Raises KeyError, TypeError or ValueError where it has none.
    """
    text = properties.get("datetime") or properties["start_datetime"]
    moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text.upper()).replace("Z", "+00:00"))
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(moment, "s")


def with_own_names(scenes):
    """Scenes of which no two have the same name: it stands for a scene in all that follows.

    A name that several have gets the time and the tile of each.
    """
    count = Counter(scene.id for scene in scenes)
    return [
        scene
        if count[scene.id] == 1
        else replace(scene, id=f"{scene.id} {scene.time} {scene.tile}")
        for scene in scenes
    ]


def find_asset(assets, band):
    """The asset of a band: by its usual names, else by the band that the asset says it holds."""
    for name in ASSETS[band]:
        if name in assets:
            return assets[name]
    wanted = ASSETS[band][0].lower()
    for asset in assets.values():
        inside = asset.get("eo:bands") or asset.get("bands") or []
        if len(inside) == 1 and str(inside[0].get("name", "")).lower() == wanted:
            return asset
    return None


def first_match(pattern, names):
    """First group of the first name that matches, '' without one."""
    found = (re.search(pattern, name) for name in names)
    return next((match.group(1) for match in found if match), "")


def platform_of(properties, names):
    """'A', 'B', 'C', or '' where only 'Sentinel-2' is known."""
    said = first_match(r"(?i)sentinel-?2([a-d])$", [str(properties.get("platform", ""))])
    return said.upper() or first_match(r"^S2([A-D])_", names)


def tile_of(properties, names):
    """MGRS tile without a leading T or zero, such as 31UDS; '' where nothing tells."""
    said = str(properties.get("s2:mgrs_tile") or properties.get("grid:code", "")).upper()
    said = said.removeprefix("MGRS-").removeprefix("T")
    return (said or first_match(r"_T?(\d{1,2}[A-Z]{3})_", names)).lstrip("0")


def baseline_of(properties):
    """Processing baseline such as '05.10' that the catalogue states, '' where it states none."""
    said = properties.get("s2:processing_baseline") or properties.get("processing:version")
    if not re.fullmatch(r"\d+(\.\d+)?", str(said or "")):
        return ""
    whole, _, part = str(said).partition(".")
    return f"{int(whole):02d}.{part or '0':0<2}"


def name_baseline(names):
    """Processing baseline in a product's name such as S2A_MSIL2A_..._N0510_..., '' without one."""
    short = first_match(r"_N(\d{4})(?:_|\.|$)", names)
    return f"{short[:2]}.{short[2:]}" if short else ""


def generation_of(properties, names):
    """When the product was made, as text that sorts by time."""
    said = properties.get("s2:generation_time") or first_match(r"_(\d{8}T\d{6})(?:\.SAFE)?$", names)
    said = said or properties.get("created") or properties.get("updated") or ""
    return re.sub(r"[^0-9T.]", "", str(said))


def catalogue_offset(assets):
    """Offset of reflectance x 10^4 that the catalogue states, from `raster:bands` or STAC 1.1."""
    for band in ("B2", "B4", "B8", "B11"):
        asset = assets.get(band, {})
        places = [*asset.get("raster:bands", []), *asset.get("bands", []), asset]
        for place in places:
            offset = place.get("offset", place.get("raster:offset"))
            scale = place.get("scale", place.get("raster:scale")) or 1e-4
            if offset is not None:
                return round(float(offset) / float(scale))
    return None


def drop_twins(scenes):
    """Scenes without second listings of the same sensing, and pairs (dropped, the one kept).

    The newest baseline counts, then the newest generation. Two halves of a tile that was received
    in two pieces are no twins: their footprints barely meet.
    """
    newest_first = sorted(scenes, key=lambda s: (s.baseline, s.generation, s.id), reverse=True)
    kept, dropped, by_tile = [], [], {}
    for scene in newest_first:
        others = by_tile.setdefault(scene.tile, [])
        twin = next((other for other in others if same_sensing(scene, other)), None)
        if twin is None:
            others.append(scene)
            kept.append(scene)
        else:
            dropped.append((scene, twin))
    return sorted(kept, key=lambda s: s.order), dropped


def same_sensing(one, other):
    """Do two scenes show the same overflight of the same ground?"""
    if abs(one.time - other.time) >= ONE_PASS or one.tile != other.tile:
        return False
    if one.platform and other.platform and one.platform != other.platform:
        return False
    if one.footprint is None or other.footprint is None:
        return True
    a, b = (shape(scene.footprint).buffer(0) for scene in (one, other))
    smaller = min(a.area, b.area)
    return smaller == 0 or a.intersection(b).area >= SAME_PLACE * smaller


def number_passes(scenes):
    """Number of the overflight of each scene: {id: number}. Tiles of one overflight share one.

    Where tiles overlap, one overflight gives two copies of the same light; a composite counts one.
    """
    numbers, latest, count = {}, {}, 0
    for scene in sorted(scenes, key=lambda s: s.order):
        before = latest.get(scene.platform)
        if before is None or scene.time - before[0] >= ONE_PASS:
            count += 1
            before = (scene.time, count)
        latest[scene.platform] = (scene.time, before[1])
        numbers[scene.id] = before[1]
    return numbers
