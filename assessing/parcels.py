"""What polygons say of the points of a design, such as the parcels that farmers declare.

Each polygon has a class, and may have a time: a field `year`, a field `month` (YYYY-MM), or the
fields `first_month` and `last_month`. Without any of them it holds for all months.
"""

import numpy as np
import pyogrio
import shapely

from assessing.known import Known, points_in
from stacks.source import first_line, parse_month
from utils.errors import InputError

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb")
TIMES = ("year", "month", "first_month", "last_month")


def from_polygons(design, naming, field):
    """Known of the polygons in which the points lie; field: name of the field of classes.

    Raises InputError for a file without polygons, CRS or that field, and for a wrong time.
    """
    path = naming.source
    shapes, columns, crs = read_polygons(path, design, field)
    x, y = points_in(crs, design)
    tree = shapely.STRtree(shapes)
    rows = []
    for point, polygon in zip(*tree.query(shapely.points(x, y), predicate="intersects")):
        label = naming.label(columns[field][polygon])
        times = {name: columns[name][polygon] for name in TIMES if name in columns}
        months = months_of(path, times, design)
        rows += [(point, month, label) for month in months]
    if not rows:
        return Known(*np.empty((3, 0), int))
    return Known(*(np.array(values) for values in zip(*rows)))


def read_polygons(path, design, field):
    """Polygons near the points, their columns (name -> values), and their CRS."""
    try:
        about = pyogrio.read_info(path)
        crs = about["crs"]
        if crs is None:
            raise InputError(f"{path}: has no coordinate reference system; expected one")
        fields = about["fields"].tolist()
        if field not in fields:
            raise InputError(
                f"{path}: found the fields {', '.join(fields) or 'none'}; expected '{field}' with "
                "the class (see --field)"
            )
        x, y = points_in(crs, design)
        box = min(x), min(y), max(x), max(y)
        wanted = [name for name in fields if name in (field, *TIMES)]
        about, _, shapes, values = pyogrio.raw.read(path, bbox=box, columns=wanted)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(
            f"{path}: cannot be read ({first_line(error)}); expected polygons"
        ) from error
    shapes = shapely.from_wkb(shapes)
    areal = shapely.get_dimensions(shapes) == 2
    if len(shapes) and not areal.any():
        raise InputError(f"{path}: holds {about['geometry_type']}; expected polygons")
    columns = dict(zip(about["fields"], (column[areal] for column in values)))
    return shapes[areal], columns, crs


def months_of(path, times, design):
    """Months that a polygon speaks of, out of its fields of time: (M,) datetime64[M]."""
    ends = times.keys() & {"first_month", "last_month"}
    if len(ends) == 1:
        raise InputError(
            f"{path}: found the field {ends.pop()} alone; expected first_month and last_month (a "
            "shapefile cuts names to ten letters)"
        )
    if ends:
        first, last = (parse_month(times[name], path) for name in ("first_month", "last_month"))
        if last < first:
            raise InputError(f"{path}: found {first} to {last}; expected first_month <= last_month")
        return np.arange(first, last + 1)
    if "month" in times:
        return np.array([parse_month(times["month"], path)])
    if "year" in times:
        year = str(times["year"]).removesuffix(".0")
        first = parse_month(f"{year}-01", f"{path}, year")
        return np.arange(first, first + 12)
    return design.months[:1]
