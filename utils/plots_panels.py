"""The panels of one series: bands, strips of labels, words of changes, probabilities.

Every function draws into the axes that it is given; the time axis runs from month -0.5 on.
"""

import numpy as np

from utils.legend import rgb
from utils.plots_shared import (
    GRID,
    LANE,
    MISSING,
    PANEL,
    PREDICTED_LINE,
    SMALL,
    TINY,
    TRUE_LINE,
    UNLABELLED,
)
from utils.plots_words import inches


def draw_bands(axes, x, bands, shown):
    """Draw the bands of one group as lines, months without any observation in grey.

    x: (C, T) reflectance x 10^4 of `bands`; shown: name of the group, and colours by band.
    """
    name, colours = shown
    missing = np.isnan(x).all(axis=0)
    for month in np.flatnonzero(missing):
        axes.axvspan(month - 0.5, month + 0.5, color=MISSING, linewidth=0)
    places = {band: list(bands).index(band) for band in colours}
    seen = np.isfinite(x).any(axis=1)
    there = {band: place for band, place in places.items() if seen[place]}
    places = there or places  # a band that a stack lacks has no line and no name
    colours = {band: colours[band] for band in places}
    values = x[list(places.values())] / 1e4
    for line, colour in zip(values, colours.values(), strict=True):
        axes.plot(line, color=colour, linewidth=1.3, marker=".", markersize=4)
    seen = values[np.isfinite(values)]
    low, high = 0, 1
    if len(seen):
        low = min(seen.min(), 0)
        high = seen.max()
    axes.set_ylim(low, low + max(high - low, 0.01) * 1.08)
    _name_lines(axes, values, colours)
    axes.grid(axis="x", color=GRID, zorder=0)
    axes.set_axisbelow(True)
    axes.locator_params(axis="y", nbins=4)
    axes.set_ylabel(f"{name}\nreflectance", fontsize=TINY)
    axes.yaxis.set_label_coords(-0.55 / PANEL, 0.5)


def _name_lines(axes, values, colours):
    """Write the names of the bands at the right ends of their lines (C, T)."""
    ends = []
    for line in values:
        seen = line[np.isfinite(line)]
        ends.append(seen[-1] if len(seen) else 0)
    places = _spread(ends, axes.get_ylim(), 0.15)
    style = {"va": "center", "fontsize": SMALL, "fontweight": "bold"}
    style["transform"] = axes.get_yaxis_transform()
    for (band, colour), y in zip(colours.items(), places, strict=True):
        axes.text(1.006, y, band, color=colour, **style)


def _spread(positions, limits, share):
    """Return positions moved apart to at least this share of the axis, and kept inside.

    Their order stays.
    """
    low, high = limits
    least = min(share, 0.98 / len(positions)) * (high - low)
    order = np.argsort(positions, kind="stable")
    placed = np.array(positions, float)
    steps = least * np.arange(len(order))
    # Equal steps are taken away, the rest is made rising, and the steps are put back: then each
    # position is at least one step above the one before it.
    placed[order] = np.maximum.accumulate(placed[order] - steps) + steps
    highest = high - least / 2 - steps[::-1]
    placed[order] = np.minimum(placed[order], highest)
    return placed


def draw_strip(axes, labels, legend, name):
    """Draw runs of one label as blocks in the legend's colours.

    A block shows the class name, or the class number where only that fits.
    """
    for start, stop in _runs(labels):
        label = labels[start]
        width = (stop - start) * PANEL / len(labels)
        known = label >= 0
        axes.axvspan(
            start - 0.5,
            stop - 0.5,
            facecolor=legend.colours[label] if known else UNLABELLED,
            edgecolor="white",
            hatch=None if known else "////",
            linewidth=0.8,
        )
        texts = (legend.names[label], str(label)) if known else ("not labelled",)
        fitting = [text for text in texts if inches(text, SMALL) < width - 0.06]
        if fitting:
            colour = _ink(legend.colours[label]) if known else "black"
            _text_in_middle(axes, (start + stop - 1) / 2, 0.5, fitting[0], colour)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10, fontweight="bold")


def _text_in_middle(axes, x, y, text, colour):
    axes.text(x, y, text, ha="center", va="center", fontsize=SMALL, color=colour)


def _runs(labels):
    """Return (start, stop) of each run of one value in labels (T,).

    stop is the month after the run.
    """
    edges = np.flatnonzero(np.diff(labels, prepend=-2, append=-2))
    return zip(edges, edges[1:])


def draw_differences(axes, true, predicted):
    """Draw a black mark in each month in which the prediction is not the label."""
    for month in np.flatnonzero((true >= 0) & (predicted != true)):
        axes.axvspan(month - 0.5, month + 0.5, color="black", linewidth=0)
    axes.set_ylabel("they differ", rotation=0, ha="right", va="center", fontsize=TINY)


def draw_words(axes, words, above):
    """Write words above or below a strip, with leader lines to the strip.

    words: as `plots_words.place_words` returns them. Words of the prediction, which stand below,
    may end in a confidence in percent; a note at the left then says so.
    """
    lanes = axes.get_position().height * axes.figure.get_figheight() / LANE
    axes.set_ylim((0, lanes) if above else (lanes, 0))
    per_inch = np.ptp(axes.get_xlim()) / PANEL
    style = TRUE_LINE if above else PREDICTED_LINE
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for text, anchor, left, lane in words:
        colour = "black" if anchor is None else style["color"]
        if anchor is not None:
            month = anchor * per_inch - 0.5
            axes.plot([month, month], [0, lane + 1], color=colour, linewidth=0.9, clip_on=False)
        place = (left + 0.06) * per_inch - 0.5
        axes.text(place, lane + 0.55, text, va="center", fontsize=SMALL, color=colour, bbox=box)
    axes.axis("off")
    first_text, first_anchor, _, _ = words[0]
    if not above and first_anchor is not None and first_text.endswith("%"):
        at_left = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
        axes.text(-0.08 / PANEL, 0.6, "% = confidence", fontsize=TINY, **at_left)


def draw_probabilities(axes, probabilities, legend):
    """Draw the probabilities (K, T) of all classes of each month, one on another."""
    months = probabilities.shape[1]
    edges = np.arange(months + 1) - 0.5
    tops = np.vstack([np.zeros(months), probabilities.cumsum(axis=0)])
    for bottom, top, colour in zip(tops, tops[1:], legend.colours):
        axes.stairs(top, edges, baseline=bottom, fill=True, color=colour)
    likeliest = probabilities.argmax(axis=0)
    for start, stop in _runs(likeliest):  # numbers, for readers to whom two colours look alike
        label = likeliest[start]
        middle = (start + stop - 1) // 2
        inches_wide = (stop - start) * PANEL / len(likeliest)
        if inches_wide > 0.2 and probabilities[label, middle] > 0.3:
            height = tops[label : label + 2, middle].mean()
            _text_in_middle(axes, middle, height, str(label), _ink(legend.colours[label]))
    axes.set(ylim=(0, 1), yticks=(0, 0.5, 1))
    axes.set_yticklabels(("0", "50 %", "100 %"))
    axes.set_ylabel("probability of\neach class", fontsize=TINY)
    axes.yaxis.set_label_coords(-0.55 / PANEL, 0.5)


def _ink(colour):
    """Return black or white, whichever reads better on this '#rrggbb'."""
    red, green, blue = rgb(colour)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
