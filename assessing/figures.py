"""The figure of a report: what the map claims beside what the sample says."""

import numpy as np
from matplotlib.figure import Figure

ESTIMATED, MAPPED = "#202020", "#c2007a"
MOST = 12  # transitions; the largest are shown


def area_figure(areas, design):
    """Mapped and estimated areas with 95 % intervals: classes in the last month, change at all,
    and transitions.

    areas: list of `report.Area`. Returns a matplotlib Figure.
    """
    last = str(design.months[-1])
    classes = [area for area in areas if area.scope == last and shown(area)]
    changes = [area for area in areas if area.scope == "change" and shown(area)]
    total = [area for area in changes if area.name == "change"]
    kinds = [area for area in changes if area.name != "change"]
    kinds = sorted(kinds, key=lambda area: -area.estimated)[:MOST]
    panels = [
        (f"Classes, {last}", classes),
        ("Land that changes at all, all months", total),
        ("Transitions, all months", kinds),
    ]
    panels = [(title, rows) for title, rows in panels if rows]
    heights = [len(rows) + 0.6 for _, rows in panels]
    figure = Figure(figsize=(9, 1.5 + 0.36 * sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for axes, (title, rows) in zip(grid[:, 0], panels):
        draw_panel(axes, title, rows, dict(zip(design.classes, design.colours)))
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=2, frameon=False)
    return figure


def shown(area):
    """Does an area have anything to show?"""
    return area.estimated > 0 or area.mapped > 0


def draw_panel(axes, title, rows, colours):
    """One line for each area: its interval, its estimate, and what the map says."""
    places = np.arange(len(rows))[::-1]
    low, middle, high = (
        np.array([getattr(r, k) for r in rows]) for k in ("low", "estimated", "high")
    )
    for place, row in zip(places, rows):
        axes.axhline(place, color=colours.get(row.name, "#bbbbbb"), lw=9, alpha=0.25, zorder=0)
    axes.errorbar(
        middle,
        places,
        xerr=np.nan_to_num(np.maximum([middle - low, high - middle], 0)),
        fmt="o",
        color=ESTIMATED,
        capsize=4,
        label="estimated, with its 95 % interval",
    )
    axes.plot(
        [row.mapped for row in rows],
        places,
        "D",
        color=MAPPED,
        markerfacecolor="white",
        markeredgewidth=1.8,
        label="mapped: pixels counted",
    )
    axes.set_yticks(places, [row.name for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlim(left=0)
    axes.set_xlabel("hectares")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
