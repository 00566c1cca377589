"""The page on which an interpreter says what each point was: index.html and page/.

It opens by a double click and needs no server and no internet. It is blind: neither the map's
classes of a point, nor its stratum, nor its weight is in any of its files. Points come in the order
of their numbers, and the numbers were given at random.
"""

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from assessing.stacks import chips, inside
from pages.packing import copy_files, write_script
from utils.bands import NO_OBSERVATION
from utils.files import written_whole
from utils.workers import cores

WEB = Path(__file__).parent / "web"
FILES = ("page.css", "start.js", "work.js", "draw.js", "show.js", "page.js")
SIDE = 31  # pixels of a chip: 310 m around the point
TOGETHER = 128  # pixels: chips of points in a square of this side are read at once
COLUMNS = 12  # chips in a row of the picture
# Red, green and blue of each picture; the first of the bands in brackets that the stack has.
COMPOSITES = {
    "true": (("B4",), ("B3",), ("B2",)),
    "false": (("B8", "B8A", "B7"), ("B4",), ("B3",)),
}
UNSEEN = (150, 150, 150)  # colour of pixels without an observation
OUTSIDE = (255, 255, 255)  # colour of what lies outside the stack
NARROWEST = 400  # reflectance x 10^4 from dark to bright, so that an even field shows no noise
SERIES = "series.npz"


def write_page(out, design, stack):
    """Write index.html, page/ and the series of the points, `series.npz`, into the folder `out`."""
    page = out / "page"
    (page / "points").mkdir(parents=True)
    copy_files(page, [WEB / name for name in FILES])
    squares = close_points(design.column("row"), design.column("column"))
    count = len(design.points["id"])
    series = np.empty((count, len(stack.bands), design.month_count), np.float32)
    with ThreadPoolExecutor(cores()) as pool, tqdm(total=count, unit="point", desc="page") as done:

        def draw(points):
            for point, middle in draw_points(page / "points", stack, design, points):
                series[point] = middle
                done.update()

        list(pool.map(draw, squares))
    write_series(out / SERIES, series, design, stack.bands)
    write_script(page / "design.js", "design", shown(design, stack.bands))
    shutil.copyfile(WEB / "index.html", out / "index.html")


def close_points(rows, columns):
    """Positions of the points in each square of TOGETHER pixels: a list of arrays."""
    squares = np.column_stack([rows, columns]) // TOGETHER
    _, square, counts = np.unique(squares, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(square, kind="stable")
    return np.split(order, counts.cumsum()[:-1])


def draw_points(folder, stack, design, points):
    """Write the pictures and series of points that lie close together into a folder.

    Yields the position and the series (C, T) of each point.
    """
    rows, columns = design.column("row")[points], design.column("column")[points]
    pictures = chips(stack, design.months, rows, columns, SIDE)
    for point, row, column, pixels in zip(points, rows, columns, pictures):
        number = design.points["id"][point]
        within = inside(stack, row, column, SIDE)
        for name, bands in COMPOSITES.items():
            colours = composite(pixels, stack.bands, bands)
            picture = Image.fromarray(contact_sheet(colours, within))
            picture.save(folder / f"{number}_{name}.png")
        middle = pixels[:, :, SIDE // 2, SIDE // 2].T
        write_point(folder, number, middle)
        yield point, middle


def composite(pixels, there, wanted):
    """Three bands of pixels (T, C, y, x) as red, green and blue: (T, 3, y, x); NaN = not there."""
    empty = np.full_like(pixels[:, 0], np.nan)
    colours = []
    for names in wanted:
        found = [there.index(name) for name in names if name in there]
        colours.append(pixels[:, found[0]] if found else empty)
    return np.stack(colours, axis=1)


def shown(design, bands):
    """What the page may know of a design."""
    return {
        "key": design.key,
        "months": [str(month) for month in design.months],
        "classes": list(design.classes),
        "colours": list(design.colours),
        "bands": list(bands),
        "ids": design.points["id"],
        "places": dict(zip(design.points["id"], zip(design.points["lon"], design.points["lat"]))),
        "side": SIDE,
        "columns": COLUMNS,
    }


def write_point(folder, number, middle):
    """The series of a point, middle (C, T), as a script of the page."""
    seen = ~np.isnan(middle)
    values = np.where(seen, middle, 0).astype(int).astype(object)
    values[~seen] = None  # null in JSON
    write_script(folder / f"{number}.js", f"points/{number}", {"series": values.tolist()})


def write_series(path, x, design, bands):
    """The series of all points, for data_loader.py: it makes samples of them and reference.csv."""
    stored = np.where(np.isnan(x), NO_OBSERVATION, x)
    arrays = {
        "x": stored.astype(np.int16),
        "months": design.months.astype(str),
        "bands": np.array(bands),
        "classes": np.array(design.classes),
        "ids": design.column("id"),
        "lonlat": np.column_stack([design.column("lon"), design.column("lat")]),
    }
    with written_whole(path) as part:
        np.savez_compressed(part, **arrays)


def contact_sheet(values, inside):
    """Chips of all months in one picture, COLUMNS side by side: (rows, columns, 3) uint8.

    values (T, 3, side, side): reflectance of red, green and blue; inside (side, side) bool: pixels
    of the stack, the others are left white. All months are stretched alike, so that a month looks
    darker only where it is darker.
    """
    months, _, side, _ = values.shape
    low, high = stretch(values)
    with np.errstate(invalid="ignore"):
        level = ((values - low) / (high - low)).clip(0, 1) ** 0.7
    colours = np.nan_to_num(level * 255).round().astype(np.uint8)
    colours = colours.transpose(0, 2, 3, 1)  # (T, side, side, 3)
    missing = np.isnan(values).any(axis=1)  # (T, side, side)
    colours[missing] = UNSEEN
    colours[:, ~inside] = OUTSIDE
    rows = math.ceil(months / COLUMNS)
    sheet = np.full((rows * COLUMNS, side, side, 3), OUTSIDE, np.uint8)
    sheet[:months] = colours
    sheet = sheet.reshape(rows, COLUMNS, side, side, 3)
    sheet = sheet.swapaxes(1, 2)  # (rows, side, COLUMNS, side, 3)
    return np.ascontiguousarray(sheet).reshape(rows * side, COLUMNS * side, 3)


def stretch(values):
    """Reflectance shown as dark and as bright in each colour: two of (3, 1, 1).

    From the months' own 2nd and 98th percentiles. The bright end is that of a usual month, so that
    a cloudy one does not darken the rest. The dark end is that of dark months, as in winter.
    """
    pixels = np.sort(values.reshape(*values.shape[:2], -1))  # (T, 3, side * side), NaN last
    seen = np.sum(~np.isnan(pixels), axis=2)
    low, high = np.zeros(3), np.zeros(3)
    for colour in range(3):
        months = np.flatnonzero(seen[:, colour])
        if len(months):
            last = seen[months, colour] - 1  # the brightest pixel of each month
            darkest = pixels[months, colour, (0.02 * last).round().astype(int)]
            brightest = pixels[months, colour, (0.98 * last).round().astype(int)]
            low[colour] = np.quantile(darkest, 0.15)
            high[colour] = np.median(brightest)
    span = np.maximum(1.3 * (high - low), NARROWEST)
    return low[:, None, None], (low + span)[:, None, None]
