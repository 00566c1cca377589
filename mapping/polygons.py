"""Change events as polygons: changes.gpkg, with a QGIS style and the time field inside."""

import sqlite3
from contextlib import closing
from xml.sax.saxutils import quoteattr

import numpy as np
import pyogrio
import shapely
from rasterio.features import shapes

from mapping.products import from_to
from mapping.summary import MILLIMETRES

LAYER = "changes"
AT_ONCE = 50_000  # polygons that are written together
STYLES = (
    "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "
    "f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), "
    "f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, "
    "useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
    "update_time DATETIME DEFAULT CURRENT_TIMESTAMP)"
)


def write_polygons(path, store, events, geobox, months, products):
    """Write every event as a polygon in the CRS of the map; returns their number.

    store, events: as `mapping.events.find_events` leaves them; products: as `products_for` gives.
    """
    names = products["labels"].names
    writer = Writer(path, geobox, columns_of(events, months, names))
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


def columns_of(events, months, names):
    """The fields of the events: name -> array."""
    text = np.array([str(month) for month in months])
    classes = np.array([names[k] for k in sorted(names)], object)
    before, after = classes[events.from_class], classes[events.to_class]
    change = np.array([f"{a} \N{RIGHTWARDS ARROW} {b}" for a, b in zip(before, after)], object)
    following = events.following
    there = following >= 0
    next_change = np.full(len(change), None, object)
    when = text[events.median[following[there]]].astype(object)
    next_change[there] = when + " " + change[following[there]]
    return {
        "event": np.arange(1, len(change) + 1, dtype=np.int64),
        "from_class": before,
        "to_class": after,
        "change": change,
        "date": np.asarray(months)[events.median].astype("datetime64[D]"),
        "first_month": text[events.first].astype(object),
        "median_month": text[events.median].astype(object),
        "last_month": text[events.last].astype(object),
        "pixels": events.pixels.astype(np.int64),
        "hectares": events.area / MILLIMETRES,
        "confidence": np.round(events.confidence, 1),
        "next_event": np.where(there, following + 1, 0).astype(np.int64),
        "next_change": next_change,
    }


class Writer:
    """Appends polygons to a GeoPackage, so many at a time."""

    def __init__(self, path, geobox, columns):
        self.path, self.columns = path, columns
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
        rows = np.array(self.events, np.int64)
        pyogrio.raw.write(
            str(self.path),
            geometry=shapely.to_wkb(polygons),
            field_data=[values[rows] for values in self.columns.values()],
            fields=list(self.columns),
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
