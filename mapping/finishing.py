"""Finished windows -> the files of a map in their place: rasters, figures, polygons, the page."""

import os
import sqlite3
from pathlib import Path

import numpy as np

from mapping.adapted import ADAPTED
from mapping.events import find_events, store_of
from mapping.mosaic import assemble, cannot_write, drawing_of, empty, finish
from mapping.polygons import write_polygons
from mapping.products import pixels_by_value, products_for
from mapping.summary import MILLIMETRES, NO_LABEL, summary
from mapping.thinned import open_store
from mapping.unfinished import publish
from mapping.webpage import (
    data_of_map,
    data_of_stack,
    keep_tile,
    write_front,
    write_overviews,
    write_reflectances,
)
from utils.errors import note

MUCH = 0.1  # share of unfamiliar pixels that is worth a line; 1 % of the training series are
HARD = 0.1  # so far may the mean probability of the labels lie below the accuracy of the test part


def draw_up(out, parts, stack, planned, card, made):
    """Turn the finished windows into the map in `out`; made: words on how, for the page."""
    raw = parts / "raw"
    folder = parts / "finished"
    legend = card["legend"]
    also = {"probabilities": planned.years is not None, "unfamiliar": "familiar" in card}
    products = products_for(legend, stack.months, **also)
    filter_width = planned.settings["--filter"]
    drawing = drawing_of(parts, planned.windows, stack, len(legend), filter_width)
    page = empty(parts / "page")
    store = store_of(empty(parts / "changes"), stack.geobox.shape)

    def keep(tile, drawn):
        store.save(tile, **drawn.changes._asdict())
        if planned.page:
            keep_tile(page, tile, drawn)

    counts = assemble(drawing, raw, stack.geobox, products, keep)
    rows = summary(*counts, stack.months, legend)
    finish(raw, folder, products, rows)
    smallest = round(planned.settings["--mmu"] * MILLIMETRES)
    write_changes(folder, store, drawing, stack, products, smallest)
    if planned.page:
        write_page(parts, page, folder, stack, planned, rows, products, Path(out).name, made)
    doubts = doubts_of(raw, card)
    if (parts / ADAPTED).is_file():
        os.replace(parts / ADAPTED, folder / ADAPTED)
    publish(folder, out, planned.settings)
    for doubt in doubts:
        note(doubt)
    labelled = [row.pixels for row in rows if row.kind == "class" and row.class_name != NO_LABEL]
    if not any(labelled):
        note("no pixel has a label; reason.tif says why")


def doubts_of(raw, card):
    """Lines of words on why the labels of the whole area may be worse than those of the test part.

    raw: folder of the unfinished rasters. card: of the weights.
    """
    found = []
    if "familiar" in card:
        pixels = pixels_by_value(raw / "unfamiliar.tif")
        strange = pixels[101:].sum() / max(1, pixels.sum())
        if strange > MUCH:
            found.append(
                f"{strange:.0%} of the pixels are unlike all that the network was trained on; "
                "check its labels there (unfamiliar.tif above 100)"
            )
    pixels = pixels_by_value(raw / "confidence.tif")
    right = card.get("metrics", {}).get("test", {}).get("OA", 0)
    if pixels.any():
        sure = np.average(np.arange(len(pixels)), weights=pixels) / 100
        if sure < right - HARD:
            found.append(
                f"the labels have a mean probability of {sure:.0%}; {right:.0%} were right in the "
                "test part of these weights. This land is hard for them: check the labels, fit the "
                "weights to the land (--adapt), or train on samples of it (label.py)"
            )
    return found


def write_changes(folder, store, drawing, stack, products, smallest):
    """Write changes.gpkg; smallest: square millimetres of an event. Raises InputError."""
    events = find_events(store, drawing.row_area, smallest)
    try:
        path = Path(folder) / "changes.gpkg"
        write_polygons(path, store, events, stack.geobox, stack.months, products)
    except (RuntimeError, sqlite3.Error, OSError) as error:
        raise cannot_write(folder, error) from error
    print(f"{len(events.pixels):,} change events in changes.gpkg")


def write_page(parts, page, folder, stack, planned, rows, products, title, made):
    """Write what the page needs beside its tiles, and move all of it into `folder`."""
    write_overviews(parts / "raw", page, stack.geobox.shape)
    reflectances = write_reflectances(open_store(parts / "shown"), planned.page, page)
    said = data_of_stack(stack, title, reflectances)
    said |= data_of_map(products, rows, stack.months) | {"made": made}
    os.replace(page, folder / "page")
    write_front(folder, said)
