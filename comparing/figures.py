"""Figures of a comparison: bars of scores, errors of change dates, series where methods disagree.

The figures of the studies are in study_figures.py. Every function returns a matplotlib Figure that
belongs to no window; the caller saves it.
"""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from utils.changes import change_months
from utils.legend import SPARE_COLOURS
from utils.metrics import change_date_errors

SCORE_NAMES = {
    "OA": "overall accuracy",
    "mIoU": "mean IoU",
    "sequence_accuracy": "sequence accuracy",
    "spatial_F1": "spatial F1\n(did it change?)",
    "temporal_F1": "temporal F1\n(which month?)",
    "temporal_change_F1": "temporal F1,\nchange alone",
}
MUTED = ("#777777", "#882255", "#999933", "#332288")  # the last three of Paul Tol's muted scheme
COLOURS = (*SPARE_COLOURS, *MUTED)
WINDOW = 6  # months around a true change within which a predicted one is its partner
UNLABELLED = "#f2f2f2"
DPI = 150


def colour_of(methods):
    """A colour for each method, the same in every figure of a comparison: dict."""
    return {method: COLOURS[place % len(COLOURS)] for place, method in enumerate(methods)}


def score_bars(table):
    """Bars of the scores of every method, with the spread over seeds as a line.

    table: as `studies.mean_and_spread` gives it.
    """
    methods = list(table["method"])
    colours, width = colour_of(methods), 0.84 / len(methods)
    figure = Figure(figsize=(11, 4.4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for place, (_, row) in enumerate(table.iterrows()):
        x = np.arange(len(SCORE_NAMES)) - 0.42 + width * (place + 0.5)
        value = [row[name] for name in SCORE_NAMES]
        spread = [row.get(f"{name}_sd", np.nan) for name in SCORE_NAMES]
        axes.bar(
            x,
            value,
            width * 0.94,
            color=colours[row["method"]],
            label=row["method"],
        )
        if np.isfinite(spread).any():
            axes.errorbar(
                x,
                value,
                spread,
                fmt="none",
                ecolor="black",
                elinewidth=0.8,
                capsize=1.5,
            )
        if len(methods) <= 6:
            write_values(axes, x, value)
    axes.set_xticks(np.arange(len(SCORE_NAMES)), list(SCORE_NAMES.values()))
    axes.set_ylim(0, 1.08)
    axes.set_ylabel("score on the test part")
    open_axes(axes)
    figure.legend(
        loc="outside upper center",
        ncols=min(len(methods), 6),
        frameon=False,
    )
    return figure


def write_values(axes, x, value):
    """Write each score above its bar, without the leading zero."""
    style = {"ha": "center", "va": "bottom", "fontsize": 7, "rotation": 90}
    for place, score in zip(x, value):
        axes.text(
            place,
            score + 0.01,
            f"{score:.2f}".lstrip("0"),
            **style,
        )


def date_errors(true, labels):
    """How late or early each method dates the true changes, how many it misses, how many are false.

    true: (N, T); labels: dict of method -> (N, T). A method that sees changes everywhere meets
    every true one by chance, so the number of changes without a partner stands beside.
    """
    colours = colour_of(labels)
    total = max(int(change_months(true).sum()), 1)
    columns = min(3, len(labels))
    rows = -(-len(labels) // columns)
    figure = Figure(
        figsize=(11, 0.9 + 2.2 * rows),
        dpi=DPI,
        layout="constrained",
    )
    panels = figure.subplots(
        rows,
        columns,
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axes, (method, predicted) in zip(panels.flat, labels.items()):
        draw_date_errors(
            axes,
            method,
            true,
            predicted,
            total,
            colours[method],
        )
    hide_after(panels, len(labels))
    figure.supxlabel(
        "months by which the predicted change comes late (+) or early (−)\n"
        f"(labels as they come, no filter; missed: none within {WINDOW} months)",
        fontsize=10,
    )
    figure.supylabel(f"share of {total:,} true changes", fontsize=10)
    return figure


def draw_date_errors(axes, method, true, predicted, total, colour):
    """One panel of `date_errors`. total: number of true changes."""
    month = np.arange(-WINDOW, WINDOW + 1)
    error = change_date_errors(true, predicted, window=WINDOW)
    share = (error[:, None] == month).sum(axis=0) / total
    near = share[np.abs(month) <= 1].sum()
    missed = 1 - len(error) / total
    false = (int(change_months(predicted).sum()) - len(error)) / len(true)
    axes.bar(month, share, 0.86, color=colour)
    axes.set_title(
        f"{method}: {near:.0%} within 1 month, {missed:.0%} missed,\n"
        f"{false:.2f} false changes per series",
        fontsize=9,
        loc="left",
    )
    axes.set_xticks(month[::2])
    open_axes(axes)


def disagreements(samples, rows, labels, count=6, seed=0):
    """Series on which the methods differ: the labels of each method as strips, the truth on top.

    rows: (n,) of the samples; labels: dict of method -> (n, T).
    """
    chosen = typical_disagreements(samples, rows, labels, count, seed)
    names = ["truth", *labels]
    columns = min(2, len(chosen))
    lines = -(-len(chosen) // columns)
    size = (12, 0.8 + lines * (0.75 + 0.2 * len(names)))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes, row in zip(panels.flat, chosen):
        strips = [samples.y[rows[row]], *(each[row] for each in labels.values())]
        draw_strips(
            axes,
            samples,
            rows[row],
            np.stack(strips),
        )
        axes.set_yticks(np.arange(len(names)), names, fontsize=8)
    hide_after(panels, len(chosen))
    legend = samples.legend
    colour_of = dict(zip(legend.names, legend.colours))
    keys = [Patch(color=colour, label=name) for name, colour in colour_of.items()]
    columns = min(len(keys), 6)
    figure.legend(
        handles=keys, loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
    title = "drawn from the tenth of the test series on which the methods differ most"
    figure.suptitle(title, fontsize=10)
    return figure


def typical_disagreements(samples, rows, labels, count, seed):
    """Draw `count` of the series on which the methods differ in many months: places in `rows`.

    Drawn at random from the tenth of the series that differ most, so that the figure shows what is
    typical there. The series come from different sites where possible.
    """
    stacked = np.stack(list(labels.values()))
    differ = (stacked != stacked[0]).any(axis=0).mean(axis=1)
    most = np.argsort(-differ, kind="stable")[: max(count, len(rows) // 10)]
    drawn = np.random.default_rng(seed).permutation(most)
    if samples.site is not None:  # the first of every site, then the others
        first = np.unique(samples.site[rows[drawn]], return_index=True)[1]
        drawn = np.concatenate([drawn[np.sort(first)], np.delete(drawn, first)])
    return np.sort(drawn[:count])


def draw_strips(axes, samples, row, strips):
    """Draw labels (methods, T) of one sample as coloured strips over its months."""
    count, steps = strips.shape
    colours = ListedColormap([UNLABELLED, *samples.legend.colours])
    limits = {"vmin": -0.5, "vmax": len(samples.legend) + 0.5}
    axes.imshow(
        strips + 1,
        aspect="auto",
        cmap=colours,
        interpolation="nearest",
        **limits,
    )
    between = np.arange(1, count) - 0.5
    axes.hlines(
        between,
        -0.5,
        steps - 0.5,
        color="white",
        linewidth=2,
    )
    axes.axhline(0.5, color="black", linewidth=1)
    months = samples.months_of(row)
    january = np.flatnonzero(months.astype(int) % 12 == 0)
    years = months[january].astype("datetime64[Y]").astype(str)
    axes.set_xticks(
        january - 0.5,
        years,
        fontsize=8,
        ha="left",
    )
    site = "" if samples.site is None else f", site {samples.site[row]}"
    axes.set_title(f"sample {samples.ids[row]}{site}", fontsize=9, loc="left")
    axes.tick_params(length=2)


def hide_after(panels, count):
    """Hide the panels that no method fills."""
    for axes in panels.flat[count:]:
        axes.set_visible(False)


def open_axes(axes):
    """Draw a light horizontal grid and no box."""
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
