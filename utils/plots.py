"""The figure of one series: its labels and what changed when.

Every function takes arrays and returns a matplotlib Figure that belongs to no window and no global
state. The caller saves it: `with written_whole(path) as part: figure.savefig(part)`. The figures of
a training are in utils/plots_training.py; their names can be taken from here, too.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from utils.changes import change_months
from utils.plots_panels import (
    draw_bands,
    draw_differences,
    draw_probabilities,
    draw_strip,
    draw_words,
)
from utils.plots_shared import (
    LANE,
    LEFT,
    MISSING,
    PANEL,
    PREDICTED_LINE,
    RIGHT,
    SMALL,
    TRUE_LINE,
    WIDTH,
    shorten,
)
from utils.plots_training import confusion_figure, history_figure, transition_figure
from utils.plots_words import MOST_WORDS, inches, place_words

__all__ = ["confusion_figure", "history_figure", "series_figure", "transition_figure"]

# Within a panel the bands differ in lightness too, so that colour-blind readers can follow them.
BAND_GROUPS = {
    "visible": {"B2": "#56b4e9", "B3": "#007a5a", "B4": "#b03a00"},
    "red edge and\nnear infrared": {
        "B5": "#f0b400",
        "B6": "#e0701a",
        "B7": "#b8274a",
        "B8": "#74107a",
        "B8A": "#1d0c45",
    },
    "short-wave\ninfrared": {"B11": "#d98200", "B12": "#4a2500"},
}

WITH_SCALE = (draw_bands, draw_probabilities)  # the rows with an axis of values; the last is dated


class Row(NamedTuple):
    """One panel: its height and the gap below it in inches, the function that draws it."""

    height: float
    gap: float
    draw: callable
    arguments: tuple


def series_figure(
    x, months, bands, legend, *, true=None, predicted=None, probabilities=None, title=""
):
    """Return the figure of one series.

    From the top: its bands; the true labels and what changed when, in words; the predicted labels
    and their changes; the probabilities of each month. What is not known is left out.

    x: (C, T) reflectance x 10^4, NaN = no observation; months: (T,) datetime64[M]; true, predicted:
    (T,) labels, -1 or None = not known; probabilities: (K, T). title: its first line is in bold.
    """
    legend = type(legend)(tuple(shorten(name) for name in legend.names), legend.colours)
    true, predicted = _if_known(true), _if_known(predicted)
    rows = [Row(1.1, 0.12, draw_bands, (x, bands, shown)) for shown in _bands_shown(bands)]
    if probabilities is None:
        rows[-1] = rows[-1]._replace(gap=0.3)  # the dates stand there
    rows += _rows_of_labels(true, predicted, months, legend, probabilities)
    if probabilities is not None:
        rows.append(Row(1.1, 0, draw_probabilities, (probabilities, legend)))
    numbered = [f"{label} {name}" for label, name in enumerate(legend.names)]
    columns, lines = _key_shape(numbered)
    # Titles, and below them a line for the key of the lines, as wide as a second title may be.
    title_lines = title.count("\n") + 1
    top = 0.36 + 0.24 * title_lines
    bottom = 0.42 + 0.22 * lines
    height = top + bottom + sum(row.height + row.gap for row in rows)
    figure = Figure(figsize=(WIDTH, height), dpi=110)
    _stack_rows(figure, rows, top, months, true, predicted)
    _write_title(figure, title)
    patches = [
        Patch(color=colour, label=text)
        for colour, text in zip(legend.colours, numbered, strict=True)
    ]
    style = {"fontsize": SMALL, "frameon": False}
    figure.legend(handles=patches, loc="lower center", ncols=columns, borderaxespad=0.2, **style)
    keys = _line_key(x, true, predicted)
    if keys:
        corner = (1 - RIGHT / WIDTH, 1 - (top - 0.06) / height)
        style |= {"borderpad": 0, "borderaxespad": 0, "bbox_to_anchor": corner}
        figure.legend(handles=keys, loc="lower right", ncols=len(keys), **style)
    return figure


def _if_known(labels):
    """Return labels (T,), or None where no month has one."""
    return labels if labels is not None and (labels >= 0).any() else None


def _rows_of_labels(true, predicted, months, legend, probabilities):
    """Return the rows of the labels: words above the true strip and below the predicted one."""
    rows = []
    size = {"width": PANEL, "margin": RIGHT, "points": SMALL}
    if true is not None:
        words = place_words(true, months, legend, **size)
        rows.append(Row(_height_of(words), 0, draw_words, (words, True)))
        rows.append(Row(0.34, 0.04, draw_strip, (true, legend, "true")))
    if true is not None and predicted is not None:
        rows.append(Row(0.1, 0.04, draw_differences, (true, predicted)))
    if predicted is not None:
        words = place_words(predicted, months, legend, probabilities, **size)
        rows.append(Row(0.34, 0.04, draw_strip, (predicted, legend, "predicted")))
        rows.append(Row(_height_of(words), 0, draw_words, (words, False)))
    return rows


def _height_of(words):
    """Return the height in inches of placed words."""
    return LANE * (max((lane for *_, lane in words), default=0) + 1.4)


def _write_title(figure, title):
    """Write the lines of the title, the first one in bold."""
    styles = [{"fontsize": 12, "fontweight": "bold"}] + [{"fontsize": 10}] * title.count("\n")
    for line, (text, style) in enumerate(zip(title.splitlines(), styles)):
        top = 1 - (0.1 + 0.24 * line) / figure.get_figheight()
        figure.text(0.15 / WIDTH, top, text, va="top", parse_math=False, **style)


def _stack_rows(figure, rows, top, months, true, predicted):
    """Draw each row in axes of its own, from the top down; top: inches above the first row."""
    height, at = figure.get_figheight(), top
    *_, dated = (row for row in rows if row.draw in WITH_SCALE)
    for row in rows:
        place = (LEFT / WIDTH, 1 - (at + row.height) / height, PANEL / WIDTH, row.height / height)
        axes = figure.add_axes(place)
        axes.set_xlim(-0.5, len(months) - 0.5)
        row.draw(axes, *row.arguments)
        if row.draw is draw_bands:
            _draw_changes(axes, true, TRUE_LINE)
            _draw_changes(axes, predicted, PREDICTED_LINE)
        if row.draw in WITH_SCALE:
            _date_axis(axes, months)
        else:
            axes.set(xticks=[], yticks=[])
        axes.tick_params(labelbottom=row is dated, labelsize=SMALL)
        at += row.height + row.gap


def _draw_changes(axes, labels, style):
    """Draw a line before each change month of labels (T,), a thin one where there are many."""
    if labels is None:
        return
    found = np.flatnonzero(change_months(labels[None])[0])
    width = 1.6 if len(found) <= MOST_WORDS else 0.7
    for month in found:
        axes.axvline(month - 0.5, **style | {"linewidth": width})


def _date_axis(axes, months):
    """Put ticks at the first day of months; month index t fills t - 0.5 to t + 0.5."""
    number = months.astype(int) % 12
    step = 1 if len(months) <= 14 else 3 if len(months) <= 40 else 12
    major = np.flatnonzero(number % step == 0)
    minor = np.flatnonzero(number % 3 == 0)
    length = 4 if step == 12 else 7  # characters of the date: 2018 or 2018-02
    axes.set_xticks(major - 0.5, [str(months[i])[:length] for i in major])
    axes.set_xticks(minor - 0.5, minor=True)


def _bands_shown(bands):
    """Return the panels of bands: (name, {band: colour}) of each group that has one of the bands.

    Bands that no group knows are in the panel 'other'.
    """
    shown = {}
    left = list(bands)
    for name, group in BAND_GROUPS.items():
        shown[name] = {band: group[band] for band in bands if band in group}
        left = [band for band in left if band not in group]
    shown["other"] = {band: f"C{i}" for i, band in enumerate(left)}
    return [(name, colours) for name, colours in shown.items() if colours]


def _line_key(x, true, predicted):
    """Return keys of the change lines and of the grey months, only those that are drawn."""
    keys = []
    lines = (("true", true, TRUE_LINE), ("predicted", predicted, PREDICTED_LINE))
    for name, labels, style in lines:
        if labels is not None and change_months(labels[None]).any():
            keys.append(Line2D([], [], **style, label=f"{name} change"))
    if np.isnan(x).all(axis=0).any():
        keys.append(Patch(color=MISSING, label="no observation"))
    return keys


def _key_shape(labels):
    """Return the numbers of columns and lines of a legend of these texts."""
    widest = max(inches(label, SMALL) for label in labels) + 0.55
    columns = max(1, min(len(labels), int((WIDTH - 0.3) / widest)))
    return columns, -(-len(labels) // columns)
