"""Figures: one series with its labels, the course of a training, confusion and transition matrices.

Every function takes arrays and returns a matplotlib Figure that belongs to no window and no global
state; the caller saves it: `with written_whole(path) as part: figure.savefig(part)`.
"""

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from utils.changes import change_months
from utils.words import MOST_WORDS, inches, place_words

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
WIDTH, LEFT, RIGHT = 12.0, 1.35, 0.6  # inches
PANEL = WIDTH - LEFT - RIGHT
LANE = 0.19  # inches, one line of words
SMALL, TINY = 9, 8  # points
LONGEST_NAME = 36  # characters of a class name in a figure
TRUE_LINE = {"color": "black", "linewidth": 1.6}
PREDICTED_LINE = {"color": "#c2007a", "linewidth": 1.6, "linestyle": (0, (4, 2))}
MISSING, UNLABELLED, GRID = "#d4d4d4", "#f2f2f2", "#e3e3e3"


def series_figure(
    x, months, bands, legend, *, true=None, predicted=None, probabilities=None, title=""
):
    """One series: its bands, the true and the predicted labels, what changed when in words, monthly
    probabilities.

    x: (C, T) reflectance x 10^4, NaN = no observation; months: (T,) datetime64[M]; true, predicted:
    (T,) labels, -1 or None = not known; probabilities: (K, T). What is not known is left out.
    title: its first line stands in bold.
    """
    legend = type(legend)(tuple(_shorten(name) for name in legend.names), legend.colours)
    true, predicted = (
        labels if labels is not None and (labels >= 0).any() else None
        for labels in (true, predicted)
    )
    rows = [(1.1, 0.12, _draw_bands, (x, bands, shown)) for shown in _bands_shown(bands)]
    for name, labels, sure in (("true", true, None), ("predicted", predicted, probabilities)):
        if labels is None:
            continue
        words = place_words(labels, months, legend, sure, width=PANEL, margin=RIGHT, points=SMALL)
        height = LANE * (max((lane for *_, lane in words), default=0) + 1.4)
        strip = (0.34, 0.04, _draw_strip, (labels, legend, name))
        rows += [(height, 0, _draw_words, (words, name == "true")), strip]
        if name == "predicted":
            rows[-2:] = rows[:-3:-1]  # strip first: the words of the prediction stand below it
            if true is not None:
                rows.insert(-2, (0.1, 0.04, _draw_differences, (true, predicted)))
    if probabilities is not None:
        rows.append((1.1, 0, _draw_probabilities, (probabilities, legend)))
    classes = [
        Patch(color=colour, label=f"{i} {name}")
        for i, (name, colour) in enumerate(zip(legend.names, legend.colours))
    ]
    columns, lines = _key_shape([patch.get_label() for patch in classes])
    # Titles, and below them a line for the key of the lines, which may be as wide as the second
    # title.
    top, bottom = 0.36 + 0.24 * max(title.count("\n") + 1, 1), 0.42 + 0.22 * lines
    figure = Figure(
        figsize=(WIDTH, top + sum(height + gap for height, gap, *_ in rows) + bottom), dpi=110
    )
    _stack_rows(figure, rows, top, months, true, predicted)
    for line, text in enumerate(title.splitlines()):
        figure.text(
            0.15 / WIDTH,
            1 - (0.1 + 0.24 * line) / figure.get_figheight(),
            text,
            va="top",
            parse_math=False,
            fontsize=10 if line else 12,
            fontweight="normal" if line else "bold",
        )
    figure.legend(
        handles=classes,
        loc="lower center",
        ncols=columns,
        fontsize=SMALL,
        frameon=False,
        borderaxespad=0.2,
    )
    if keys := _line_key(x, true, predicted):
        figure.legend(
            handles=keys,
            loc="lower right",
            ncols=len(keys),
            fontsize=SMALL,
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            bbox_to_anchor=(1 - RIGHT / WIDTH, 1 - (top - 0.06) / figure.get_figheight()),
        )
    return figure


def _stack_rows(figure, rows, top, months, true, predicted):
    """Draw each row (height, gap below in inches, function, its arguments) in axes of its own, from
    the top down.
    """
    height, at = figure.get_figheight(), top
    change = {
        name: np.flatnonzero(change_months(labels[None])[0])
        for name, labels in (("true", true), ("predicted", predicted))
        if labels is not None
    }
    for size, gap, draw, arguments in rows:
        axes = figure.add_axes(
            (LEFT / WIDTH, 1 - (at + size) / height, PANEL / WIDTH, size / height)
        )
        axes.set_xlim(-0.5, len(months) - 0.5)
        draw(axes, *arguments)
        if draw in (_draw_bands, _draw_probabilities):
            for name, style in (("true", TRUE_LINE), ("predicted", PREDICTED_LINE)):
                found = change.get(name, ()) if draw is _draw_bands else ()
                for month in found:
                    axes.axvline(
                        month - 0.5,
                        **style | {"linewidth": 1.6 if len(found) <= MOST_WORDS else 0.7},
                    )
            _date_axis(axes, months)
        else:
            axes.set(xticks=[], yticks=[])
        axes.tick_params(labelbottom=draw is rows[-1][2], labelsize=SMALL)
        at += size + gap
    if rows[-1][2] is not _draw_probabilities:
        _date_axis(axes, months)
        axes.tick_params(labelbottom=True)


def _date_axis(axes, months):
    """Ticks at the first day of a month; month index t fills t - 0.5 to t + 0.5."""
    number = months.astype(int) % 12
    step = 1 if len(months) <= 14 else 3 if len(months) <= 40 else 12
    major, minor = np.flatnonzero(number % step == 0), np.flatnonzero(number % 3 == 0)
    axes.set_xticks(major - 0.5, [str(months[i])[: 4 if step == 12 else 7] for i in major])
    axes.set_xticks(minor - 0.5, minor=True)


def _bands_shown(bands):
    """Panels of bands: those of BAND_GROUPS that have one of these bands, and 'other' for names it
    does not know.
    """
    known = {band for group in BAND_GROUPS.values() for band in group}
    shown = {
        name: {band: group[band] for band in bands if band in group}
        for name, group in BAND_GROUPS.items()
    }
    shown["other"] = {
        band: f"C{i}" for i, band in enumerate(band for band in bands if band not in known)
    }
    return [(name, group) for name, group in shown.items() if group]


def _draw_bands(axes, x, bands, shown):
    name, colours = shown
    missing = np.isnan(x).all(axis=0)
    for month in np.flatnonzero(missing):
        axes.axvspan(month - 0.5, month + 0.5, color=MISSING, linewidth=0)
    rows = [list(bands).index(band) for band in colours]
    values = x[rows] / 1e4
    for row, colour in zip(values, colours.values()):
        axes.plot(row, color=colour, linewidth=1.3, marker=".", markersize=4)
    seen = values[np.isfinite(values)]
    low, high = (min(seen.min(), 0), seen.max()) if len(seen) else (0, 1)
    axes.set_ylim(low, low + max(high - low, 0.01) * 1.08)
    last = [row[np.isfinite(row)][-1] if np.isfinite(row).any() else 0 for row in values]
    for (band, colour), y in zip(colours.items(), _spread(last, axes.get_ylim(), 0.15)):
        axes.text(
            1.006,
            y,
            band,
            color=colour,
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=SMALL,
            fontweight="bold",
        )
    axes.grid(axis="x", color=GRID, zorder=0)
    axes.set_axisbelow(True)
    axes.locator_params(axis="y", nbins=4)
    axes.set_ylabel(f"{name}\nreflectance", fontsize=TINY)
    axes.yaxis.set_label_coords(-0.55 / PANEL, 0.5)


def _spread(positions, limits, share):
    """Move label positions apart to at least this share of the axis, in their order, and keep them
    inside.
    """
    least = min(share, 0.98 / len(positions)) * (limits[1] - limits[0])
    order = np.argsort(positions, kind="stable")
    placed = np.array(positions, float)
    steps = least * np.arange(len(order))
    # Rising positions minus equal steps, made rising again, keep their distance when the steps come
    # back.
    placed[order] = np.maximum.accumulate(placed[order] - steps) + steps
    over = np.clip(placed[order] - (limits[1] - least / 2 - steps[::-1]), 0, None)
    placed[order] -= over
    return placed


def _draw_strip(axes, labels, legend, name):
    """Runs of one label as blocks in the legend's colours, with the class name, or its number where
    only that fits.
    """
    for start, stop in _runs(labels):
        label, width = labels[start], (stop - start) * PANEL / len(labels)
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
            axes.text(
                (start + stop - 1) / 2,
                0.5,
                fitting[0],
                ha="center",
                va="center",
                fontsize=SMALL,
                color=_ink(legend.colours[label]) if known else "black",
            )
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10, fontweight="bold")


def _runs(labels):
    """(start, stop) of each run of one value."""
    edges = np.flatnonzero(np.diff(labels, prepend=-2, append=-2))
    return zip(edges, edges[1:])


def _draw_differences(axes, true, predicted):
    for month in np.flatnonzero((true >= 0) & (predicted != true)):
        axes.axvspan(month - 0.5, month + 0.5, color="black", linewidth=0)
    axes.set_ylabel("they differ", rotation=0, ha="right", va="center", fontsize=TINY)


def _draw_words(axes, words, above):
    """Write placed words, above or below a strip, with leader lines to it."""
    lanes = axes.get_position().height * axes.figure.get_figheight() / LANE
    axes.set_ylim((0, lanes) if above else (lanes, 0))
    per_inch = np.ptp(axes.get_xlim()) / PANEL
    style = TRUE_LINE if above else PREDICTED_LINE
    for text, anchor, left, lane in words:
        if anchor is not None:
            axes.plot(
                [anchor * per_inch - 0.5] * 2,
                [0, lane + 1],
                color=style["color"],
                linewidth=0.9,
                clip_on=False,
            )
        axes.text(
            (left + 0.06) * per_inch - 0.5,
            lane + 0.55,
            text,
            va="center",
            fontsize=SMALL,
            color=style["color"] if anchor is not None else "black",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    axes.axis("off")
    if not above and words[0][1] is not None and words[0][0].endswith("%"):
        axes.text(
            -0.08 / PANEL,
            0.6,
            "% = confidence",
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=TINY,
        )


def _draw_probabilities(axes, probabilities, legend):
    edges = np.arange(probabilities.shape[1] + 1) - 0.5
    tops = np.vstack([np.zeros(probabilities.shape[1]), probabilities.cumsum(axis=0)])
    for bottom, top, colour in zip(tops, tops[1:], legend.colours):
        axes.stairs(top, edges, baseline=bottom, fill=True, color=colour)
    likeliest = probabilities.argmax(axis=0)
    for start, stop in _runs(likeliest):  # numbers, for readers to whom two colours look alike
        label, middle = likeliest[start], (start + stop - 1) // 2
        if (stop - start) * PANEL / len(likeliest) > 0.2 and probabilities[label, middle] > 0.3:
            axes.text(
                middle,
                tops[label : label + 2, middle].mean(),
                str(label),
                ha="center",
                va="center",
                fontsize=SMALL,
                color=_ink(legend.colours[label]),
            )
    axes.set(ylim=(0, 1), yticks=(0, 0.5, 1))
    axes.set_yticklabels(("0", "50 %", "100 %"))
    axes.set_ylabel("probability of\neach class", fontsize=TINY)
    axes.yaxis.set_label_coords(-0.55 / PANEL, 0.5)


def _line_key(x, true, predicted):
    """Keys of the change lines and the grey months, only those that are drawn."""
    keys = [
        Line2D([], [], **style, label=f"{name} change")
        for name, labels, style in (
            ("true", true, TRUE_LINE),
            ("predicted", predicted, PREDICTED_LINE),
        )
        if labels is not None and change_months(labels[None]).any()
    ]
    return keys + (
        [Patch(color=MISSING, label="no observation")] if np.isnan(x).all(axis=0).any() else []
    )


def _key_shape(labels):
    """Columns and lines of a legend of these texts."""
    widest = max(inches(label, SMALL) for label in labels) + 0.55
    columns = max(1, min(len(labels), int((WIDTH - 0.3) / widest)))
    return columns, -(-len(labels) // columns)


def _shorten(name):
    """A class name of bounded length; a dollar sign would begin a formula."""
    return (name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…").replace(
        "$", r"\$"
    )


def _ink(colour):
    """Black or white, whichever reads better on this '#rrggbb'."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


def history_figure(history, best_epoch=None):
    """Losses, validation scores and learning rate over the epochs, the best epoch marked.

    history: DataFrame with epoch, train_loss, validation_loss, OA, spatial_F1, temporal_F1, score,
    learning_rate.
    """
    panels = (
        ("loss (cross-entropy)", {"train_loss": "training", "validation_loss": "validation"}),
        (
            "score on validation",
            {
                "OA": "overall accuracy",
                "spatial_F1": "spatial F1",
                "temporal_F1": "temporal F1",
                "score": "mean of the three",
            },
        ),
        ("learning rate", {"learning_rate": "learning rate"}),
    )
    figure = Figure(figsize=(13, 4), dpi=110, layout="constrained")
    for axes, (name, columns) in zip(figure.subplots(1, 3), panels):
        for (column, text), dash in zip(columns.items(), ("-", "--", "-.", ":")):
            thick = 2.6 if column == "score" else 1.6
            axes.plot(
                history["epoch"], history[column], dash, marker=".", linewidth=thick, label=text
            )
        if best_epoch is not None:
            axes.axvline(best_epoch, color="black", linewidth=1, label=f"best epoch: {best_epoch}")
        axes.set(xlabel="epoch", title=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color=GRID)
        axes.legend(fontsize=TINY)
    return figure


def confusion_figure(confusion, legend):
    """Months by true class (rows) and predicted class (columns): count and share of the row.
    confusion: (K, K).
    """
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    texts = [
        [f"{count:,}\n{100 * part:.1f} %" for count, part in zip(*row)]
        for row in zip(confusion, share)
    ]
    size = 2.6 + 0.85 * len(legend)
    figure = Figure(figsize=(size + 0.8, size), dpi=110, layout="compressed")
    axes = figure.subplots()
    _draw_matrix(axes, share, texts, legend, PowerNorm(0.5, 0, 1))
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(
        "Months, and share of each true class\n(diagonal: producer's accuracy)", fontsize=10
    )
    return figure


def transition_figure(true, predicted, legend):
    """Changes by from-class (rows) and to-class (columns), true and predicted side by side. Both:
    (K, K) counts.
    """
    size = 2.6 + 0.7 * len(legend)
    figure = Figure(figsize=(2 * size, size), dpi=110, layout="compressed")
    norm = PowerNorm(0.5, 0, max(true.max(), predicted.max(), 1))
    for axes, counts, name in zip(figure.subplots(1, 2), (true, predicted), ("true", "predicted")):
        texts = [[f"{count:,}" if count else "" for count in row] for row in counts]
        _draw_matrix(axes, counts, texts, legend, norm)
        axes.set(xlabel="to", ylabel="from", title=f"{name} changes: {counts.sum():,}")
    return figure


def _draw_matrix(axes, values, texts, legend, norm):
    """A matrix in blues with a text in each cell and the class names at its sides."""
    axes.imshow(values, cmap="Blues", norm=norm)
    names = [_shorten(name).replace(" ", "\n", 1) for name in legend.names]
    axes.set_xticks(
        range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=SMALL
    )
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=TINY,
                color="white" if norm(values[row, column]) > 0.6 else "black",
            )
