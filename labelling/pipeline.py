"""All of label.py in order: products, candidates, their series, the months, the samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pyproj import Transformer

from data_loader import Samples, save_samples
from labelling.candidates import find_candidates, read_pixels
from labelling.choose import REASONS, choose
from labelling.dating import STEPS, find_months
from labelling.report import write_report
from stacks.absent import FEWEST as FEWEST_BANDS
from stacks.absent import with_absent
from stacks.product_legends import common_legend, read_classes
from stacks.products import find_products, with_lookup
from stacks.source import MissingBands
from stacks.stack import open_stack
from utils.bands import BANDS, NO_OBSERVATION, SHORTEST
from utils.changes import change_months
from utils.errors import InputError, note
from utils.files import claimed

BLOCKS = 8  # sites on each side of the area
POOL = 1.25  # series read for each sample wanted: some are dropped
FEWEST = 20  # samples; with fewer no network can be trained


@dataclass(frozen=True)
class Labelled:
    """samples: what was written; report: its folder."""

    samples: Samples
    report: Path


def label_stack(
    stack,
    products,
    out,
    *,
    legend=None,
    classes=None,
    samples=10_000,
    steps=STEPS,
    product_month=7,
    seed=0,
    **stack_options,
):
    """Turn a stack and land cover products into labelled samples, and write them to `out`.

    stack: path; products: [(year, path), ...]; out: .npz, and a folder of the same name with the
    report. legend: name of a known legend for all products; classes: a table value,class instead.
    samples: the most to take. steps: batches of the training of a network.
    product_month: the month of its year that a product speaks of. stack_options: those of
    `open_stack`. Returns Labelled. Raises InputError.
    """
    out = Path(out)
    if out.suffix != ".npz":
        raise InputError(f"--out {out}: found '{out.suffix}', expected a name that ends in .npz")
    opened = open_with_bands_there(stack, **stack_options)
    if len(opened.months) < SHORTEST:
        raise InputError(
            f"{stack}: {len(opened.months)} months found; expected at least {SHORTEST}"
        )
    for text in opened.notes:
        note(text)
    given = read_classes(classes) if classes else legend
    looked_at = find_products(products, opened, legend=given, month_of_year=product_month)
    names = common_legend([known for _, known in looked_at])
    looked_at = [with_lookup(product, known, names) for product, known in looked_at]
    with claimed(out.with_suffix("")) as folder:
        return label_in_folder(folder, out, opened, looked_at, names, samples, steps, seed)


def open_with_bands_there(path, **options):
    """Open a stack with all ten bands, or with those of them that it has."""
    try:
        return open_stack(path, bands=BANDS, **options)
    except MissingBands as error:
        if len(error.there) < FEWEST_BANDS:
            raise
        return open_stack(path, bands=error.there, **options)


def label_in_folder(folder, out, stack, products, legend, most, steps, seed):
    """What label_stack does once its input is known to be good."""
    candidates = find_candidates(products, stack, len(legend), int(most * POOL), seed=seed)
    check_candidates(candidates, products, legend)
    agreed = candidates.found.sum()
    print(f"{agreed:,} pixels with a product class, {len(candidates):,} series read")
    if candidates.disagreed > agreed:
        note(
            f"products of one year disagree on {candidates.disagreed:,} other pixels, which are "
            "most: is one of the products shifted, or its legend another one?"
        )
    x = read_pixels(stack, candidates.row, candidates.column).astype(np.float32)
    x[x == NO_OBSERVATION] = np.nan
    check_observed(x, stack)
    months = np.array([each.month for each in products])
    found = find_months(
        x,
        candidates.classes,
        candidates.edge,
        months,
        stack.bands,
        legend,
        steps=steps,
        seed=seed,
    )
    observed = np.isfinite(x).all(axis=1)
    choice = choose(found.labels, found.evidence, observed, len(legend), most, seed=seed)
    check_choice(choice, stack)
    evidence = np.where(choice.labels >= 0, found.evidence, 0)[choice.rows].astype(np.float32)
    taken = samples_of(x, choice, evidence, candidates, stack, legend)
    write_report(folder, taken, choice, found, candidates, products)
    save_samples(out, taken)
    changed = change_months(taken.y).any(axis=1).sum()
    print(f"{out}: {len(taken):,} samples, {changed:,} of them change; look at {folder}/report.md")
    return Labelled(taken, folder)


def check_candidates(candidates, products, legend):
    """Raise InputError where there is nothing to learn from."""
    paths = ", ".join(each.name for each in products)
    if len(candidates) < FEWEST:
        raise InputError(
            f"--product {paths}: {len(candidates)} pixels with a class that the products agree on; "
            f"expected at least {FEWEST}"
        )
    there = np.unique(candidates.classes[candidates.classes >= 0])
    if len(there) < 2:
        raise InputError(
            f"--product {paths}: all pixels are {legend.names[there[0]]}; expected two classes"
        )


def check_observed(x, stack):
    """Raise InputError where too few of the series x (N, C, T) were ever observed."""
    seen = np.isfinite(x).any(axis=(1, 2)).sum()
    if seen < FEWEST:
        raise InputError(
            f"{stack.path}: {seen} of {len(x)} series with an observation where the products have "
            f"a class; expected at least {FEWEST}"
        )


def check_choice(choice, stack):
    """Raise InputError where too few series could be labelled, with what the others lack."""
    if len(choice.rows) >= FEWEST:
        return
    count = np.bincount(choice.reason, minlength=len(REASONS))
    lacking = [f"{n:,}: {why}" for n, why in zip(count[1:], REASONS[1:]) if n]
    raise InputError(
        f"{stack.path}: {count[0]} series could be labelled ({'; '.join(lacking)}); "
        f"expected at least {FEWEST}"
    )


def samples_of(x, choice, evidence, candidates, stack, legend):
    """Samples of the chosen series: sites are blocks of the area, ids say row and column.

    They have all ten bands. Those that the stack lacks are not observed.
    """
    row, column = candidates.row[choice.rows], candidates.column[choice.rows]
    height, width = stack.geobox.shape
    block = max(1, -(-max(height, width) // BLOCKS))
    site = [f"block_{r:02d}_{c:02d}" for r, c in zip(row // block, column // block)]
    across, down = stack.geobox.transform @ (column + 0.5, row + 0.5)
    to_degrees = Transformer.from_crs(stack.geobox.crs.to_wkt(), "EPSG:4326", always_xy=True)
    series = with_absent(x[choice.rows], stack.bands, BANDS)
    series[series == NO_OBSERVATION] = np.nan
    return Samples(
        series,
        choice.labels[choice.rows],
        stack.months,
        BANDS,
        legend,
        np.array([f"row_{r}_column_{c}" for r, c in zip(row, column)]),
        np.column_stack(to_degrees.transform(across, down)),
        np.array(site),
        evidence,
    )
