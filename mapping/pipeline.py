"""A stack and weights -> the finished map: plan, label what is missing, assemble, publish."""

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

import models
from mapping.evidence import find_evidence
from mapping.finishing import draw_up
from mapping.thinned import CURVES, create_store, save_shown, thinning_of
from mapping.unfinished import (
    begin,
    begun_with,
    check_space,
    fingerprint,
    part_path,
    save_part,
)
from mapping.windows import Job, check_network, digest_of, label_window, window_size, windows_of
from models.label import WORTH_MEASURING
from stacks.absent import open_for, with_absent
from utils.errors import InputError
from utils.files import claimed
from utils.memory import give_back_memory
from utils.workers import open_workers, stream

MEASURED_ROWS = 512  # of the window on which the two precisions are tried


class Plan(NamedTuple):
    """How a map is cut up and made; `settings` decide its pixels: parts of others are not mixed
    in.
    """

    windows: list
    settings: dict
    years: np.ndarray | None
    page: object
    evidence: object = None


def make_map(
    stack,
    weights,
    out=None,
    *,
    first_month=None,
    scale=None,
    offset="none",
    nodata=(),
    min_months=None,
    filter_width=1,
    probabilities=False,
    mmu=0.0,
    device="cpu",
    precision="auto",
    page=True,
    curves=CURVES,
    products=(),
    product_legend=None,
    product_classes=None,
    product_trust=None,
    window=None,
    workers=0,
    scheduler=None,
    resume=False,
    overwrite=False,
):
    """Map the area of a stack with the network in a weights file; returns the folder of the map.

    stack: path of a GeoTIFF, a folder of monthly GeoTIFFs, a Zarr or NetCDF cube; first_month,
    scale, offset, nodata: as `stacks.stack.open_stack` takes them. out: folder of the map,
    default maps/NAME OF STACK. min_months: months with an observation that a pixel needs, default a
    quarter of the stack's. filter_width: of a spatial majority filter, pixels, odd. probabilities:
    write the mean probability of each class in each year too. mmu: hectares of the smallest
    change event in changes.gpkg. precision: float32, bfloat16, or
    auto: the faster of the two here. page: write index.html; curves: pixels whose curves are in it.
    products: [(year, path), ...] of land cover products that are decoded with the network;
    product_legend, product_classes, product_trust: as `mapping.evidence.find_evidence` takes them.
    window: side of the windows, pixels. workers, scheduler: local Dask processes, or the address of
    a Dask cluster. resume, overwrite: what to do where `out` holds a map. Raises InputError.
    """
    out = Path(out or Path("maps") / Path(stack).resolve().stem)
    check_device(device, elsewhere=scheduler is not None)
    net = models.load(weights)
    reading = {"first_month": first_month, "scale": scale, "nodata": nodata, "offset": offset}
    opened = open_for(net.card, stack, **reading)
    check_network(net.card, opened)
    for note in opened.notes:
        print(f"note: {note}", file=sys.stderr)
    evidence = find_evidence(
        products,
        opened,
        net.card["legend"],
        product_legend=product_legend,
        classes=product_classes,
        trust=product_trust,
    )
    with claimed(out):
        chosen = chosen_precision(out, precision, net.to(device), opened, resume)
        planned = plan(
            opened,
            weights,
            min_months=min_months,
            filter_width=filter_width,
            probabilities=probabilities,
            mmu=mmu,
            precision=chosen,
            window=window,
            curves=curves if page else None,
            evidence=evidence,
        )
        parts = begin(out, planned.settings, resume=resume, overwrite=overwrite)
        if parts is None:
            print(f"{out}: finished already")
            return out
        check_space(out, bytes_needed(opened, planned, len(net.card["legend"])))
        job = job_of(opened, weights, planned, device)
        label_windows(job, planned, parts, workers=workers, scheduler=scheduler)
        draw_up(out, parts, opened, planned, net.card, f"labelled by {Path(weights).name}")
    print(f"{out}: look at {'index.html' if page else 'map.png'} first")
    return out


def check_device(device, *, elsewhere=False):
    """Raise InputError unless torch can compute on this device; elsewhere: on other machines."""
    try:
        kind = torch.device(device).type
        known = kind in ("cpu", "cuda", "mps")
        if known and not elsewhere:
            torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError):  # torch raises each of them
        known = False
    if not known:
        there = "cpu or cuda" if torch.cuda.is_available() else "cpu, no GPU is there"
        raise InputError(f"--device: found {device}, expected {there}")


def chosen_precision(out, precision, net, stack, resume):
    """float32 or bfloat16: what an unfinished map was begun with, else the faster one here.

    Small areas take float32, as measuring would cost more than it brings.
    """
    before = begun_with(out, "precision") if resume else None
    if precision != "auto" or before:
        return before if precision == "auto" else precision
    if np.prod(stack.geobox.shape) < 2 * WORTH_MEASURING:
        return "float32"
    height, width = stack.geobox.shape
    rows = min(height, MEASURED_ROWS)
    top, columns = (height - rows) // 2, min(width, WORTH_MEASURING // rows)
    block = stack.read(slice(top, top + rows), slice(0, columns))  # (T, C, y, x)
    series = block.reshape(*block.shape[:2], -1).transpose(2, 1, 0)
    series = with_absent(series, stack.bands, net.card["bands"])
    found = models.fastest_precision(net, series)
    print(f"precision: {found}, the faster one on this machine")
    return found


def plan(
    stack,
    weights,
    *,
    min_months=None,
    filter_width=1,
    probabilities=False,
    mmu=0.0,
    precision="float32",
    window=None,
    curves=CURVES,
    evidence=None,
):
    """The Plan of a map of an opened Stack; arguments as in `make_map`; curves None: no page."""
    size = (window, window) if window else window_size(stack)
    shape = stack.geobox.shape
    page = None if curves is None else thinning_of(shape, stack.bands, curves)
    settings = {
        "stack": str(Path(stack.path).resolve()),
        "stack's files": fingerprint(stack.path),
        "weights": digest_of(weights),
        "first month": str(stack.months[0]),
        "months": len(stack.months),
        "scale": np.unique(stack.scale).tolist(),
        "nodata": list(stack.nodata),
        "offset": offset_steps(stack),
        "--min-months": min_months or max(1, len(stack.months) // 4),
        "--filter": filter_width,
        "--probabilities": probabilities,
        "--mmu": mmu,
        "precision": precision,
        "page": curves,
        "window (rows, columns)": list(size),
    }
    if evidence:  # a map without products keeps the settings that it always had
        files = [fingerprint(Path(each.path)) for each in evidence.products]
        settings["products"] = [
            each | {"file": file} for each, file in zip(evidence.settings(), files)
        ]
    years = stack.months.astype("datetime64[Y]").astype(int) + 1970 if probabilities else None
    return Plan(windows_of(shape, size), settings, years, page, evidence)


def offset_steps(stack):
    """Month -> offset of each band, for each month in which the offset changes."""
    before = [None, *stack.offset]
    return {
        str(month): row.tolist()
        for month, row, last in zip(stack.source.months, stack.offset, before)
        if not np.array_equal(row, last)
    }


def bytes_needed(stack, planned, n_classes):
    """Bytes of disk that the parts and the rasters made from them take at most."""
    pixels, months = float(np.prod(stack.geobox.shape)), len(stack.months)
    years = 0 if planned.years is None else len(np.unique(planned.years)) * n_classes
    figures, page, shown = 2e6, 0, 0
    if planned.page:
        shown = 2 * planned.page.bytes(months, len(stack.bands))  # kept, and in the page
        page = 0.5 * pixels * months
    return figures + page + shown + pixels * (3.5 * months + 40 + 2.5 * years)


def job_of(stack, weights, planned, device):
    """The Job of the workers, but for their number of threads."""
    settings = planned.settings
    return Job(
        stack,
        str(Path(weights).resolve()),
        settings["weights"],
        settings["--min-months"],
        device,
        settings["precision"],
        planned.years,
        planned.page,
        products=planned.evidence,
    )


def label_windows(job, planned, parts, *, workers=0, scheduler=None):
    """Label the windows that are missing and keep them, one by one, with a bar."""
    windows, page = planned.windows, planned.page
    missing = [window for window in windows if not part_path(parts, window).is_file()]
    rows, columns = job.stack.geobox.shape
    months = job.stack.months
    left = sum(window.height * window.width for window in missing)
    before = len(windows) - len(missing)
    print(
        f"{job.stack.path}: {columns} x {rows} pixels, {months[0]} to {months[-1]}, "
        f"{len(windows)} windows" + (f", {before} of them done before" if before else "")
    )
    if page:
        create_store(parts / "shown", len(months), len(job.stack.bands), page)
    area = rows * columns
    bar = tqdm(total=area, initial=area - left, unit="px", unit_scale=True, desc="labelling")
    with open_workers(workers, scheduler) as pool, bar:
        start = time.perf_counter()
        work = partial(label_window, replace(job, threads=pool.threads))
        for window, (layers, shown) in stream(pool, work, missing):
            if page:
                save_shown(parts / "shown", window, page, shown)
            save_part(parts, window, layers)
            bar.update(window.height * window.width)
    give_back_memory()
    seconds = time.perf_counter() - start
    print(f"labelled {left:,} pixels in {seconds:.0f} s ({left / seconds:,.0f} px/s)")
