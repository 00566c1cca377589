"""Change events as polygons: changes.gpkg.

The polygons are made as Well-Known Binary, the form in which a GeoPackage keeps them. Most events
of a restless map have one pixel. Their squares are made all at once.
"""

from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import shapely
from affine import Affine
from rasterio.features import shapes

from mapping.events import Events
from mapping.polygon_style import qgis_style
from mapping.summary import MILLIMETRES
from utils.qgis import add_style

LAYER = "changes"
AT_ONCE = 50_000  # events that are written together
ARROW = " \N{RIGHTWARDS ARROW} "
SQUARE = np.dtype(  # a multipolygon of one square, in Well-Known Binary
    [
        ("order", "u1"),
        ("type", "<u4"),
        ("polygons", "<u4"),
        ("polygon_order", "u1"),
        ("polygon_type", "<u4"),
        ("rings", "<u4"),
        ("corners", "<u4"),
        ("xy", "<f8", (5, 2)),
    ]
)
LITTLE_ENDIAN, POLYGON, MULTIPOLYGON = 1, 3, 6  # numbers of Well-Known Binary
FIELDS = pa.schema(
    {
        "geom": pa.binary(),
        "event": pa.int64(),
        "from_class": pa.string(),
        "to_class": pa.string(),
        "change": pa.string(),
        "date": pa.date32(),
        "first_month": pa.string(),
        "median_month": pa.string(),
        "last_month": pa.string(),
        "pixels": pa.int64(),
        "hectares": pa.float64(),
        "confidence": pa.float64(),
        "next_event": pa.int64(),
        "next_change": pa.string(),
    }
)


def write_polygons(path, store, events, geobox, months, products):
    """Write every event as a polygon in the CRS of the map; returns their number.

    store, events: as `mapping.events.find_events` leaves them; products: as `products_for` gives.
    """
    failed = []
    rows = rows_of(store, events, geobox.transform, products["labels"].names, months)
    layer = pa.RecordBatchReader.from_batches(FIELDS, noted(rows, failed))
    try:
        pyogrio.write_arrow(
            layer,
            str(path),
            layer=LAYER,
            driver="GPKG",
            geometry_name="geom",
            geometry_type="MultiPolygon",
            crs=geobox.crs.to_wkt(),
        )
    except RuntimeError:
        if failed:
            raise failed[0] from None
        raise
    add_style(path, LAYER, qgis_style(events, products), "transition, played by date")
    return len(events.pixels)


def noted(rows, failed):
    """Pass the rows on, and note the error that ends them: GDAL would put its own in its place."""
    try:
        yield from rows
    except (Exception, KeyboardInterrupt) as error:
        failed.append(error)
        raise


def rows_of(store, events, transform, names, months):
    """The rows of the layer, as Arrow batches, tile by tile."""
    words = Words(names, months)
    for numbers, polygons in polygons_of(store, events.pixels, transform):
        for start in range(0, len(numbers), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            fields = fields_of(events, numbers[some], words)
            yield pa.record_batch({"geom": polygons[some], **fields}, schema=FIELDS)


# ---------------------------------------------------------------- polygons


def polygons_of(store, total, transform):
    """Numbers of the events that end in a tile, in order, and their polygons in WKB; tile by tile.

    total: pixels of each event, in the whole area.
    """
    waiting = {}  # event -> pieces of it so far, for those that reach beyond a tile
    seen = np.zeros(len(total), np.int32)  # pixels of each event so far
    for tile in store.tiles:
        pixel = store.load(tile, "pixel")
        event = store.load(tile, "event")
        kept = event >= 0
        row, column = np.divmod(pixel[kept], tile.width)
        event = event[kept]
        single = total[event] == 1
        larger = ~single
        rows = row[single] + tile.top
        columns = column[single] + tile.left
        squares = square_polygons(rows, columns, transform)
        np.add.at(seen, event[larger], np.int32(1))
        for number, piece in pieces_of(row[larger], column[larger], event[larger], tile):
            waiting.setdefault(number, []).append(piece)
        ended = [number for number in waiting if seen[number] == total[number]]
        polygons = [merged(waiting.pop(number)) for number in ended]
        numbers = np.concatenate([event[single], np.array(ended, event.dtype)])
        order = np.argsort(numbers)
        found = pa.concat_arrays([squares, larger_polygons(polygons, transform)])
        yield numbers[order], found.take(pa.array(order))


def square_polygons(row, column, transform):
    """Pixels of the area as multipolygons in WKB."""
    found = np.zeros(len(row), SQUARE)
    found["order"] = found["polygon_order"] = LITTLE_ENDIAN
    found["type"], found["polygons"] = MULTIPOLYGON, 1
    found["polygon_type"], found["rings"], found["corners"] = POLYGON, 1, 5
    x = column[:, None] + [1, 1, 0, 0, 1]
    y = row[:, None] + [0, 1, 1, 0, 0]
    found["xy"] = on_the_ground(x, y, transform)
    fixed = pa.binary(SQUARE.itemsize)
    buffers = [None, pa.py_buffer(found)]
    return pa.Array.from_buffers(fixed, len(found), buffers).cast(pa.binary())


def on_the_ground(x, y, transform):
    """Coordinates (..., 2) in the CRS of the map of places in pixels of the area."""
    a, b, c, d, e, f = list(transform)[:6]
    east = a * x + b * y + c
    north = d * x + e * y + f
    return np.stack([east, north], axis=-1)


def pieces_of(row, column, event, tile):
    """Pairs of event and polygon in pixels of the area: what lies of the events in a tile."""
    while len(event):  # changes of one pixel lie upon each other: one a layer
        _, index = np.unique(row * tile.width + column, return_index=True)
        yield from outlines(row[index], column[index], event[index], tile)
        row, column, event = np.delete([row, column, event], index, axis=1)


def outlines(row, column, event, tile):
    """Pairs of event and polygon of changes that do not lie upon each other."""
    raster = np.full((tile.height, tile.width), -1, np.int32)
    raster[row, column] = event
    moved = Affine.translation(tile.left, tile.top)
    numbers, rings, rings_of_each = [], [], []
    for shape, value in shapes(raster, mask=raster >= 0, connectivity=4, transform=moved):
        numbers.append(int(value))
        rings += shape["coordinates"]
        rings_of_each.append(len(shape["coordinates"]))
    ring_starts = np.cumsum([0, *map(len, rings)])
    polygon_starts = np.cumsum([0, *rings_of_each])
    polygons = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, np.concatenate(rings), (ring_starts, polygon_starts)
    )
    return zip(numbers, polygons)


def merged(pieces):
    """One polygon of the pieces of an event."""
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def larger_polygons(polygons, transform):
    """Polygons in pixels of the area as multipolygons in WKB."""
    polygons = np.array(polygons, object)
    invalid = ~shapely.is_valid(polygons)  # rings that touch themselves at a corner
    polygons[invalid] = shapely.make_valid(polygons[invalid], method="structure")
    polygons = shapely.transform(polygons, lambda xy: on_the_ground(*xy.T, transform))
    one = shapely.get_type_id(polygons) == POLYGON
    polygons[one] = shapely.multipolygons(polygons[one, None])
    return pa.array(shapely.to_wkb(polygons), pa.binary())


# ---------------------------------------------------------------- fields


class Words:
    """The texts of the fields, each made once: names of classes, transitions, months."""

    def __init__(self, names, months):
        """names: class -> name; months (T,) datetime64[M]."""
        names = [names[k] for k in sorted(names)]
        self.classes = pa.array(names, pa.string())
        self.months = pa.array([str(month) for month in months], pa.string())
        self.dates = pa.array(months.astype("datetime64[D]"))
        pairs = product(names, names)
        self.changes = pa.array([f"{old}{ARROW}{new}" for old, new in pairs])

    def change(self, events):
        """Text of each transition, such as 'woodland → bare soil'."""
        place = events.from_class.astype(np.int64) * len(self.classes) + events.to_class
        return self.changes.take(pa.array(place))


def fields_of(events, rows, words):
    """The fields of some of the events, by their numbers: name -> array."""
    some = Events(*(values[rows] for values in events))
    first = pa.array(some.first)
    median = pa.array(some.median)
    last = pa.array(some.last)
    return {
        "event": rows + 1,
        "from_class": words.classes.take(pa.array(some.from_class)),
        "to_class": words.classes.take(pa.array(some.to_class)),
        "change": words.change(some),
        "date": words.dates.take(median),
        "first_month": words.months.take(first),
        "median_month": words.months.take(median),
        "last_month": words.months.take(last),
        "pixels": some.pixels,
        "hectares": some.area / MILLIMETRES,
        "confidence": np.round(some.confidence, 1),
        "next_event": some.following + 1,
        "next_change": next_change(events, some.following, words),
    }


def next_change(events, following, words):
    """Month and text of the event that follows, null where none does."""
    after = Events(*(values[following] for values in events))  # -1: the last event, of no meaning
    text = pc.binary_join_element_wise(
        words.months.take(pa.array(after.median)), words.change(after), " "
    )
    return pc.if_else(pa.array(following >= 0), text, None)
