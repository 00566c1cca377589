"""A page of the points where map and reference differ, to learn from. Open it after the report."""

from html import escape

import numpy as np

from utils.changes import change_months
from utils.files import written_whole

PAGE = "differences.html"
MONTH_WIDTH, HEIGHT = 14, 16  # pixels
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 24px auto; max-width: 1100px; color: #222 }
section { border-top: 1px solid #ccc; padding: 12px 0 }
h2 { font-size: 16px; margin: 0 0 6px }
svg { display: block; margin: 2px 0; max-width: 100% }
img { image-rendering: pixelated; width: 100%; max-width: 744px; margin: 4px 8px 0 0 }
span.key { display: inline-block; margin-right: 14px }
span.key i { display: inline-block; width: 12px; height: 12px; margin-right: 5px }
p { margin: 4px 0 }
"""


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
        f"<h1>{len(order)} of {len(wrong)} points differ</h1><p>{key}</p>" + "\n".join(sections)
    )
    with written_whole(out / PAGE) as part:
        part.write_text(text + "</html>\n", encoding="utf-8")
    return (
        f"\n[{len(order)} points]({PAGE}) differ from the map in at least one month. Do not train "
        "on them and then assess on them again.\n"
    )


def section(folder, design, points, mapped, point):
    """One point: its months in reference and map, what changed when, and its chips."""
    row = points.rows[point]
    number = design.points["id"][row]
    reference = points.labels[point]
    differ = int((mapped[point] != reference).sum())
    lines = [
        f"<section><h2>Point {escape(number)}: {differ} of {len(reference)} months differ</h2>",
        f"<p>{design.points['lat'][row]:.6f}, {design.points['lon'][row]:.6f} "
        f"({escape(str(points.confidence[point]))})</p>",
        f"<p>Reference: {escape(in_words(reference, design))}</p>",
        strip(reference, design),
        f"<p>Map: {escape(in_words(mapped[point], design))}</p>",
        strip(mapped[point], design),
    ]
    chips = folder / "page" / "points" / f"{number}_true.png"
    if chips.is_file():
        where = f"../page/points/{escape(number)}_true.png"
        what = f"true colour, {design.months[0]} to {design.months[-1]}, 12 months a row"
        lines.append(f'<img loading="lazy" src="{where}" alt="{what}"><p>{what}</p>')
    return "\n".join([*lines, "</section>"])


def in_words(labels, design):
    """'woodland, 2020-07 bare soil' of labels (T,)."""
    if (labels < 0).all():
        return "no label"
    first = labels[labels >= 0][0]
    changes = np.flatnonzero(change_months(labels[None])[0])
    later = [f"{design.months[month]} {design.classes[labels[month]]}" for month in changes]
    return ", ".join([design.classes[first], *later])


def strip(labels, design):
    """The labels of all months as a coloured strip."""
    width = MONTH_WIDTH * len(labels)
    cells = "".join(
        f'<rect x="{MONTH_WIDTH * month}" width="{MONTH_WIDTH}" height="{HEIGHT}" '
        f'fill="{escape(design.colours[label]) if label >= 0 else "#ffffff"}" stroke="#fff" '
        f'stroke-width=".6"><title>{design.months[month]}</title></rect>'
        for month, label in enumerate(labels)
    )
    return f'<svg width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}">{cells}</svg>'
