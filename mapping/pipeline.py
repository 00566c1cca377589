"""From the command line of map.py to the finished map: plan, label what is missing, assemble,
publish.
"""

import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

import models
from mapping.memory import give_back_memory
from mapping.mosaic import NO_LABEL, assemble, finish, summary
from mapping.products import products_for
from mapping.stack import open_stack
from mapping.unfinished import begin, check_space, fingerprint, part_path, publish, save_part
from mapping.windows import Job, check_network, digest_of, label_window, window_size, windows_of
from mapping.workers import open_workers, stream


def make_map(args):
    """Draw the map that the flags of map.py ask for; raises InputError."""
    net = models.load(args.weights)
    stack = open_stack(
        args.stack,
        first_month=args.first_month,
        bands=net.card["bands"],
        scale=args.scale,
        nodata=args.nodata,
        offset=args.offset,
    )
    check_network(net.card, stack)
    for note in stack.notes:
        print(f"note: {note}", file=sys.stderr)
    windows, settings = plan(args, stack)
    out = Path(args.out or Path("maps") / Path(args.stack).resolve().stem)
    parts = begin(out, settings, resume=args.resume, overwrite=args.overwrite)
    if parts is None:
        print(f"{out}: finished already")
        return
    check_space(out, np.prod(stack.geobox.shape), len(stack.months))
    label_windows(args, stack, settings, parts, windows)

    raw, folder = parts / "raw", parts / "finished"
    legend = net.card["legend"]
    products = products_for(legend, stack.months)
    rows = summary(
        *assemble(parts, raw, windows, stack, products, args.filter), stack.months, legend
    )
    finish(raw, folder, products, rows)
    publish(folder, out, settings)
    if not any(row[5] for row in rows if row[0] == "class" and row[2] != NO_LABEL):
        print("note: no pixel has a label; reason.tif says why", file=sys.stderr)
    print(f"{out}: look at map.png first")


def plan(args, stack):
    """Windows of the stack, and the settings that decide its map's pixels: parts of others are
    never mixed in.
    """
    size = (args.window, args.window) if args.window else window_size(stack)
    windows = windows_of(stack.geobox.shape, size)
    settings = {
        "stack": str(Path(args.stack).resolve()),
        "stack's files": fingerprint(args.stack),
        "weights": digest_of(args.weights),
        "first month": str(stack.months[0]),
        "months": len(stack.months),
        "scale": np.unique(stack.scale).tolist(),
        "--nodata": args.nodata,
        "offset": {
            str(month): row.tolist()
            for month, row, before in zip(stack.source.months, stack.offset, (None, *stack.offset))
            if not np.array_equal(row, before)
        },
        "--min-months": args.min_months or max(1, len(stack.months) // 4),
        "--filter": args.filter,
        "window (rows, columns)": list(size),
    }
    return windows, settings


def label_windows(args, stack, settings, parts, windows):
    """Label the windows that are missing and keep them, one by one, with a bar."""
    missing = [window for window in windows if not part_path(parts, window).is_file()]
    rows, columns = stack.geobox.shape
    left = sum(window.height * window.width for window in missing)
    print(
        f"{args.stack}: {columns} x {rows} pixels, {stack.months[0]} to {stack.months[-1]}, {len(windows)} windows"
        + (
            f", {len(windows) - len(missing)} of them done before"
            if len(missing) < len(windows)
            else ""
        )
    )
    bar = tqdm(
        total=rows * columns,
        initial=rows * columns - left,
        unit="px",
        unit_scale=True,
        desc="labelling",
    )
    with open_workers(args.workers, args.scheduler) as workers, bar:
        start = time.perf_counter()
        job = Job(
            stack,
            str(Path(args.weights).resolve()),
            settings["weights"],
            settings["--min-months"],
            args.device,
            workers.threads,
        )
        for window, layers in stream(workers, partial(label_window, job), missing):
            save_part(parts, window, layers)
            bar.update(window.height * window.width)
    give_back_memory()
    seconds = time.perf_counter() - start
    print(f"labelled {left:,} pixels in {seconds:.0f} s ({left / seconds:,.0f} px/s)")
