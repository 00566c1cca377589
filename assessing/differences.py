"""A page of the points where map and reference differ, to learn from. Open it after the report."""

import math
from html import escape

import numpy as np

from assessing.page import COLUMNS, SIDE
from utils.changes import change_months
from utils.files import written_whole

PAGE = "differences.html"
MONTH_WIDTH, HEIGHT = 14, 16  # pixels
DIFFERS = "#c2007a"  # colour of months in which map and reference differ
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 24px auto; max-width: 1100px;
  padding: 0 12px; color: #222; background: #fff }
section { border-top: 1px solid #ccc; padding: 12px 0 }
h2 { font-size: 16px; margin: 0 0 6px }
th { text-align: left; vertical-align: top; font-weight: 600; padding-right: 12px }
td { padding: 0 0 4px }
svg { display: block; max-width: 100% }
.chips { position: relative; max-width: 744px }
.chips img { display: block; image-rendering: pixelated; width: 100% }
.chips svg { position: absolute; inset: 0; width: 100%; height: 100% }
.differs { fill: none; stroke: #c2007a; stroke-width: 1.5; pointer-events: all }
span.key { display: inline-block; margin-right: 14px }
span.key i { display: inline-block; width: 12px; height: 12px; margin-right: 5px }
p { margin: 4px 0 }
"""
# The assessed pixel in the middle of each chip, drawn once for all pictures.
MARK = f"""<svg width="0" height="0"><pattern id="mark" width="{SIDE}" height="{SIDE}"
patternUnits="userSpaceOnUse"><g fill="none" transform="translate({SIDE // 2} {SIDE // 2})">
<rect x="-1" y="-1" width="3" height="3" stroke="#000" stroke-width="1.6"/>
<rect x="-1" y="-1" width="3" height="3" stroke="#fff" stroke-width=".8"/></g></pattern></svg>"""


def write_differences(out, folder, design, points, mapped):
    """Write differences.html into `out`; returns a line for the report.

    mapped (n, T): the map's labels of the points that count. Points with the most wrong months come
    first.
    """
    wrong = (mapped != points.labels).sum(axis=1)
    order = np.argsort(-wrong, kind="stable")
    order = order[wrong[order] > 0]
    key = "".join(
        f'<span class="key"><i style="background:{escape(colour)}"></i>{escape(name)}</span>'
        for name, colour in zip(design.classes, design.colours)
    )
    sections = [section(folder, design, points, mapped, point) for point in order]
    text = (
        '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">'
        f"<title>Where map and reference differ</title><style>{STYLE}</style>"
        f"{MARK}<h1>{len(order)} of {len(wrong)} points differ</h1><p>{key}</p>"
        + "\n".join(sections)
    )
    with written_whole(out / PAGE) as part:
        part.write_text(text + "</html>\n", encoding="utf-8")
    return (
        f"\n[{len(order)} points]({PAGE}) differ from the map in at least one month. Do not train "
        "on them and then assess on them again.\n"
    )


def section(folder, design, points, mapped, point):
    """One point: its months in reference and map, where they differ, and its chips."""
    row = points.rows[point]
    number = design.points["id"][row]
    reference = points.labels[point]
    differs = mapped[point] != reference
    lines = [
        f"<section><h2>Point {escape(number)}: {differs.sum()} of {len(differs)} months "
        "differ</h2>",
        f"<p>{design.points['lat'][row]:.6f}, {design.points['lon'][row]:.6f} "
        f"(the interpreter: {escape(str(points.confidence[point]))})</p>",
        "<table>",
        f"<tr><th></th><td>{years(design)}</td></tr>",
        line("Reference", strip(reference, design), in_words(reference, design)),
        line("Map", strip(mapped[point], design), in_words(mapped[point], design)),
        line("Differ", bars(differs), spans(differs, design)),
        "</table>",
    ]
    chips = folder / "page" / "points" / f"{number}_true.png"
    if chips.is_file():
        lines.append(picture(f"../page/points/{escape(number)}_true.png", differs, design))
    return "\n".join([*lines, "</section>"])


def line(name, drawing, words):
    """A row of the table of a point."""
    return f"<tr><th>{name}</th><td>{drawing}<p>{escape(words)}</p></td></tr>"


def picture(path, differs, design):
    """The chips of all months with the assessed pixel marked, and a frame where months differ."""
    width, height = COLUMNS * SIDE, math.ceil(len(differs) / COLUMNS) * SIDE
    full, left = divmod(len(differs), COLUMNS)  # the last row may hold fewer months
    months = f"M0 0H{width}V{full * SIDE}H{left * SIDE}V{height}H0Z"
    frames = []
    for month in np.flatnonzero(differs):
        down, right = divmod(month, COLUMNS)
        frames.append(
            f'<rect class="differs" x="{right * SIDE + 1}" y="{down * SIDE + 1}" '
            f'width="{SIDE - 2}" height="{SIDE - 2}"><title>{design.months[month]}</title></rect>'
        )
    what = f"true colour, {design.months[0]} to {design.months[-1]}, {COLUMNS} months per row"
    return (
        f'<div class="chips"><img loading="lazy" src="{path}" alt="{what}">'
        f'<svg viewBox="0 0 {width} {height}"><path d="{months}" fill="url(#mark)"/>'
        f"{''.join(frames)}</svg></div>"
        f"<p>{what}; square: the assessed pixel; pink frame: map and reference differ</p>"
    )


def in_words(labels, design):
    """'woodland, 2020-07 bare soil' of labels (T,)."""
    if (labels < 0).all():
        return "no label"
    first = labels[labels >= 0][0]
    changes = np.flatnonzero(change_months(labels[None])[0])
    later = [f"{design.months[month]} {design.classes[labels[month]]}" for month in changes]
    return ", ".join([design.classes[first], *later])


def spans(differs, design):
    """'2020-03 to 2020-07, 2021-01' of months that differ (T,) bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], differs, [False]])))
    words = []
    for start, stop in edges.reshape(-1, 2):
        first, last = design.months[start], design.months[stop - 1]
        words.append(str(first) if first == last else f"{first} to {last}")
    return ", ".join(words)


def strip(labels, design):
    """The labels of all months as a coloured strip."""
    colours = [design.colours[label] if label >= 0 else "#ffffff" for label in labels]
    cells = [cell(month, colour, design.months[month]) for month, colour in enumerate(colours)]
    return drawing(len(labels), HEIGHT, cells)


def bars(differs):
    """A bar in every month that differs."""
    cells = [cell(month, DIFFERS, "") for month in np.flatnonzero(differs)]
    return drawing(len(differs), HEIGHT // 3, cells)


def years(design):
    """The years above the strips, each over its first month."""
    names = design.months.astype("datetime64[Y]")
    _, starts = np.unique(names, return_index=True)
    texts = [
        f'<text x="{MONTH_WIDTH * month}" y="11" font-size="12">{names[month]}</text>'
        for month in starts
    ]
    return drawing(len(names), HEIGHT, texts)


def cell(month, colour, title):
    """A month of a strip."""
    return (
        f'<rect x="{MONTH_WIDTH * month}" width="{MONTH_WIDTH}" height="100%" '
        f'fill="{escape(colour)}" stroke="#fff" stroke-width=".6"><title>{title}</title></rect>'
    )


def drawing(months, height, parts):
    """An SVG as wide as all months."""
    width = MONTH_WIDTH * months
    start = f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return start + "".join(parts) + "</svg>"
