"""Figures of the paper's studies: scores against what a study varies.

Every function returns a matplotlib Figure that belongs to no window; the caller saves it.
"""

import numpy as np
from matplotlib.figure import Figure

from comparing.figures import DPI, SCORE_NAMES, colour_of, hide_after, open_axes

STUDY_SCORES = ("mIoU", "sequence_accuracy", "temporal_F1")
AXES = {
    "bands": "bands used",
    "size": "training series",
    "class": "class against the rest",
    "gaps": "share of test months taken away",
}
NUMERIC = ("size", "gaps")  # studies whose values lie on a line
MARKERS = "osD^vP*Xhd"


def study_lines(table, study):
    """Scores against what a study varies, a line for each method, the spread over seeds as a band.

    table: as `studies.mean_and_spread` gives it, by method and study.
    """
    methods = list(dict.fromkeys(table["method"]))
    values = list(dict.fromkeys(table[study]))
    figure = Figure(figsize=(12, 4.2), dpi=DPI, layout="constrained")
    for axes, score in zip(figure.subplots(1, len(STUDY_SCORES)), STUDY_SCORES):
        for place, method in enumerate(methods):
            style = {
                "color": colour_of(methods)[method],
                "marker": MARKERS[place % len(MARKERS)],
                "markersize": 5,
                "label": method,
            }
            draw_method(
                axes,
                table[table["method"] == method],
                study,
                score,
                values,
                style,
            )
        mark_values(axes, study, values)
        axes.set_title(SCORE_NAMES[score].replace("\n", " "), fontsize=10)
        axes.set_xlabel(AXES[study])
        open_axes(axes)
    keys = axes.get_legend_handles_labels()
    figure.legend(
        *keys,
        loc="outside upper center",
        ncols=min(len(methods), 6),
        frameon=False,
    )
    return figure


def draw_method(axes, part, study, score, values, style):
    """Draw one score of one method. part: the rows of the method."""
    y = part[score].to_numpy()
    spread = part.get(f"{score}_sd")
    if study in NUMERIC:
        x = part[study].to_numpy()
        axes.plot(x, y, **style)
        if spread is not None:
            axes.fill_between(
                x,
                y - spread,
                y + spread,
                color=style["color"],
                alpha=0.18,
                lw=0,
            )
    else:
        x = np.array([values.index(value) for value in part[study]])
        axes.plot(
            x,
            y,
            linestyle="none",
            **style,
        )
        if spread is not None:
            axes.errorbar(
                x,
                y,
                spread,
                fmt="none",
                ecolor=style["color"],
                elinewidth=0.8,
            )


def mark_values(axes, study, values):
    """Write what the study varies along the axis."""
    slanted = {"rotation": 45, "ha": "right", "fontsize": 8}
    if study == "size":
        axes.set_xscale("log")
        axes.set_xticks(values, [f"{value:,}" for value in values], **slanted)
        axes.minorticks_off()
    elif study not in NUMERIC:
        axes.set_xticks(np.arange(len(values)), values, **slanted)
        axes.set_xlim(-0.6, len(values) - 0.4)


def transfer_squares(table, score="temporal_F1"):
    """Score for each group trained on (rows) and tested on (columns), a square for each method."""
    methods = list(dict.fromkeys(table["method"]))
    groups = sorted({*table["train"], *table["test"]})
    columns = min(len(methods), 4)
    rows = -(-len(methods) // columns)
    side = max(2.6, 0.42 * len(groups) + 1.0)  # inches
    size = (side * columns + 1, side * rows + 0.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    limits = np.nanmin(table[score]), np.nanmax(table[score])
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, method in zip(panels.flat, methods):
        part = table[table["method"] == method].pivot(
            index="train",
            columns="test",
            values=score,
        )
        square = part.reindex(index=groups, columns=groups).to_numpy(float)
        image = draw_square(axes, square, limits)
        slant = 45 if len(str(groups[0])) > 4 else 0
        axes.set_xticks(
            np.arange(len(groups)),
            groups,
            fontsize=8,
            rotation=slant,
        )
        axes.set_yticks(np.arange(len(groups)), groups, fontsize=8)
        axes.set_title(f"{method}: mean {np.nanmean(square):.3f}", fontsize=9)
        axes.set_xlabel("tested on", fontsize=8)
        axes.set_ylabel("trained on", fontsize=8)
    hide_after(panels, len(methods))
    figure.colorbar(
        image,
        ax=panels,
        label=SCORE_NAMES[score].replace("\n", " "),
        shrink=0.8,
    )
    return figure


def draw_square(axes, square, limits):
    """Colour the square by its scores and write each score into its field. Returns the image."""
    low, high = limits
    image = axes.imshow(
        square,
        cmap="viridis",
        vmin=low,
        vmax=high,
    )
    style = {"ha": "center", "va": "center", "fontsize": 7}
    for (line, column), value in np.ndenumerate(square):
        if np.isfinite(value):
            dark = value < low + 0.55 * (high - low)
            colour = "white" if dark else "black"
            axes.text(
                column,
                line,
                f"{value:.2f}".lstrip("0"),
                color=colour,
                **style,
            )
    return image
