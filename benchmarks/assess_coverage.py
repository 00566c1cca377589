"""Do the 95 % intervals of assess.py hold the truth? 1,000 samples of each of three made-up areas.

    python benchmarks/assess_coverage.py    # writes assess_coverage.csv and img/assess_coverage.png

An area: 200,000 pixels of four classes over 36 months, some of which change once. The map names
some land wrongly, misses changes in the stable strata, dates changes some months off, and finds
changes that did not happen. Each sample is allocated and estimated by the functions that assess.py
itself calls. The intervals of assess.py stand beside the normal ones, value +- 1.96 standard
errors.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tqdm import tqdm

from assessing.accuracy import AREA, change_rows, scope_rows
from assessing.allocation import allocate, expected_spread
from assessing.dates import Dates, dates_of
from assessing.design import MINIMUM, RARE, merged
from assessing.estimators import Sample
from assessing.intervals import FEW
from assessing.report import date_rows
from assessing.strata import OTHER_CHANGE, Strata
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser, whole_number

NAMES = ("woodland", "cropland", "bare soil", "built")
CLASSES = len(NAMES)
PIXELS, MONTHS = 200_000, 36
HECTARES = 0.01  # of a pixel
SHOWN = ("value", "low", "high", "margin", "deciding")
COMMON = 3  # kinds of change that are checked: the others are too rare for a sample of 600
LOWEST, HIGHEST = 0.93, 0.97  # share of the samples that a 95 % interval should hold the truth in
METHODS = {"held": "intervals of assess.py", "held_normal": "value ± 1.96 standard errors"}
HERE = Path(__file__).parent


@dataclass(frozen=True)
class MadeUp:
    """An area and its map; all but `lag` are shares.

    before: of the classes at the start; built: of changed land that becomes built, the rest
    becomes bare soil; changed: of the land; wrong: of the land whose class the map guesses; missed:
    of the changes; invented: of the land without change; lag: mean and spread, in months.
    """

    before: tuple
    built: float
    changed: float
    wrong: float
    missed: float
    invented: float
    lag: tuple


AREAS = {
    "usual": MadeUp((0.55, 0.35, 0.05, 0.05), 0.3, 0.08, 0.05, 0.12, 0.015, (0.6, 1.6)),
    "rare change": MadeUp((0.80, 0.12, 0.03, 0.05), 0.4, 0.03, 0.04, 0.20, 0.005, (0.3, 1.2)),
    "poor map": MadeUp((0.25, 0.50, 0.15, 0.10), 0.5, 0.15, 0.15, 0.30, 0.040, (-0.5, 2.5)),
}


def truth_and_map(area, rng):
    """Labels of every pixel, (N, T) int8 each: the truth, and a map with errors."""

    def chance(share):
        return rng.random(PIXELS) < share

    before = rng.choice(CLASSES, PIXELS, p=area.before)
    after = np.where(chance(1 - area.built), 2, 3)
    changes = chance(area.changed) & (after != before)
    some_month = rng.integers(6, MONTHS - 6, PIXELS)
    month = np.where(changes, some_month, MONTHS)
    truth = labels_from(before, after, month)

    guessed = rng.integers(0, CLASSES, PIXELS)
    seen = np.where(chance(area.wrong), guessed, before)
    missed = changes & chance(area.missed)
    invented = ~changes & chance(area.invented)
    lag = np.rint(rng.normal(*area.lag, PIXELS)).astype(int)
    dated = (month + lag).clip(1, MONTHS - 1)
    mapped_month = np.where(changes & ~missed, dated, MONTHS)
    some_month = rng.integers(1, MONTHS, PIXELS)
    mapped_month = np.where(invented, some_month, mapped_month)
    return truth, labels_from(seen, after, mapped_month)


def labels_from(before, after, month):
    """Labels (N, T) of pixels that are `before` until `month`."""
    is_before = np.arange(MONTHS) < month[:, None]
    labels = np.where(is_before, before[:, None], after[:, None])
    return labels.astype(np.int8)


def strata_of_map(mapped, points):
    """Stratum of every pixel, as design.py makes them: stable classes, change by type.

    Returns the strata (N,) and which of them (H,) are strata of change.
    """
    first, last = mapped[:, 0].astype(int), mapped[:, -1].astype(int)
    code = np.where(first == last, last, CLASSES + CLASSES * first + last)
    codes, pixels = np.unique(code, return_counts=True)
    size = np.array([HECTARES])
    row = pixels[None]  # all pixels lie in one row
    every = Strata(None, codes, tuple(codes), row, size, codes >= CLASSES, 0.0)
    kept = merged(every, points, MINIMUM, RARE)
    code[np.isin(code, kept.merged)] = OTHER_CHANGE
    return np.searchsorted(kept.codes, code), kept.changed


def figures(sample, mapped, reference, dates):
    """Every figure of a report that can be checked: (kind, name) -> Row or DateFigure."""
    last = mapped[:, -1:], reference[:, -1:]
    rows = scope_rows(sample, "all months", mapped, reference, NAMES)
    rows += scope_rows(sample, "last month", *last, NAMES)
    rows += change_rows(sample, mapped, reference, NAMES)
    found = {}
    for row in rows:
        kind = "areas" if row.measure == AREA else "accuracies"
        name = f"{row.measure} {row.name}".strip()
        found[kind, f"{name}, {row.scope}"] = row
    for row in date_rows(sample, dates):
        found["dates", row.name] = row
    return found


def checked(true):
    """Keys of the figures that are checked: of the kinds of change only the common ones."""
    kinds = {key: row.value for key, row in true.items() if key[0] == "areas"}
    kinds = {name: area for (_, name), area in kinds.items() if " to " in name}
    common = sorted(kinds, key=kinds.get, reverse=True)[:COMMON]
    wanted = tuple(name.removeprefix(AREA) for name in common)
    return [(kind, name) for kind, name in true if " to " not in name or name.endswith(wanted)]


def coverage(name, points, samples, seed):
    """Share of the samples whose interval holds the truth: a table, one row a figure."""
    rng = np.random.default_rng(seed)
    truth, mapped = truth_and_map(AREAS[name], rng)
    stratum, changed = strata_of_map(mapped, points)
    pixels = np.bincount(stratum)
    hectares = pixels * HECTARES
    size = np.full(PIXELS, HECTARES)
    dates = dates_of(mapped, truth)
    census = Sample(stratum, size, pixels, hectares)
    true = figures(census, mapped, truth, dates)
    counts = allocate(points, pixels, expected_spread(changed), MINIMUM)
    members = [np.flatnonzero(stratum == number) for number in range(len(pixels))]
    results = {key: [] for key in checked(true)}
    for _ in tqdm(range(samples), desc=f"{name}, {points} points"):
        drawn = [rng.choice(own, count, replace=False) for own, count in zip(members, counts)]
        rows = np.concatenate(drawn)
        sample = Sample(stratum[rows], size[rows], pixels, hectares)
        drawn_dates = Dates(*(each[rows] for each in dates))
        found = figures(sample, mapped[rows], truth[rows], drawn_dates)
        for key, shown in results.items():
            # A sample without an estimate, as of a class that it never met, holds no truth.
            shown.append([getattr(found.get(key), name, np.nan) for name in SHOWN])
    rows = [row_of(key, shown, true[key].value) for key, shown in results.items()]
    table = pd.DataFrame(rows)
    table.insert(0, "area", name)
    table.insert(1, "points", points)
    return table


def row_of(key, shown, true):
    """A figure's row of the table; shown: what SHOWN names of each sample."""
    value, low, high, margin, deciding = np.transpose(shown)
    held = (low <= true) & (true <= high)
    normal = np.abs(value - true) <= margin
    return {
        "kind": key[0],
        "figure": key[1],
        "held": held.mean(),
        "held_normal": normal.mean(),
        "marked": np.mean(deciding < FEW),
        "truth": true,
        "mean_estimate": np.nanmean(value),
    }


def draw(found):
    """A figure of how often the intervals hold the truth: a mark for each estimate."""
    kinds = found.kind.unique()
    groups = found.groupby(["area", "points"], sort=False)
    figure = Figure(figsize=(10, 1.5 + 0.5 * len(groups)), layout="constrained")
    panels = figure.subplots(1, len(kinds), sharex=True, sharey=True)
    for axes, kind in zip(panels, kinds):
        axes.axvspan(100 * LOWEST, 100 * HIGHEST, color="#dfeee2", zorder=0)
        axes.axvline(95, color="#4c8f5b", lw=1)
        for place, (_, rows) in enumerate(groups):
            draw_row(axes, place, rows[rows.kind == kind])
        axes.set_title(kind, loc="left", fontsize=10, fontweight="bold")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
    names = [f"{area}, {points:,} points" for area, points in groups.groups]
    panels[0].set_yticks(range(len(groups)), names)
    panels[0].invert_yaxis()
    figure.supxlabel("samples whose 95 % interval holds the truth, %", fontsize=10)
    handles, names = panels[0].get_legend_handles_labels()
    handles, names = handles[: len(METHODS)], names[: len(METHODS)]
    figure.legend(handles, names, loc="outside upper right", ncols=2, frameon=False)
    return figure


def draw_row(axes, place, rows):
    """Marks of some figures side by side, those of assess.py above the normal ones."""
    looks = {"held": ("|", "#14532d", -0.17), "held_normal": ("|", "#c77c02", 0.17)}
    for method, (mark, colour, shift) in looks.items():
        heights = np.full(len(rows), place + shift)
        shown = 100 * rows[method]
        axes.plot(shown, heights, mark, color=colour, ms=9, alpha=0.7, label=METHODS[method])


def make_parser():
    parser = Parser(__doc__)
    flag = parser.add_argument
    flag("--samples", type=whole_number(at_least=10), default=1000, help="of each area and size")
    points = whole_number(at_least=250)
    flag("--points", type=points, nargs="+", default=[300, 600, 1200], help="of a sample")
    flag("--areas", nargs="+", choices=AREAS, default=list(AREAS), help="made-up areas")
    flag("--seed", type=whole_number(at_least=0), default=1, help="of the areas")
    return parser


def main(words=None):
    args = make_parser().parse_args(words)
    tables = [
        coverage(name, points, args.samples, args.seed)
        for name in args.areas
        for points in args.points
    ]
    found = pd.concat(tables)
    with written_whole(HERE / "assess_coverage.csv") as part:
        found.round(4).to_csv(part, index=False)
    with written_whole(HERE.parent / "img" / "assess_coverage.png") as part:
        draw(found).savefig(part, dpi=110)


if __name__ == "__main__":
    run_main(main)
