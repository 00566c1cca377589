"""Figures of a training and its test: scores over the epochs, confusion and transition matrices.

As in utils/plots.py, every function returns a matplotlib Figure that the caller saves.
"""

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from utils.plots_shared import GRID, SMALL, TINY, shorten


def history_figure(history, best_epoch=None):
    """Return a figure of losses, validation scores and learning rate over the epochs.

    best_epoch is marked. history: DataFrame with epoch, train_loss, validation_loss, OA,
    spatial_F1, temporal_F1, score, learning_rate.
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
    """Return a figure of months by true class (rows) and predicted class (columns).

    confusion: (K, K) counts. Each cell shows its count and its share of the row.
    """
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    texts = np.full(confusion.shape, "", object)
    for cell in np.ndindex(confusion.shape):
        texts[cell] = f"{confusion[cell]:,}\n{100 * share[cell]:.1f} %"
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
    """Return a figure of changes by from-class (rows) and to-class (columns).

    true, predicted: (K, K) counts, drawn side by side with one scale of colours.
    """
    size = 2.6 + 0.7 * len(legend)
    figure = Figure(figsize=(2 * size, size), dpi=110, layout="compressed")
    norm = PowerNorm(0.5, 0, max(true.max(), predicted.max(), 1))
    for axes, counts, name in zip(figure.subplots(1, 2), (true, predicted), ("true", "predicted")):
        texts = np.full(counts.shape, "", object)
        for cell in zip(*np.nonzero(counts)):
            texts[cell] = f"{counts[cell]:,}"
        _draw_matrix(axes, counts, texts, legend, norm)
        axes.set(xlabel="to", ylabel="from", title=f"{name} changes: {counts.sum():,}")
    return figure


def _draw_matrix(axes, values, texts, legend, norm):
    """Draw a matrix in blues, with a text in each cell and the class names at its sides."""
    axes.imshow(values, cmap="Blues", norm=norm)
    names = [shorten(name).replace(" ", "\n", 1) for name in legend.names]
    axes.set_xticks(
        range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=SMALL
    )
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    style = {"ha": "center", "va": "center", "fontsize": TINY}
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            colour = "white" if norm(values[row, column]) > 0.6 else "black"
            axes.text(column, row, text, color=colour, **style)
