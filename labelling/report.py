"""report.md and its figures: what was taken, what was dropped and why, examples."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from labelling.choose import REASONS
from utils import plots
from utils.changes import transitions
from utils.files import written_whole

EXAMPLES = 6  # series drawn


def write_report(folder, samples, choice, found, candidates, products):
    """Write report.md, area.png and examples.png into `folder`."""
    folder = Path(folder)
    figures = {"area": area_figure(samples, candidates, choice)}
    for number, row in enumerate(example_rows(samples), 1):
        title = f"{samples.ids[row]}\nlabels from products and series; hatched: too little evidence"
        figures[f"example_{number}"] = plots.series_figure(
            samples.x[row],
            samples.months,
            samples.bands,
            samples.legend,
            predicted=samples.y[row],
            title=title,
        )
    for name, figure in figures.items():
        with written_whole(folder / f"{name}.png") as path:
            figure.savefig(path, dpi=110)
        plt.close(figure)
    text = report_text(samples, choice, found, candidates, products, list(figures))
    with written_whole(folder / "report.md") as path:
        path.write_text(text)


def report_text(samples, choice, found, candidates, products, figures):
    """The report as Markdown."""
    lines = ["# Samples from land cover products", ""]
    lines += [
        f"{len(samples):,} series, {samples.months[0]} to {samples.months[-1]}, "
        f"{len(np.unique(samples.site))} sites (blocks of the area).",
        "",
        "## Products",
        "",
        "| product | legend | month | agrees with the labels |",
        "|---|---|---|---|",
    ]
    at = found.labels[:, [each.month for each in products]]
    for number, product in enumerate(products):
        says = candidates.classes[:, number]
        known = (says >= 0) & (at[:, number] >= 0)
        agrees = (says == at[:, number])[known].mean() if known.any() else np.nan
        lines.append(
            f"| {product.year}: {Path(product.path).name} | {product.legend_name} "
            f"| {samples.months[product.month]} | {agrees:.1%} |"
        )
    lines += ["", trust_in_words(found), "", "## What was taken", ""]
    lines += series_table(candidates, choice)
    lines += ["", "## Labels", ""] + class_table(samples)
    lines += ["", "## Changes", ""] + transition_table(samples)
    lines += ["", *unlabelled_in_words(samples), ""]
    lines += [f"![{name}]({name}.png)" for name in figures]
    return "\n".join(lines) + "\n"


def trust_in_words(found):
    """How far the products are trusted."""
    middle, edge = found.trust
    return (
        f"The labels count a product as right with a probability of {middle:.2f} in the middle of "
        f"its class and {edge:.2f} where a neighbour has another class."
    )


def series_table(candidates, choice):
    """Rows of a table: pixels of the area, series read, series taken and dropped."""
    found = candidates.found.sum()
    lines = [
        "| series | number |",
        "|---|---|",
        f"| pixels of the area with a product class | {found + candidates.disagreed:,} |",
        f"| of these, products of one year disagree | {candidates.disagreed:,} |",
        f"| read | {len(candidates):,} |",
    ]
    count = np.bincount(choice.reason, minlength=len(REASONS))
    lines += [f"| {reason} | {number:,} |" for reason, number in zip(REASONS, count)]
    return lines


def class_table(samples):
    """Rows of a table: each class with its series, months and mean evidence."""
    lines = ["| class | series | months | mean evidence |", "|---|---|---|---|"]
    for number, name in enumerate(samples.legend.names):
        own = samples.y == number
        if not own.any():
            lines.append(f"| {name} | 0 | 0 | |")
            continue
        series = own.any(axis=1).sum()
        mean = samples.evidence[own].mean()
        lines.append(f"| {name} | {series:,} | {own.sum():,} | {mean:.2f} |")
    return lines


def transition_table(samples):
    """Rows of a table: each transition with its number, the rare ones marked."""
    found = transitions(samples.y)
    names = samples.legend.names
    codes = found.from_class.astype(int) * len(names) + found.to_class
    count = np.bincount(codes, minlength=len(names) ** 2)
    if not count.any():
        return [
            "No series changes. `run.py --augment flip,illumination,noise,gaps,crop,splice` makes "
            "changes up from two stable series."
        ]
    lines = ["| transition | changes | |", "|---|---|---|"]
    for code in np.argsort(-count, kind="stable")[: (count > 0).sum()]:
        rare = "rare: all that were found are here" if count[code] < 20 else ""
        before, after = divmod(int(code), len(names))
        lines.append(f"| {names[before]} -> {names[after]} | {count[code]:,} | {rare} |")
    return lines


def unlabelled_in_words(samples):
    """What has no label, with its share."""
    share = (samples.y < 0).mean()
    return [
        f"{share:.1%} of the months have no label: the evidence for one class was too low, or they "
        "lie before the first or after the last observation. Products say what lies there once a "
        "year. A state that begins and ends between two of them is here only where the network "
        "found it by itself."
    ]


def example_rows(samples):
    """Rows to draw: changed series of different transitions first, then stable ones."""
    found = transitions(samples.y)
    code = found.from_class.astype(int) * len(samples.legend) + found.to_class
    _, first = np.unique(code, return_index=True)
    changed = found.series[first].tolist()
    rows = list(dict.fromkeys(changed))[:EXAMPLES]  # each series once, in this order
    rest = np.setdiff1d(np.arange(len(samples)), rows)
    return rows + rest[: EXAMPLES - len(rows)].tolist()


def area_figure(samples, candidates, choice):
    """Where the samples lie, coloured by their class (stable) or black (changed)."""
    figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
    row, column = candidates.row[choice.rows], candidates.column[choice.rows]
    changed = np.isin(np.arange(len(samples)), transitions(samples.y).series)
    last = np.where(samples.y >= 0, samples.y, -1).max(axis=1)
    for number, (name, colour) in enumerate(zip(samples.legend.names, samples.legend.colours)):
        some = ~changed & (last == number)
        if some.any():
            axes.scatter(column[some], row[some], s=6, color=colour, label=f"{name}, stable")
    if changed.any():
        axes.scatter(column[changed], row[changed], s=6, color="black", marker="x", label="changes")
    axes.invert_yaxis()
    axes.set(xlabel="column (pixels)", ylabel="row (pixels)", aspect="equal")
    axes.set_title(f"{len(samples):,} samples")
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure
