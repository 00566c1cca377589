"""Figures of a comparison: bars of scores, errors of change dates, series on which methods
disagree, the studies.

Every function returns a matplotlib Figure that belongs to no window; the caller saves it.
"""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from utils.changes import change_months
from utils.legend import SPARE_COLOURS
from utils.metrics import change_date_errors

WORDS = {
    "OA": "overall accuracy",
    "mIoU": "mean IoU",
    "sequence_accuracy": "sequence accuracy",
    "spatial_F1": "spatial F1\n(did it change?)",
    "temporal_F1": "temporal F1\n(which month?)",
    "temporal_change_F1": "temporal F1,\nchange alone",
}
STUDY_SCORES = ("mIoU", "sequence_accuracy", "temporal_F1")
AXES = {
    "bands": "bands used",
    "size": "training series",
    "class": "class against the rest",
    "gaps": "share of test months taken away",
}
MARKERS = "osD^vP*Xhd"
COLOURS = (
    *SPARE_COLOURS,
    "#777777",
    "#882255",
    "#999933",
    "#332288",
)  # the last three of Paul Tol's muted scheme
WINDOW = 6  # months around a true change within which a predicted one is its partner
UNLABELLED = "#f2f2f2"
DPI = 150


def colour_of(methods):
    """A colour for each method, the same in every figure of a comparison."""
    return {method: COLOURS[place % len(COLOURS)] for place, method in enumerate(methods)}


def score_bars(table):
    """Bars of the scores of every method, with its spread over seeds as a line. table: as
    `mean_and_spread` gives.
    """
    methods = list(table["method"])
    colours, width = colour_of(methods), 0.84 / len(methods)
    figure = Figure(figsize=(11, 4.4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for place, (_, row) in enumerate(table.iterrows()):
        x = np.arange(len(WORDS)) - 0.42 + width * (place + 0.5)
        value = [row[name] for name in WORDS]
        spread = [row.get(f"{name}_sd", np.nan) for name in WORDS]
        axes.bar(x, value, width * 0.94, color=colours[row["method"]], label=row["method"])
        if np.isfinite(spread).any():
            axes.errorbar(x, value, spread, fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5)
        if len(methods) <= 6:
            for at, each in zip(x, value):
                axes.text(
                    at,
                    each + 0.01,
                    f"{each:.2f}".lstrip("0"),
                    ha="center",
                    va="bottom",
                    fontsize=7,
                    rotation=90,
                )
    axes.set_xticks(np.arange(len(WORDS)), list(WORDS.values()))
    axes.set_ylim(0, 1.08)
    axes.set_ylabel("score on the test part")
    finish(axes)
    figure.legend(loc="outside upper center", ncols=min(len(methods), 6), frameon=False)
    return figure


def date_errors(true, labels):
    """Share of the true changes that each method dates so many months late or early, those it
    misses, and false ones.

    true: (N, T); labels: dict of method -> (N, T). A method that sees changes everywhere meets
    every true one by chance, so the number of changes without a partner stands beside.
    """
    colours = colour_of(labels)
    total = max(int(change_months(true).sum()), 1)
    month = np.arange(-WINDOW, WINDOW + 1)
    columns = min(3, len(labels))
    rows = -(-len(labels) // columns)
    figure = Figure(figsize=(11, 0.9 + 2.2 * rows), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (method, predicted) in zip(panels.flat, labels.items()):
        error = change_date_errors(true, predicted, window=WINDOW)
        share = (error[:, None] == month).sum(axis=0) / total
        axes.bar(month, share, 0.86, color=colours[method])
        missed, near = 1 - len(error) / total, share[WINDOW - 1 : WINDOW + 2].sum()
        false = (int(change_months(predicted).sum()) - len(error)) / len(true)
        axes.set_title(
            f"{method}: {near:.0%} within 1 month, {missed:.0%} missed,\n{false:.2f} false changes a series",
            fontsize=9,
            loc="left",
        )
        axes.set_xticks(month[::2])
        finish(axes)
    for axes in panels.flat[len(labels) :]:
        axes.set_visible(False)
    figure.supxlabel(
        "months by which the predicted change comes late (+) or early (−)\n"
        f"(labels as they come, no filter; missed: none within {WINDOW} months)",
        fontsize=10,
    )
    figure.supylabel(f"share of {total:,} true changes", fontsize=10)
    return figure


def disagreements(samples, rows, labels, count=6, seed=0):
    """Series on which the methods differ: the labels of each as strips, the truth on top.

    rows: (n,) of the samples; labels: dict of method -> (n, T). Drawn at random from the tenth of
    the series with most months on which not all methods agree, so that it shows what is typical
    there; of different sites where it can be.
    """
    stacked = np.stack(list(labels.values()))
    differ = (stacked != stacked[0]).any(axis=0).mean(axis=1)
    most = np.argsort(-differ, kind="stable")[: max(count, len(rows) // 10)]
    drawn = np.random.default_rng(seed).permutation(most)
    if samples.site is not None:  # the first of every site, then the others
        first = np.unique(samples.site[rows[drawn]], return_index=True)[1]
        drawn = np.concatenate([drawn[np.sort(first)], np.delete(drawn, first)])
    chosen = np.sort(drawn[:count])
    legend, names = samples.legend, ["truth", *labels]
    colours = ListedColormap([UNLABELLED, *legend.colours])
    columns = min(2, len(chosen))
    lines = -(-len(chosen) // columns)
    figure = Figure(
        figsize=(12, 0.8 + lines * (0.75 + 0.2 * len(names))), dpi=DPI, layout="constrained"
    )
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes, row in zip(panels.flat, chosen):
        strips = np.stack([samples.y[rows[row]], *(each[row] for each in labels.values())]) + 1
        axes.imshow(
            strips,
            aspect="auto",
            cmap=colours,
            vmin=-0.5,
            vmax=len(legend) + 0.5,
            interpolation="nearest",
        )
        axes.hlines(
            np.arange(1, len(names)) - 0.5, -0.5, strips.shape[1] - 0.5, color="white", linewidth=2
        )
        axes.axhline(0.5, color="black", linewidth=1)
        months = samples.months_of(rows[row])
        january = np.flatnonzero(months.astype(int) % 12 == 0)
        axes.set_xticks(
            january - 0.5,
            months[january].astype("datetime64[Y]").astype(str),
            fontsize=8,
            ha="left",
        )
        axes.set_yticks(np.arange(len(names)), names, fontsize=8)
        site = "" if samples.site is None else f", site {samples.site[rows[row]]}"
        axes.set_title(f"sample {samples.ids[rows[row]]}{site}", fontsize=9, loc="left")
        axes.tick_params(length=2)
    for axes in panels.flat[len(chosen) :]:
        axes.set_visible(False)
    keys = [Patch(color=colour, label=name) for name, colour in zip(legend.names, legend.colours)]
    figure.legend(
        handles=keys, loc="outside lower center", ncols=min(len(keys), 6), frameon=False, fontsize=9
    )
    figure.suptitle(
        "drawn from the tenth of the test series on which the methods differ most", fontsize=10
    )
    return figure


def study_lines(table, study):
    """Scores against what a study varies, a line a method, its spread over seeds as a band."""
    methods = list(dict.fromkeys(table["method"]))
    colours, values = colour_of(methods), list(dict.fromkeys(table[study]))
    numeric = study in ("size", "gaps")
    figure = Figure(figsize=(12, 4.2), dpi=DPI, layout="constrained")
    for axes, score in zip(figure.subplots(1, len(STUDY_SCORES)), STUDY_SCORES):
        for place, method in enumerate(methods):
            part = table[table["method"] == method]
            x = (
                part[study].to_numpy()
                if numeric
                else np.array([values.index(value) for value in part[study]])
            )
            y, spread = part[score].to_numpy(), part.get(f"{score}_sd")
            style = {
                "color": colours[method],
                "marker": MARKERS[place % len(MARKERS)],
                "markersize": 5,
            }
            axes.plot(x, y, label=method, linestyle="-" if numeric else "none", **style)
            if spread is not None and numeric:
                axes.fill_between(
                    x, y - spread, y + spread, color=colours[method], alpha=0.18, linewidth=0
                )
            elif spread is not None:
                axes.errorbar(x, y, spread, fmt="none", ecolor=colours[method], elinewidth=0.8)
        if study == "size":
            axes.set_xscale("log")
            axes.set_xticks(
                values, [f"{value:,}" for value in values], rotation=45, ha="right", fontsize=8
            )
            axes.minorticks_off()
        elif not numeric:
            axes.set_xticks(np.arange(len(values)), values, rotation=45, ha="right", fontsize=8)
            axes.set_xlim(-0.6, len(values) - 0.4)
        axes.set_title(WORDS[score].replace("\n", " "), fontsize=10)
        axes.set_xlabel(AXES[study])
        finish(axes)
    keys = axes.get_legend_handles_labels()
    figure.legend(*keys, loc="outside upper center", ncols=min(len(methods), 6), frameon=False)
    return figure


def transfer_squares(table, score="temporal_F1"):
    """Score for each group trained on (rows) and tested on (columns), a square a method."""
    methods, groups = (
        list(dict.fromkeys(table["method"])),
        sorted({*table["train"], *table["test"]}),
    )
    side = max(2.6, 0.42 * len(groups) + 1.0)
    columns = min(len(methods), 4)
    rows = -(-len(methods) // columns)
    figure = Figure(figsize=(side * columns + 1, side * rows + 0.4), dpi=DPI, layout="constrained")
    low, high = np.nanmin(table[score]), np.nanmax(table[score])
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, method in zip(panels.flat, methods):
        square = np.full((len(groups), len(groups)), np.nan)
        for _, row in table[table["method"] == method].iterrows():
            square[groups.index(row["train"]), groups.index(row["test"])] = row[score]
        image = axes.imshow(square, cmap="viridis", vmin=low, vmax=high)
        for (line, column), value in np.ndenumerate(square):
            if np.isfinite(value):
                dark = value < low + 0.55 * (high - low)
                axes.text(
                    column,
                    line,
                    f"{value:.2f}".lstrip("0"),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if dark else "black",
                )
        axes.set_xticks(
            np.arange(len(groups)),
            groups,
            fontsize=8,
            rotation=45 if len(str(groups[0])) > 4 else 0,
        )
        axes.set_yticks(np.arange(len(groups)), groups, fontsize=8)
        axes.set_title(f"{method}: mean {np.nanmean(square):.3f}", fontsize=9)
        axes.set_xlabel("tested on", fontsize=8)
        axes.set_ylabel("trained on", fontsize=8)
    for axes in panels.flat[len(methods) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=panels, label=WORDS[score].replace("\n", " "), shrink=0.8)
    return figure


def finish(axes):
    """Light horizontal grid, no box."""
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
