"""A map -> strata, points, and a page to interpret them."""

import shutil
import uuid
from pathlib import Path

import numpy as np
from pyogrio.errors import DataLayerError, DataSourceError

from assessing.allocation import allocate, expected_spread, points_for_error
from assessing.grid import lonlat_of, open_map
from assessing.page import write_page
from assessing.points import write_points
from assessing.record import DESIGN, Design, save_design
from assessing.sample import draw, draw_spread
from assessing.stacks import open_stack_of
from assessing.strata import merge_rare_changes, strata_of
from utils.errors import InputError
from utils.files import claimed
from utils.legend import legend_for

POINTS, MINIMUM = 600, 30
RARE = 0.005  # of the area: below it, a kind of change is no stratum of its own
SEED = 0


def design(
    map_folder,
    out=None,
    *,
    points=POINTS,
    se=None,
    minimum=MINIMUM,
    rare=RARE,
    by="type",
    strata=None,
    seed=SEED,
    training=False,
    more_classes=(),
    stack=None,
    page=True,
    overwrite=False,
):
    """Design an accuracy assessment of a map; returns its folder and the Design.

    map_folder: that map.py wrote. out: folder to make; None: assess/NAME OF MAP. points: of the
    sample; se: wanted standard error of the overall accuracy, which sets the points instead.
    minimum: points for each stratum. rare: kinds of change on a smaller share of the area are one
    stratum. by: strata of change by 'type' or by 'year'; strata: a raster whose numbers are the
    strata instead. seed: of the draw. training: points spread by class and place, to train on; they
    are no probability sample. more_classes: names that the interpreter may choose beside the map's.
    stack: where the series are; None: what the map was made from. page: False leaves the page out.
    overwrite: replace the design in `out`. Raises InputError.
    """
    chosen = open_map(map_folder)
    out = Path(out or Path("assess") / chosen.folder.resolve().name)
    images = open_stack_of(chosen, stack) if page else None
    found = merged(strata_of(chosen, by=by, path=strata), points, minimum, rare)
    counts = points_in_strata(found, points, se, minimum, training)
    drawn = (draw_spread if training else draw)(found, chosen, counts, seed)
    settings = {
        "points": int(counts.sum()),
        "se": se,
        "minimum": minimum,
        "strata": str(strata) if strata else f"stable classes and change by {by}",
        "seed": seed,
        "for": "training" if training else "accuracy",
    }
    made = record(chosen, found, counts, drawn, more_classes, images, settings)
    write_design(out, made, images, overwrite)
    return out, made


def write_design(out, made, images, overwrite):
    """Write all files of a design into the folder `out`; images: a Stack, None = no page."""
    with claimed(out):
        clear(out, overwrite)
        try:
            write_points(out, made)
            if images:
                write_page(out, made, images)
        except (OSError, DataSourceError, DataLayerError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{out}: cannot be written ({reason}); is the disk full?") from error
        save_design(out, made)  # last: a folder with a design is whole


def merged(strata, points, minimum, rare):
    """Strata few enough for the points: rare kinds of change are taken together."""
    stable = int((~strata.changed).sum())
    most = points // (2 * max(minimum, 1)) - stable
    return merge_rare_changes(strata, most, rare)


def points_in_strata(strata, points, se, minimum, training):
    """Points of each stratum: (H,) int."""
    if training:  # as many of a rare class as of a common one
        return allocate(points, strata.pixels, np.ones(len(strata.codes)) / strata.pixels, minimum)
    spread = expected_spread(strata.changed)
    if se is not None:
        points = points_for_error(strata.hectares / strata.hectares.sum(), spread, se)
        pixels = strata.pixels.sum()
        if points > pixels:
            raise InputError(
                f"--se: {se:g} takes {points:,} points, and the strata hold {pixels:,} pixels; "
                "expected a larger error"
            )
        points = max(points, int(np.minimum(minimum, strata.pixels).sum()))
    return allocate(points, strata.pixels, spread, minimum)


def record(chosen, strata, counts, drawn, more_classes, images, settings):
    """The Design of drawn points (stratum, row, column)."""
    stratum, row, column = drawn
    lonlat = lonlat_of(chosen.geobox, row, column)
    names = chosen.legend.names
    again = [name for name in more_classes if name in names]
    if again:
        raise InputError(f"--more-classes: '{again[0]}' is a class of the map already")
    colours = legend_for((*names, *more_classes)).colours[len(names) :]
    rows = zip(strata.codes, strata.names, strata.pixels, strata.hectares, counts)
    return Design(
        key=uuid.uuid4().hex[:12],
        probability=settings["for"] == "accuracy",
        map=str(chosen.folder.resolve()),
        stack=str(Path(images.path).resolve()) if images else "",
        first_month=str(chosen.months[0]),
        month_count=len(chosen.months),
        classes=(*names, *more_classes),
        colours=(*chosen.legend.colours, *colours),
        grid={
            "crs": chosen.header.crs.to_wkt(),
            "transform": list(chosen.header.transform)[:6],
            "shape": list(chosen.header.shape),
        },
        outside=strata.outside,
        strata=[
            dict(code=int(c), name=n, pixels=int(p), hectares=float(h), points=int(k))
            for c, n, p, h, k in rows
        ],
        points={
            "id": [str(number) for number in range(1, len(row) + 1)],
            "row": row.tolist(),
            "column": column.tolist(),
            "lon": lonlat[:, 0].round(7).tolist(),
            "lat": lonlat[:, 1].round(7).tolist(),
            "stratum": stratum.tolist(),
            "hectares": strata.row_hectares[row].tolist(),
        },
        settings=settings,
    )


def clear(out, overwrite):
    """Make room for a design; raises InputError rather than touch somebody's work."""
    if (out / DESIGN).is_file() and not overwrite:
        raise InputError(f"{out}: holds a design; expected another --out, or --overwrite")
    work = sorted(out.glob("*reference*.csv"))
    if work and (out / DESIGN).is_file():
        raise InputError(f"{work[0]}: belongs to the old points; expected it moved elsewhere first")
    (out / DESIGN).unlink(missing_ok=True)
    shutil.rmtree(out / "page", ignore_errors=True)
