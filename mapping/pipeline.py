"""A stack and weights -> the finished map: plan, label what is missing, assemble, publish."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

import models
from mapping.adapted import adapted_weights
from mapping.evidence import find_evidence
from mapping.finishing import draw_up
from mapping.options import MapOptions
from mapping.thinned import create_store, save_shown, thinning_of
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
from utils.errors import InputError, note
from utils.files import claimed
from utils.memory import give_back_memory
from utils.months import calendar_years
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


def make_map(stack, weights, out=None, **options):
    """Map the area of a stack with the network in a weights file; returns the folder of the map.

    stack: path of a GeoTIFF, a folder of monthly GeoTIFFs, a Zarr or NetCDF cube. out: folder of
    the map, default maps/NAME OF STACK. options: see `mapping.options.MapOptions`. Raises
    InputError.
    """
    asked = MapOptions(**options)
    out = Path(out or Path("maps") / Path(stack).resolve().stem)
    check_device(asked.device, elsewhere=asked.scheduler is not None)
    net = models.load(weights)
    card = net.card
    opened = open_for(card, stack, **asked.reading())
    check_network(card, opened)
    for text in opened.notes:
        note(text)
    evidence = find_evidence(asked.products, opened, card["legend"], **asked.of_products())
    evidence = evidence and evidence.fitted(net, opened, asked.product_trust)
    with claimed(out):
        precision = chosen_precision(out, asked, net.to(asked.device), opened)
        planned = plan(opened, weights, asked, precision, evidence)
        parts = begin(out, planned.settings, resume=asked.resume, overwrite=asked.overwrite)
        if parts is None:
            print(f"{out}: finished already")
            return out
        check_space(out, bytes_needed(opened, planned, len(card["legend"])))
        used = used_weights(parts, weights, net, opened, planned)
        job = job_of(opened, used, planned, asked)
        label_windows(job, planned, parts, workers=asked.workers, scheduler=asked.scheduler)
        adapted = "" if used == weights else ", adapted to the area"
        draw_up(out, parts, opened, planned, card, f"labelled by {Path(weights).name}{adapted}")
    print(f"{out}: look at {'index.html' if asked.page else 'map.png'} first")
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


def chosen_precision(out, asked, net, stack):
    """float32 or bfloat16: what an unfinished map was begun with, else the faster one here.

    Small areas take float32, as measuring would cost more than it brings.
    """
    if asked.precision != "auto":
        return asked.precision
    before = begun_with(out, "precision") if asked.resume else None
    if before:
        return before
    if np.prod(stack.geobox.shape) < 2 * WORTH_MEASURING:
        return "float32"
    height, width = stack.geobox.shape
    rows = min(height, MEASURED_ROWS)
    columns = min(width, WORTH_MEASURING // rows)
    top = (height - rows) // 2
    block = stack.read(slice(top, top + rows), slice(0, columns))  # (T, C, y, x)
    series = block.reshape(*block.shape[:2], -1).transpose(2, 1, 0)
    series = with_absent(series, stack.bands, net.card["bands"])
    found = models.fastest_precision(net, series)
    print(f"precision: {found}, the faster one on this machine")
    return found


def plan(stack, weights, asked, precision, evidence):
    """The Plan of a map of an opened Stack. asked: MapOptions; evidence: of products, or None."""
    size = (asked.window, asked.window) if asked.window else window_size(stack)
    shape = stack.geobox.shape
    curves = asked.curves if asked.page else None
    page = thinning_of(shape, stack.bands, curves) if asked.page else None
    settings = {
        "stack": str(Path(stack.path).resolve()),
        "stack's files": fingerprint(stack.path),
        "weights": digest_of(weights),
        "first month": str(stack.months[0]),
        "months": len(stack.months),
        "scale": np.unique(stack.scale).tolist(),
        "nodata": list(stack.nodata),
        "offset": offset_steps(stack),
        "--min-months": asked.min_months or max(1, len(stack.months) // 4),
        "--filter": asked.filter_width,
        "--probabilities": asked.probabilities,
        "--mmu": asked.mmu,
        "precision": precision,
        "page": curves,
        "window (rows, columns)": list(size),
    }
    if asked.adapt:  # a map without it keeps the settings that it always had, as without products
        settings["--adapt"] = True
    if evidence:
        files = [fingerprint(Path(each.path)) for each in evidence.products]
        settings["products"] = [
            each | {"file": file} for each, file in zip(evidence.settings(), files)
        ]
    years = calendar_years(stack.months) if asked.probabilities else None
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
    pixels = float(np.prod(stack.geobox.shape))
    months = len(stack.months)
    years = 0 if planned.years is None else len(np.unique(planned.years)) * n_classes
    figures, page, shown = 2e6, 0, 0
    if planned.page:
        shown = 2 * planned.page.bytes(months, len(stack.bands))  # kept, and in the page
        page = 0.5 * pixels * months
    of_pixel = 3.5 * months + 40 + 2.5 * years
    return figures + page + shown + pixels * of_pixel


def used_weights(parts, weights, net, stack, planned):
    """Path of the weights that label the map: `weights`, or what they become by --adapt."""
    if "--adapt" not in planned.settings:
        return weights
    return adapted_weights(parts, weights, net, stack, planned.settings["--min-months"])


def job_of(stack, weights, planned, asked):
    """The Job of the workers, but for their number of threads."""
    settings = planned.settings
    return Job(
        stack,
        str(Path(weights).resolve()),
        digest_of(weights),
        settings["--min-months"],
        asked.device,
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
    with bar, open_workers(workers, scheduler) as pool:
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
