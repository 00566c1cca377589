"""Map where, when and to what the land changed: an area's monthly Sentinel-2 stack -> rasters, hectares, figures.

    python map.py monthly/                                        # a folder of monthly GeoTIFFs, the month in the name
    python map.py city.tif --first-month 2019-02                  # one GeoTIFF, ten bands a month
    python map.py city.zarr --filter 3 --workers 4                # a Zarr or NetCDF cube; four processes
    python map.py city.zarr --scheduler tcp://10.0.0.1:8786       # on a Dask cluster that sees the same files
    python map.py city.zarr --resume                              # go on after an interruption

OUT then holds map.png (look at it first), labels.tif (a band a month), first_change.tif, last_change.tif,
change_count.tif, from_to.tif, confidence.tif, reason.tif, summary.csv, classes.png and transitions.png.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

import models
from mapping.figures import draw_figures
from mapping.mosaic import NO_LABEL, assemble, summary, write_summary
from mapping.parts import begin, check_space, fingerprint, part_path, publish, save_part
from mapping.raster import products_for
from mapping.stack import open_stack
from mapping.windows import Job, check_network, digest_of, label_window, window_size, windows_of
from mapping.workers import open_workers, stream
from utils.errors import InputError, run_main


def arguments(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=False)
    parser.add_argument("stack", metavar="STACK", help="a GeoTIFF, a folder of monthly GeoTIFFs, a Zarr or NetCDF cube")
    parser.add_argument("--weights", default="model_data/urban.safetensors", help="network, a file that run.py wrote")
    parser.add_argument("--out", help="folder of the map; None: maps/NAME OF STACK")
    flag = parser.add_argument_group("reading the stack").add_argument
    flag("--first-month", metavar="YYYY-MM", help="of a GeoTIFF that holds no dates")
    flag("--scale", type=float, metavar="FACTOR", help="stored number x this = reflectance x 10^4; None: as the file "
         "says, and 10000 where it holds reflectance from 0 to 1")
    flag("--offset", default="none", metavar="VALUE[@YYYY-MM]", help="added to reflectance x 10^4 (from that month "
         "on); 'auto' takes away the step of 1000 of Sentinel-2's processing baseline 04.00 (2022-01-25) if there is "
         "one; 'none' only reports it")
    flag("--nodata", type=float, nargs="+", default=[], metavar="VALUE", help="stored numbers that mean no data, "
         "beside the file's own, NaN, -9999, 32767, and 0 in every band")
    flag = parser.add_argument_group("labels").add_argument
    flag("--min-months", type=int, metavar="MONTHS", help="months with an observation that a pixel needs to get "
         "labels; None: a quarter of the stack's")
    flag("--filter", type=int, default=1, metavar="PIXELS", help="width of a spatial majority filter, odd; 1 = none")
    flag("--device", default="cpu", help="where the network runs: cpu, cuda")
    flag = parser.add_argument_group("work").add_argument
    flag("--window", type=int, metavar="PIXELS", help="side of the windows worked on one by one; None: whole storage "
         "chunks of up to 65536 pixels")
    flag("--workers", type=int, default=0, metavar="N", help="Dask processes on this machine; 0 = this process alone")
    flag("--scheduler", metavar="tcp://HOST:PORT", help="Dask scheduler to work on instead; its workers need this "
         "code, STACK and the weights under the same paths")
    flag("--resume", action="store_true", help="go on with an interrupted map")
    flag("--overwrite", action="store_true", help="start over where OUT holds a map")
    return parser.parse_args(words)


def main(words=None):
    args = arguments(words)
    check_flags(args)
    net = models.load(args.weights)
    stack = open_stack(args.stack, first_month=args.first_month, bands=net.card["bands"], scale=args.scale,
                       nodata=args.nodata, offset=args.offset)
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

    folder = parts / "finished"
    legend = net.card["legend"]
    products = products_for(legend, stack.months)
    rows = summary(*assemble(parts, folder, windows, stack, products, args.filter), stack.months, legend)
    write_summary(folder / "summary.csv", rows)
    draw_figures(folder, products, rows)
    publish(folder, out, settings)
    if not any(row[5] for row in rows if row[0] == "class" and row[2] != NO_LABEL):
        print("note: no pixel has a label; reason.tif says why", file=sys.stderr)
    print(f"{out}: look at map.png first")


def check_flags(args):
    """Raise InputError for numbers that make no sense."""
    for flag, value, lowest in (("--min-months", args.min_months, 1), ("--window", args.window, 1),
                                ("--workers", args.workers, 0), ("--filter", args.filter, 1)):
        if value is not None and value < lowest:
            raise InputError(f"{flag}: found {value}, expected at least {lowest}")
    if args.filter % 2 == 0:
        raise InputError(f"--filter: found {args.filter}, expected an odd number of pixels")
    if args.scheduler and args.workers:
        raise InputError("--workers: found with --scheduler, expected one of the two")


def plan(args, stack):
    """Windows of the stack, and the settings that decide its map's pixels: parts of others are never mixed in."""
    size = (args.window, args.window) if args.window else window_size(stack)
    windows = windows_of(stack.geobox.shape, size)
    settings = {
        "stack": str(Path(args.stack).resolve()), "stack's files": fingerprint(args.stack),
        "weights": digest_of(args.weights), "first month": str(stack.months[0]), "months": len(stack.months),
        "scale": np.unique(stack.scale).tolist(), "--nodata": args.nodata,
        "offset": {str(month): row.tolist() for month, row, before in zip(
            stack.source.months, stack.offset, (None, *stack.offset)) if not np.array_equal(row, before)},
        "--min-months": args.min_months or max(1, len(stack.months) // 4), "--filter": args.filter,
        "window (rows, columns)": list(size)}
    return windows, settings


def label_windows(args, stack, settings, parts, windows):
    """Label the windows that are missing and keep them, one by one, with a bar."""
    missing = [window for window in windows if not part_path(parts, window).is_file()]
    rows, columns = stack.geobox.shape
    left = sum(window.height * window.width for window in missing)
    print(f"{args.stack}: {columns} x {rows} pixels, {stack.months[0]} to {stack.months[-1]}, {len(windows)} windows"
          + (f", {len(windows) - len(missing)} of them done before" if len(missing) < len(windows) else ""))
    bar = tqdm(total=rows * columns, initial=rows * columns - left, unit="px", unit_scale=True, desc="labelling")
    with open_workers(args.workers, args.scheduler) as workers, bar:
        start = time.perf_counter()
        job = Job(stack, str(Path(args.weights).resolve()), settings["weights"], settings["--min-months"], args.device,
                  workers.threads)
        for window, layers in stream(workers, partial(label_window, job), missing):
            save_part(parts, window, layers)
            bar.update(window.height * window.width)
    seconds = time.perf_counter() - start
    print(f"labelled {left:,} pixels in {seconds:.0f} s ({left / seconds:,.0f} px/s)")


if __name__ == "__main__":
    run_main(main)
