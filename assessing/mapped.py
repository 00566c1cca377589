"""Areas that the map itself claims, counted in it: what the estimates stand beside."""

import csv

import numpy as np
import rasterio

from assessing.accuracy import ALL_MONTHS
from assessing.grid import read_tile, tiles_of
from stacks.area import pixel_hectares
from utils.errors import InputError

SUMMARY = "summary.csv"
COUNT = "change_count.tif"
NO_COUNT = 255  # in change_count.tif: no label
APART = 0.01  # of the assessed area; a summary of another area than the strata's says nothing


def mapped_areas(chosen, design):
    """Hectares of the map: (scope, name) -> hectares, {} where no summary fits the strata.

    Scopes as in `accuracy`: all months, each year and each month for classes, 'change' for
    transitions and for 'change' itself, the land that changes at all. Raises InputError for a
    damaged summary.
    """
    path = chosen.folder / SUMMARY
    if not path.is_file():
        return {}
    months = {str(month) for month in design.months}
    sums, changes, labelled = {}, {}, 0.0
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["month"] not in months:
                    continue
                hectares = float(row["hectares"])
                if row["kind"] == "transition" and row["month"] != str(design.months[0]):
                    name = f"{row['from_class']} to {row['to_class']}"
                    changes["change", name] = changes.get(("change", name), 0.0) + hectares
                elif row["kind"] == "class" and row["class"] in design.classes:
                    add_class(sums, row["month"], row["class"], hectares, design)
                    labelled += hectares
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); expected what map.py wrote") from error
    assessed = design.of_strata("hectares").sum()
    if abs(labelled / len(months) - assessed) > APART * assessed:
        return {}
    return sums | changes | {("change", "change"): changed_hectares(chosen, design)}


def changed_hectares(chosen, design):
    """Hectares that change at all in the map, once or more; NaN where the map does not say so.

    Transitions do not tell: land that changes three times makes three of them.
    """
    path = chosen.folder / COUNT
    if not path.is_file() or not np.array_equal(chosen.months, design.months):
        return np.nan
    row_hectares = pixel_hectares(chosen.geobox)
    hectares = 0.0
    with rasterio.open(path) as raster:
        for tile in tiles_of(path):
            count = read_tile(raster, tile)
            changed = (count > 0) & (count != NO_COUNT)
            rows = slice(tile.row, tile.row + tile.height)
            hectares += float(changed.sum(axis=1) @ row_hectares[rows])
    return hectares


def add_class(sums, month, name, hectares, design):
    """Add a month of a class to its month, the mean of its year, and that of all months."""
    years = design.months.astype("datetime64[Y]").astype(str)
    count = int(np.sum(years == month[:4]))
    for scope, share in ((month, 1), (month[:4], count), (ALL_MONTHS, design.month_count)):
        sums[scope, name] = sums.get((scope, name), 0.0) + hectares / share
