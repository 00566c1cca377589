"""Figures of a finished map: map.png shows it at a glance, classes.png and transitions.png its
summary.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mapping.products import LABELLED, NO_CHANGE_COLOUR, REASONS, date_colours, from_to, yyyymm
from stacks.lonlat import ground_step

LARGEST = 800  # pixels of a map's longer side in the figure; larger ones are thinned
LISTED = 8  # transitions that a legend names, the largest ones; the rest share one colour
REST, REST_COLOUR = "other transitions", "#7a7a7a"


class Kind(NamedTuple):
    """A transition, or all that share a colour: codes of from_to.tif; month -> hectares."""

    codes: list
    text: str
    colour: str
    dates: dict


def draw_figures(rasters, folder, products, rows):
    """Draw the three figures of the map in the folder `rasters` into `folder`; rows:
    `mapping.summary.summary`.
    """
    rasters, folder = Path(rasters), Path(folder)
    transitions = largest_transitions(rows, products)
    months = products["labels"].bands
    figures = {
        "map": draw_map(rasters, products, transitions),
        "classes": draw_classes(rows, months, products["labels"]),
        "transitions": draw_transitions(months, transitions),
    }
    for name, figure in figures.items():
        # "tight" cuts no legend
        figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight", pad_inches=0.2)


def largest_transitions(rows, products, listed=LISTED):
    """Transitions by area, the largest first: a list of Kind, the last one the rest."""
    by_kind = hectares_by_kind(rows, products["labels"].names)
    total = {code: sum(dates.values()) for code, dates in by_kind.items()}
    order = sorted(by_kind, key=lambda code: (-total[code], code))
    names = products["labels"].names
    colours = products["from_to"].colours
    found = []
    for code in order[:listed]:
        before, after = divmod(code, 100)
        text = f"{names[before - 1]} \N{RIGHTWARDS ARROW} {names[after - 1]}"
        found.append(Kind([code], text, colours[code], by_kind[code]))
    rest = {}
    for code in order[listed:]:
        for month, hectares in by_kind[code].items():
            rest[month] = rest.get(month, 0) + hectares
    return [*found, Kind(order[listed:], REST, REST_COLOUR, rest)] if rest else found


def hectares_by_kind(rows, names):
    """Code of from_to.tif -> month -> hectares; names: class -> name."""
    class_of = {name: k for k, name in names.items()}
    by_kind = {}
    for row in rows:
        if row.kind == "transition":
            code = from_to(class_of[row.from_class], class_of[row.to_class])
            dates = by_kind.setdefault(code, {})
            dates[row.month] = dates.get(row.month, 0) + float(row.hectares)
    return by_kind


# ---------------------------------------------------------------- map.png


def draw_map(folder, products, transitions):
    """Draw four panels: land cover first and last, when it changed, and from what to what."""
    months, legend = products["labels"].bands, products["labels"]
    first = thinned(folder / "labels.tif", 1)
    last = thinned(folder / "labels.tif", len(months))
    dates = thinned(folder / "last_change.tif")
    kinds = thinned(folder / "from_to.tif")
    reason = thinned(folder / "reason.tif")
    early_to_late = date_colours(len(months))
    colour_of_date = {yyyymm(month): early_to_late(i) for i, month in enumerate(months)}
    colour_of_kind = {code: kind.colour for kind in transitions for code in kind.codes}
    unchanged = {0: NO_CHANGE_COLOUR}
    panels = (
        (first, legend.colours, f"Land cover in the first month, {months[0]}"),
        (last, legend.colours, f"Land cover in the last month, {months[-1]}"),
        (dates, colour_of_date | unchanged, "When: month of the last change"),
        (kinds, colour_of_kind | unchanged, "What: the last change"),
    )
    figure, axes = draw_panels(panels, pixel_aspect(folder / "labels.tif"))
    scale_bar(axes[0], folder / "labels.tif", reason.shape)
    no_label, no_change = [], [Patch(facecolor=NO_CHANGE_COLOUR, label="no change")]
    if (reason > 0).any():
        no_label = [Patch(facecolor="white", edgecolor="0.6", label="no label")]
    shown = set(np.unique(first)) | set(np.unique(last))
    present = {name: legend.colours[i] for i, name in legend.names.items() if i in shown}
    key(axes[1], [*patches(present), *no_label])
    date_bar(figure, axes[2], months)
    axes[2].legend(
        handles=[*no_change, *no_label],
        loc="upper left",
        bbox_to_anchor=(-0.01, 0),
        ncols=2,
        frameon=False,
        fontsize=11,
    )
    kinds_shown = {kind.text: kind.colour for kind in transitions}
    key(axes[3], [*patches(kinds_shown), *no_change, *no_label])
    figure.supxlabel(why_unlabelled(reason), fontsize=10, x=0.01, ha="left")
    return figure


def draw_panels(panels, aspect):
    """A figure of four panels (values, colour of each value, title); returns (figure, axes)."""
    rows, columns = panels[0][0].shape
    height = 4.4 * min(max(rows * aspect / columns, 0.3), 1.8)  # inches, if 4.4 wide
    figure = Figure(figsize=(13, 2 * height + 2), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    for axis, (values, colours, title) in zip(axes, panels):
        axis.imshow(paint(values, colours), interpolation="nearest", aspect=aspect)
        axis.set_title(title, loc="left", fontsize=12)
        axis.set(xticks=[], yticks=[])
    return figure, axes


def patches(colours):
    """Entries of a key: a patch for each name -> colour."""
    return [Patch(facecolor=colour, label=name) for name, colour in colours.items()]


def thinned(path, band=1):
    """One band of a raster, thinned so that its longer side has at most LARGEST pixels."""
    with rasterio.open(path) as raster:
        factor = max(1, max(raster.shape) / LARGEST)
        return raster.read(
            band, out_shape=tuple(max(1, round(size / factor)) for size in raster.shape)
        )


def paint(values, colours):
    """Picture (y, x, 3) of codes; codes without a colour are white."""
    codes, places = np.unique(values, return_inverse=True)
    palette = np.array([to_rgb(colours.get(int(code), "white")) for code in codes])
    return palette[places.reshape(values.shape)]


def key(axis, patches):
    """Legend at the right of a panel."""
    axis.legend(
        handles=patches, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=11
    )


def date_bar(figure, axis, months):
    """Colour bar of the change months, about eight of them named."""
    scale = ScalarMappable(Normalize(-0.5, len(months) - 0.5), date_colours(len(months)))
    bar = figure.colorbar(scale, ax=axis, shrink=0.9)
    places, names = named_months(months, 10)
    bar.set_ticks(places, labels=names)


def named_months(months, most):
    """Places and names of at most `most` months for an axis, spread evenly and Januaries among
    them.
    """
    few_enough = (step for step in (1, 2, 3, 4, 6) if len(months) <= step * most)
    step = next(few_enough, 12)
    since_january = [int(month[-2:]) - 1 for month in months]
    chosen = [i for i, number in enumerate(since_january) if number % step == 0]
    return chosen, [months[i] for i in chosen]


def why_unlabelled(reason):
    """One line: which share of the area has no label, and why."""
    words = []
    for code, text in enumerate(REASONS):
        share = (reason == code).mean()
        if code != LABELLED and share > 0:
            words.append(f"{text} {share:.1%}")
    if not words:
        return "Every pixel has a label."
    return "No label (white): " + ", ".join(words)


def pixel_aspect(path):
    """Height of a pixel on the ground over its width."""
    with rasterio.open(path) as raster:
        right, down = ground_step(raster.transform, raster.crs.to_wkt(), raster.shape)
    return down / right


def scale_bar(axis, path, shown):
    """A bar of a round length, about a quarter of the picture."""
    with rasterio.open(path) as raster:
        shape = raster.shape
        right, _ = ground_step(raster.transform, raster.crs.to_wkt(), shape)
    metres = max(1, right * shape[1] / 4)
    round_lengths = [n * 10**power for power in range(7) for n in (1, 2, 5)]
    length = max(each for each in round_lengths if each <= metres)
    pixels = length / right * shown[1] / shape[1]
    axis.plot(
        [0, pixels],
        [-0.03, -0.03],
        color="black",
        linewidth=3,
        transform=axis.get_xaxis_transform(),
        clip_on=False,
        solid_capstyle="butt",
    )
    axis.text(
        pixels,
        -0.03,
        f"  {length} m" if length < 1000 else f"  {length // 1000} km",
        va="center",
        fontsize=10,
        transform=axis.get_xaxis_transform(),
    )
    axis.set_xlim(-0.5, shown[1] - 0.5)


# ---------------------------------------------------------------- classes.png, transitions.png


def draw_classes(rows, months, legend):
    """Hectares of each class in each month, stacked."""
    hectares = {name: np.zeros(len(months)) for name in legend.names.values()}
    for row in rows:
        if row.kind == "class" and row.class_name in hectares:
            hectares[row.class_name][months.index(row.month)] = float(row.hectares)
    shown = [i for i, name in legend.names.items() if hectares[name].any()]
    figure = Figure(figsize=(11, 5), layout="constrained")
    axis = figure.subplots()
    bottom = np.zeros(len(months))
    for i in shown:
        bottom = stack_bars(
            axis, bottom, hectares[legend.names[i]], legend.colours[i], legend.names[i]
        )
    axis.set_title("Area of each land cover class, month by month", loc="left")
    finish_months(axis, months)
    return figure


def stack_bars(axis, bottom, height, colour, text):
    """A bar for each month upon what is there: one value a month, nothing slopes in between.
    Returns the new top.
    """
    axis.stairs(
        bottom + height,
        np.arange(len(height) + 1) - 0.5,
        baseline=bottom,
        fill=True,
        color=colour,
        label=text,
    )
    return bottom + height


def draw_transitions(months, transitions):
    """Hectares that changed in each month, stacked by transition."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    axis = figure.subplots()
    bottom = np.zeros(len(months))
    for kind in transitions:
        height = np.array([kind.dates.get(month, 0) for month in months])
        text = f"{kind.text}, {height.sum():,.4g} ha"
        bottom = stack_bars(axis, bottom, height, kind.colour, text)
    axis.set_title(
        "Area that changed class, by first month of the new class"
        if transitions
        else "No pixel changed class",
        loc="left",
    )
    finish_months(axis, months)
    return figure


def finish_months(axis, months):
    """Month names below, hectares at the left, legend at the right."""
    places, names = named_months(months, 18)
    axis.set_xticks(places, labels=names, rotation=45, ha="right")
    axis.set(ylabel="hectares", xlim=(-0.5, len(months) - 0.5))
    axis.spines[["top", "right"]].set_visible(False)
    if axis.get_legend_handles_labels()[0]:
        handles, labels = axis.get_legend_handles_labels()
        axis.legend(
            handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
        )
