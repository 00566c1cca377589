"""points.csv and points.gpkg: where each point lies, its stratum, and a column for each month."""

import csv
import struct
from xml.sax.saxutils import quoteattr

import numpy as np
from pyogrio.raw import write

from assessing.grid import centres_of
from utils.files import written_whole
from utils.qgis import add_style, symbol

LAYER = "points"
TO_DO, DONE = "#e07b00", "#1b7f3b"  # colours of points in QGIS
POINT = {"name": "circle", "outline_color": "255,255,255,255", "size": "2.4", "size_unit": "MM"}


def write_points(out, design):
    """Write points.csv and points.gpkg into a folder; the classes of all months are empty."""
    stratum = design.column("stratum")
    codes = design.of_strata("code")
    weights = design.of_strata("hectares") / design.of_strata("points")
    columns = {
        "id": design.column("id").astype(int),  # AcATaMa wants a whole number
        "lon": design.column("lon"),
        "lat": design.column("lat"),
        "stratum": codes[stratum],
        "weight": weights[stratum].round(6),
    }
    months = [str(month) for month in design.months]
    write_csv(out / "points.csv", columns, months)
    write_geopackage(out / "points.gpkg", columns, months, design)


def write_csv(path, columns, months):
    """Write points.csv; columns: name -> (n,)."""
    empty = [""] * len(months)
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*columns, *months])
        table.writerows([*row, *empty] for row in zip(*columns.values()))


def write_geopackage(path, columns, months, design):
    """Write points.gpkg on the map's own projection, as AcATaMa wants it, with a QGIS style."""
    x, y = centres_of(design.geobox, design.column("row"), design.column("column"))
    places = [point_wkb(*at) for at in zip(x, y)]
    empty = np.full(len(places), None, object)
    fields = [*columns.values(), *[empty] * len(months)]
    with written_whole(path) as part:
        write(
            part,
            np.array(places, object),
            fields,
            [*columns, *months],
            crs=design.grid["crs"],
            geometry_type="Point",
            driver="GPKG",
            layer=LAYER,
        )
        add_style(part, LAYER, qgis_style(months[0]), "interpreted or not, with the id")


def point_wkb(x, y):
    """A point as well-known binary."""
    return struct.pack("<BIdd", 1, 1, x, y)


def qgis_style(month):
    """QGIS style: a colour for points with a class in `month`, one for those without; the id."""
    empty = f"coalesce(\"{month}\", '') = ''"
    state = quoteattr(f"CASE WHEN {empty} THEN 'to do' ELSE 'interpreted' END")
    to_do = symbol(0, "marker", "SimpleMarker", TO_DO, POINT)
    done = symbol(1, "marker", "SimpleMarker", DONE, POINT)
    return (
        '<!DOCTYPE qgis><qgis version="3.22" styleCategories="Symbology|Labeling" '
        'labelsEnabled="1"><renderer-v2 type="categorizedSymbol" enableorderby="0" '
        f'forceraster="0" symbollevels="0" attr={state}><categories>'
        '<category symbol="0" value="to do" label="to do" type="string" render="true"/>'
        '<category symbol="1" value="interpreted" label="interpreted" type="string" '
        'render="true"/>'
        f"</categories><symbols>{to_do}{done}</symbols></renderer-v2>"
        '<labeling type="simple"><settings><text-style fieldName="id" fontSize="8" '
        'textColor="0,0,0,255"><text-buffer bufferDraw="1" bufferSize="0.8" '
        'bufferColor="255,255,255,255"/></text-style><placement placement="6" dist="1"/>'
        "</settings></labeling></qgis>"
    )
