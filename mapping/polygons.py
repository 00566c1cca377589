"""Change events as polygons: changes.gpkg, with a QGIS style and the time field inside."""

import sqlite3
from contextlib import closing
from xml.sax.saxutils import quoteattr

import numpy as np
import pyogrio
import shapely
from rasterio.features import shapes

from mapping.events import Events
from mapping.products import from_to
from mapping.summary import MILLIMETRES

LAYER = "changes"
AT_ONCE = 50_000  # polygons that are written together
STYLES = (
    "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "
    "f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), "
    "f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, "
    "useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
    "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"
)


def write_polygons(path, store, events, geobox, months, products):
    """Write every event as a polygon in the CRS of the map; returns their number.

    store, events: as `mapping.events.find_events` leaves them; products: as `products_for` gives.
    """
    names = products["labels"].names
    writer = Writer(path, geobox, lambda rows: fields_of(events, rows, months, names))
    open_pieces = {}  # event -> pieces of it so far, for those that reach beyond a tile
    seen = np.zeros(len(events.pixels), np.int64)  # pixels of each event so far
    for tile in store.tiles:
        pixel, event = (store.load(tile, name) for name in ("pixel", "event"))
        kept = event >= 0
        found, pieces = tile_pieces(pixel[kept], event[kept], tile, events.pixels)
        np.add.at(seen, event[kept], 1)
        for number, piece in zip(found, pieces):
            open_pieces.setdefault(int(number), []).append(piece)
        whole = np.unique(found)
        whole = whole[seen[whole] == events.pixels[whole]]
        writer.add(whole, [merged(open_pieces.pop(int(number))) for number in whole])
    writer.close()
    add_style(path, qgis_style(events, products))
    return len(events.pixels)


def tile_pieces(pixel, event, tile, total):
    """Polygons of the events in a tile: their events (P,), and pieces (P,) in pixels of the area.

    pixel, event: of each change; total: pixels of each event, in the whole area.
    """
    row, column = np.divmod(pixel, tile.width)
    single = total[event] == 1
    left, top = column[single] + tile.left, row[single] + tile.top
    boxes = shapely.box(left, top, left + 1, top + 1)
    found, pieces = [event[single]], [boxes]
    row, column, event = row[~single], column[~single], event[~single]
    while len(event):  # changes of one pixel lie upon each other: one a layer
        _, index = np.unique(row * tile.width + column, return_index=True)
        number, outlines = outline(row[index], column[index], event[index], tile)
        found.append(number)
        pieces.append(outlines)
        row, column, event = (np.delete(values, index) for values in (row, column, event))
    return np.concatenate(found), np.concatenate(pieces)


def outline(row, column, event, tile):
    """Events and polygons of changes that do not lie upon each other."""
    raster = np.full((tile.height, tile.width), -1, np.int32)
    raster[row, column] = event
    number, rings = [], []
    for shape, value in shapes(raster, mask=raster >= 0, connectivity=4):
        number.append(int(value))
        rings.append(shape["coordinates"])
    outlines = np.array([shapely.Polygon(ring[0], ring[1:]) for ring in rings], object)
    moved = shapely.transform(outlines, lambda xy: xy + (tile.left, tile.top))
    return np.array(number, np.int64), moved


def merged(pieces):
    """One polygon of the pieces of an event."""
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def fields_of(events, rows, months, names):
    """The fields of some of the events, by their numbers: name -> array."""
    text = np.array([str(month) for month in months], object)
    some = Events(*(values[rows] for values in events))
    return {
        "event": rows + 1,
        "from_class": name_of(names, some.from_class),
        "to_class": name_of(names, some.to_class),
        "change": change_in_words(names, some),
        "date": np.asarray(months)[some.median].astype("datetime64[D]"),
        "first_month": text[some.first],
        "median_month": text[some.median],
        "last_month": text[some.last],
        "pixels": some.pixels.astype(np.int64),
        "hectares": some.area / MILLIMETRES,
        "confidence": np.round(some.confidence, 1),
        "next_event": some.following + 1,
        "next_change": next_change(events, some.following, text, names),
    }


def name_of(names, classes):
    """Names of classes, an array of objects. names: class -> name."""
    return np.array([names[k] for k in sorted(names)], object)[classes]


def change_in_words(names, events):
    """Text of each transition, such as 'woodland → bare soil'."""
    arrow = " \N{RIGHTWARDS ARROW} "
    return name_of(names, events.from_class) + arrow + name_of(names, events.to_class)


def next_change(events, following, text, names):
    """Month and text of the event that follows, None where none does."""
    found = np.full(len(following), None, object)
    there = following >= 0
    after = Events(*(values[following[there]] for values in events))
    found[there] = text[after.median] + " " + change_in_words(names, after)
    return found


class Writer:
    """Appends polygons to a GeoPackage, so many at a time."""

    def __init__(self, path, geobox, fields):
        """fields: numbers of events -> {name: array}; made for what is written, not for all."""
        self.path, self.fields = path, fields
        self.crs, self.transform = geobox.crs.to_wkt(), geobox.transform
        self.events, self.polygons, self.begun = [], [], False

    def add(self, events, polygons):
        """Add events with their polygons in pixels of the area."""
        self.events.extend(events)
        self.polygons.extend(polygons)
        if len(self.events) >= AT_ONCE:
            self.write()

    def close(self):
        """Write what is left; of no event at all, an empty layer."""
        if self.events or not self.begun:
            self.write()

    def write(self):
        a, b, c, d, e, f = list(self.transform)[:6]
        polygons = np.array(self.polygons, object)
        invalid = ~shapely.is_valid(polygons)  # rings that touch themselves at a corner
        polygons[invalid] = shapely.make_valid(polygons[invalid], method="structure")
        polygons = shapely.transform(
            polygons,
            lambda xy: np.stack(
                [a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f], axis=1
            ),
        )
        fields = self.fields(np.array(self.events, np.int64))
        pyogrio.raw.write(
            str(self.path),
            geometry=shapely.to_wkb(polygons),
            field_data=list(fields.values()),
            fields=list(fields),
            layer=LAYER,
            driver="GPKG",
            geometry_type="MultiPolygon",
            promote_to_multi=True,
            crs=self.crs,
            append=self.begun,
        )
        self.events, self.polygons, self.begun = [], [], True


def add_style(path, style):
    """Put a QGIS style into a GeoPackage, as QGIS itself keeps it there."""
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(STYLES)
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles')"
        )
        base.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
            "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner) "
            "VALUES ('', '', ?, 'geom', 'changes', ?, '', 1, 'transition, played by date', '')",
            (LAYER, style),
        )


def qgis_style(events, products):
    """QGIS style: a colour for each transition; the temporal controller plays the field date."""
    names, colours = products["labels"].names, products["from_to"].colours
    kinds = np.unique(np.stack([events.from_class, events.to_class], axis=1), axis=0)
    categories, symbols = [], []
    for i, (before, after) in enumerate(kinds.tolist()):
        text = quoteattr(f"{names[before]} \N{RIGHTWARDS ARROW} {names[after]}")
        categories.append(
            f'<category symbol="{i}" value={text} label={text} type="string" render="true"/>'
        )
        symbols.append(symbol(i, colours[from_to(before, after)]))
    return (
        '<!DOCTYPE qgis><qgis version="3.22" styleCategories="Symbology|Temporal">'
        '<temporal enabled="1" mode="1" startField="date" endField="" durationField="" '
        'durationUnit="min" fixedDuration="0" accumulate="1" limitMode="0" startExpression="" '
        'endExpression=""><fixedRange><start></start><end></end></fixedRange></temporal>'
        '<renderer-v2 type="categorizedSymbol" attr="change" enableorderby="0" forceraster="0" '
        f'symbollevels="0"><categories>{"".join(categories)}</categories>'
        f"<symbols>{''.join(symbols)}</symbols></renderer-v2></qgis>"
    )


def symbol(number, colour):
    """QGIS symbol of a filled polygon."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    options = {
        "color": f"{red},{green},{blue},255",
        "outline_color": "35,35,35,255",
        "outline_style": "solid",
        "outline_width": "0.1",
        "outline_width_unit": "MM",
        "style": "solid",
    }
    text = "".join(
        f'<Option type="QString" name="{name}" value="{value}"/>' for name, value in options.items()
    )
    return (
        f'<symbol name="{number}" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="SimpleFill" enabled="1" locked="0" pass="0">'
        f'<Option type="Map">{text}</Option></layer></symbol>'
    )
