"""Figures of a finished map: map.png shows it at a glance, classes.png and transitions.png its
summary.
"""

from pathlib import Path

import numpy as np
import rasterio
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pyproj import Geod, Transformer

from mapping.products import NO_CHANGE_COLOUR, REASONS, date_colours, yyyymm

LARGEST = 800  # pixels of a map's longer side in the figure; larger ones are thinned
LISTED = 8  # transitions that a legend names, the largest ones; the rest share one colour
REST, REST_COLOUR = "other transitions", "#7a7a7a"


def draw_figures(rasters, folder, products, rows):
    """Draw the three figures of the map in the folder `rasters` into `folder`; rows:
    `mapping.mosaic.summary`.
    """
    rasters, folder = Path(rasters), Path(folder)
    transitions = largest_transitions([row for row in rows if row[0] == "transition"], products)
    months = products["labels"].bands
    figures = {
        "map": draw_map(rasters, products, transitions),
        "classes": draw_classes(
            [row for row in rows if row[0] == "class"], months, products["labels"]
        ),
        "transitions": draw_transitions(months, transitions),
    }
    for name, figure in figures.items():
        figure.savefig(
            folder / f"{name}.png", dpi=110, bbox_inches="tight", pad_inches=0.2
        )  # cuts no legend


def largest_transitions(rows, products):
    """Transitions by area, largest first: list of (codes, text, colour, {month: hectares}), the
    last one the rest.
    """
    by_kind = {}
    for _, month, _, from_class, to_class, _, hectares in rows:
        dates = by_kind.setdefault(f"{from_class} to {to_class}", {})
        dates[month] = dates.get(month, 0) + float(hectares)
    code_of = {text: code for code, text in products["from_to"].names.items()}
    order = sorted(by_kind, key=lambda kind: (-sum(by_kind[kind].values()), kind))
    chosen = [
        (
            [code_of[kind]],
            kind.replace(" to ", " \N{RIGHTWARDS ARROW} "),
            products["from_to"].colours[code_of[kind]],
            by_kind[kind],
        )
        for kind in order[:LISTED]
    ]
    rest = {}
    for kind in order[LISTED:]:
        for month, hectares in by_kind[kind].items():
            rest[month] = rest.get(month, 0) + hectares
    return chosen + (
        [([code_of[kind] for kind in order[LISTED:]], REST, REST_COLOUR, rest)] if rest else []
    )


# ---------------------------------------------------------------- map.png


def draw_map(folder, products, transitions):
    """Four panels: land cover in the first and in the last month, when it changed, and from what to
    what.
    """
    months, legend = products["labels"].bands, products["labels"]
    first, last = (thinned(folder / "labels.tif", band) for band in (1, len(months)))
    dates, kinds, reason = (
        thinned(folder / f"{name}.tif") for name in ("last_change", "from_to", "reason")
    )
    colour_of_date = {yyyymm(month): date_colours(len(months))(i) for i, month in enumerate(months)}
    colour_of_kind = {code: colour for codes, _, colour, _ in transitions for code in codes}
    unchanged = {0: NO_CHANGE_COLOUR}
    panels = (
        (first, legend.colours, f"Land cover in the first month, {months[0]}"),
        (last, legend.colours, f"Land cover in the last month, {months[-1]}"),
        (dates, colour_of_date | unchanged, "When: month of the last change"),
        (kinds, colour_of_kind | unchanged, "What: the last change"),
    )
    aspect = pixel_aspect(folder / "labels.tif")
    panel = 4.4 * min(
        max(reason.shape[0] * aspect / reason.shape[1], 0.3), 1.8
    )  # inches high, if 4.4 wide
    figure = Figure(figsize=(13, 2 * panel + 2), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    for axis, (values, colours, title) in zip(axes, panels):
        axis.imshow(paint(values, colours), interpolation="nearest", aspect=aspect)
        axis.set_title(title, loc="left", fontsize=12)
        axis.set(xticks=[], yticks=[])
    scale_bar(axes[0], folder / "labels.tif", reason.shape)
    no_label = (
        [Patch(facecolor="white", edgecolor="0.6", label="no label")] if (reason > 0).any() else []
    )
    no_change = Patch(facecolor=NO_CHANGE_COLOUR, label="no change")
    key(
        axes[1],
        [
            Patch(facecolor=legend.colours[i], label=name)
            for i, name in legend.names.items()
            if (first == i).any() or (last == i).any()
        ]
        + no_label,
    )
    date_bar(figure, axes[2], months)
    axes[2].legend(
        handles=[no_change, *no_label],
        loc="upper left",
        bbox_to_anchor=(-0.01, 0),
        ncols=2,
        frameon=False,
        fontsize=11,
    )
    key(
        axes[3],
        [Patch(facecolor=colour, label=text) for _, text, colour, _ in transitions]
        + [no_change]
        + no_label,
    )
    figure.supxlabel(why_unlabelled(reason), fontsize=10, x=0.01, ha="left")
    return figure


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
    step = next((step for step in (1, 2, 3, 4, 6) if len(months) <= step * most), 12)
    chosen = [i for i, month in enumerate(months) if (int(month[-2:]) - 1) % step == 0]
    return chosen, [months[i] for i in chosen]


def why_unlabelled(reason):
    """One line: which share of the area has no label, and why."""
    shares = [(text, (reason == code).mean()) for code, text in enumerate(REASONS) if code]
    shares = [f"{text} {share:.1%}" for text, share in shares if share]
    return "No label (white): " + ", ".join(shares) if shares else "Every pixel has a label."


def ground_step(path):
    """Ground distance in metres of one pixel to the right and one down, in the middle of a
    raster.
    """
    with rasterio.open(path) as raster:
        to_lonlat = Transformer.from_crs(raster.crs.to_wkt(), "EPSG:4326", always_xy=True)
        row, column = raster.height / 2, raster.width / 2
        lonlat = [
            to_lonlat.transform(*(raster.transform @ (column + right, row + down)))
            for right, down in ((0, 0), (1, 0), (0, 1))
        ]
    geod = Geod(ellps="WGS84")
    return [geod.inv(*lonlat[0], *other)[2] for other in lonlat[1:]], raster.shape


def pixel_aspect(path):
    """Height of a pixel on the ground over its width."""
    (right, down), _ = ground_step(path)
    return down / right


def scale_bar(axis, path, shown):
    """A bar of a round length, about a quarter of the picture."""
    (right, _), shape = ground_step(path)
    metres = right * shape[1] / 4
    length = max(
        round_length
        for power in range(7)
        for n in (1, 2, 5)
        if (round_length := n * 10**power) <= max(1, metres)
    )
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
    for _, month, name, _, _, _, area in rows:
        if name in hectares:
            hectares[name][months.index(month)] = float(area)
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
    for _, text, colour, dates in transitions:
        height = np.array([dates.get(month, 0) for month in months])
        bottom = stack_bars(axis, bottom, height, colour, f"{text}, {height.sum():,.4g} ha")
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
