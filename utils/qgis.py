"""Styles of QGIS inside a GeoPackage."""

import sqlite3
from contextlib import closing

from utils.legend import rgb

STYLES = (
    "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "
    "f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), "
    "f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, "
    "useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
    "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"
)


def symbol(number, kind, layer, colour, options):
    """QGIS symbol with one layer.

    kind: "marker" or "fill"; layer: its class in QGIS; colour: #rrggbb; options: name -> value.
    """
    red, green, blue = rgb(colour)
    options = {"color": f"{red},{green},{blue},255", **options}
    text = "".join(
        f'<Option type="QString" name="{name}" value="{value}"/>' for name, value in options.items()
    )
    return (
        f'<symbol name="{number}" type="{kind}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="{layer}" enabled="1" locked="0" pass="0">'
        f'<Option type="Map">{text}</Option></layer></symbol>'
    )


def add_style(path, layer, style, text):
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
