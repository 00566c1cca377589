"""The QGIS style inside changes.gpkg: a colour for each transition, and the field of time."""

import sqlite3
from contextlib import closing
from xml.sax.saxutils import quoteattr

import numpy as np

from mapping.products import from_to
from utils.legend import rgb

STYLES = (
    "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "
    "f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), "
    "f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, "
    "useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
    "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"
)


def add_style(path, layer, style, text="transition, played by date"):
    """Put a QGIS style into a GeoPackage, as QGIS itself keeps it there; text: what it shows."""
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(STYLES)
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles')"
        )
        base.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
            "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner) "
            "VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '')",
            (layer, layer, style, text),
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
    red, green, blue = rgb(colour)
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
