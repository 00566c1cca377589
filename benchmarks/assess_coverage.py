"""Do the 95 % intervals of assess.py hold the truth? 1,000 samples of a made-up area.

    python benchmarks/assess_coverage.py    # writes assess_coverage.csv and img/assess_coverage.png

The area: 200,000 pixels of four classes over 36 months. About 8 % of them change once. The map
names 5 % of the land wrongly, misses some changes in the stable strata, dates changes some months
off, and finds some that did not happen. Each sample is allocated and estimated by the functions
that assess.py itself calls. The intervals of assess.py stand beside the normal ones, value +- 1.96
standard errors.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tqdm import tqdm

from assessing.accuracy import AREA, change_rows, scope_rows
from assessing.allocation import allocate, expected_spread
from assessing.dates import dates_of
from assessing.estimators import Sample
from assessing.report import date_rows
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser, whole_number

NAMES = ("woodland", "cropland", "bare soil", "built")
PIXELS, MONTHS = 200_000, 36
HECTARES = 0.01  # of a pixel
MINIMUM = 30  # points in each stratum
OURS, NORMAL = "intervals of assess.py", "value ± 1.96 standard errors"
HERE = Path(__file__).parent


def truth_and_map(rng):
    """Labels of every pixel, (N, T) int8 each: the truth, and a map with errors."""
    before = rng.choice(4, PIXELS, p=[0.55, 0.35, 0.05, 0.05])
    after = np.where(rng.random(PIXELS) < 0.7, 2, 3)
    changes = (rng.random(PIXELS) < 0.08) & (after != before)
    month = np.where(changes, rng.integers(6, MONTHS - 6, PIXELS), MONTHS)
    truth = labels_from(before, after, month)

    wrong = rng.random(PIXELS) < 0.05
    seen = np.where(wrong, rng.integers(0, 4, PIXELS), before)
    missed = changes & (rng.random(PIXELS) < 0.12)
    invented = ~changes & (rng.random(PIXELS) < 0.015)
    late = np.rint(rng.normal(0.6, 1.6, PIXELS)).astype(int)
    mapped_month = np.where(changes, (month + late).clip(1, MONTHS - 1), MONTHS)
    mapped_month = np.where(missed, MONTHS, mapped_month)
    mapped_month = np.where(invented, rng.integers(1, MONTHS, PIXELS), mapped_month)
    return truth, labels_from(seen, after, mapped_month)


def labels_from(before, after, month):
    """Labels (N, T) of pixels that are `before` until `month`."""
    steps = np.arange(MONTHS)
    return np.where(steps < month[:, None], before[:, None], after[:, None]).astype(np.int8)


def strata_of_map(mapped):
    """Stratum of every pixel, as design.py makes them: stable classes, change by type."""
    code = np.where(
        mapped[:, 0] == mapped[:, -1], mapped[:, -1], mapped[:, 0] * 4 + mapped[:, -1] + 4
    )
    codes, stratum, pixels = np.unique(code, return_inverse=True, return_counts=True)
    rare = (codes >= 4) & (pixels < 0.01 * PIXELS)  # rare kinds of change are taken together
    codes = np.where(rare, 99, codes)
    codes, again = np.unique(codes, return_inverse=True)
    return again[stratum], codes >= 4


def figures(sample, mapped, reference):
    """Every figure that is checked: kind, name, value, low, high, margin."""
    rows = scope_rows(sample, "all months", mapped, reference, NAMES)
    rows += scope_rows(sample, "last month", mapped[:, -1:], reference[:, -1:], NAMES)
    rows += [row for row in change_rows(sample, mapped, reference, NAMES) if wanted(row)]
    for row in rows:
        kind = "areas" if row.measure == AREA else "accuracies"
        scope = "" if row.name.startswith("change") or " to " in row.name else f", {row.scope}"
        name = " ".join([row.measure, row.name]).strip() + scope
        yield kind, name, row.value, row.low, row.high, row.margin
    for row in date_rows(sample, dates_of(mapped, reference)):
        yield "dates", row.name, row.value, row.low, row.high, row.margin


def wanted(row):
    """Of the transitions the three common ones; the others are too rare for a sample of 600."""
    return row.name in ("change", "change or not") or row.name in (
        "woodland to bare soil",
        "cropland to bare soil",
        "woodland to built",
    )


def coverage(points, samples, seed):
    """Share of the samples whose interval holds the truth: a table, one row a figure."""
    rng = np.random.default_rng(seed)
    truth, mapped = truth_and_map(rng)
    stratum, changed = strata_of_map(mapped)
    pixels = np.bincount(stratum)
    members = [np.flatnonzero(stratum == number) for number in range(len(pixels))]
    census = Sample(stratum, np.full(PIXELS, HECTARES), pixels, pixels * HECTARES)
    true = {name: value for _, name, value, *_ in figures(census, mapped, truth)}
    counts = allocate(points, pixels, expected_spread(changed), MINIMUM)
    results = {}
    for _ in tqdm(range(samples), desc=f"{points} points"):
        drawn = [rng.choice(m, k, replace=False) for m, k in zip(members, counts)]
        rows = np.concatenate(drawn)
        sample = Sample(stratum[rows], np.full(len(rows), HECTARES), pixels, census.hectares)
        for kind, name, value, low, high, margin in figures(sample, mapped[rows], truth[rows]):
            inside = low <= true[name] <= high, abs(value - true[name]) <= margin
            results.setdefault((kind, name), []).append((*inside, value))
    return table(results, true, points, samples)


def table(results, true, points, samples):
    """One row a figure: how often its intervals hold the truth, the truth, the mean estimate."""
    rows = []
    for (kind, name), found in results.items():
        held, normal, values = np.array(found, float).T
        # A sample without an estimate, as of a class that it never met, does not hold the truth.
        shares = held.sum() / samples, normal.sum() / samples
        rows.append((points, kind, name, *shares, true[name], np.nanmean(values)))
    columns = ["points", "kind", "figure", "held", "held_normal", "truth", "mean_estimate"]
    return pd.DataFrame(rows, columns=columns)


def draw(found):
    """A figure of the coverage of every estimate, in a panel for each kind."""
    kinds = list(dict.fromkeys(found.kind))
    heights = [(found.kind == kind).sum() + 1 for kind in kinds]
    figure = Figure(figsize=(9, 1.2 + 0.22 * sum(heights)), layout="constrained")
    grid = figure.subplots(len(kinds), 1, sharex=True, height_ratios=heights)
    for axes, kind in zip(grid, kinds):
        rows = found[found.kind == kind]
        places = np.arange(len(rows))[::-1]
        axes.axvspan(93, 97, color="#dfeee2", zorder=0)
        axes.axvline(95, color="#4c8f5b", lw=1)
        axes.plot(100 * rows.held_normal, places, "D", mfc="none", color="#999999", label=NORMAL)
        axes.plot(100 * rows.held, places, "o", color="#14532d", label=OURS)
        axes.set_yticks(places, rows.figure, fontsize=8)
        axes.set_ylim(-0.8, len(rows) - 0.2)
        axes.set_title(kind, loc="left", fontsize=10, fontweight="bold")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
    grid[-1].set_xlabel("samples whose 95 % interval holds the truth, %")
    handles, names = grid[0].get_legend_handles_labels()
    title = f"1,000 samples of {found.points.iloc[0]} points"
    figure.legend(handles, names, title=title, loc="outside upper right", ncols=2, frameon=False)
    return figure


def main(words=None):
    parser = Parser(__doc__)
    parser.add_argument("--samples", type=whole_number(at_least=10), default=1000)
    parser.add_argument(
        "--points", type=whole_number(at_least=250), nargs="+", default=[600, 300, 1200]
    )
    parser.add_argument("--seed", type=whole_number(at_least=0), default=1, help="of the area")
    args = parser.parse_args(words)
    tables = [coverage(points, args.samples, args.seed) for points in args.points]
    found = pd.concat(tables)
    with written_whole(HERE / "assess_coverage.csv") as part:
        found.round(4).to_csv(part, index=False)
    with written_whole(HERE.parent / "img" / "assess_coverage.png") as part:
        draw(tables[0]).savefig(part, dpi=110)
    for (points, kind), rows in found.groupby(["points", "kind"], sort=False):
        inside = rows.held.between(0.93, 0.97).sum()
        normal = rows.held_normal.between(0.93, 0.97).sum()
        print(
            f"{points} points, {kind}: {inside} of {len(rows)} figures within 93 to 97 %, "
            f"lowest {rows.held.min():.1%}, highest {rows.held.max():.1%} "
            f"(normal: {normal}, lowest {rows.held_normal.min():.1%})"
        )


if __name__ == "__main__":
    run_main(main)
