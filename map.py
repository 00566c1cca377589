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

from mapping.workers import start_fork_server
from utils.errors import InputError, run_main


def arguments(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "stack",
        metavar="STACK",
        help="a GeoTIFF, a folder of monthly GeoTIFFs, a Zarr or NetCDF cube",
    )
    parser.add_argument(
        "--weights",
        default="model_data/urban.safetensors",
        help="network, a file that run.py wrote",
    )
    parser.add_argument("--out", help="folder of the map; None: maps/NAME OF STACK")
    flag = parser.add_argument_group("reading the stack").add_argument
    flag("--first-month", metavar="YYYY-MM", help="of a GeoTIFF that holds no dates")
    flag(
        "--scale",
        type=float,
        metavar="FACTOR",
        help="stored number x this = reflectance x 10^4; None: as the file "
        "says, and 10000 where it holds reflectance from 0 to 1",
    )
    flag(
        "--offset",
        default="none",
        metavar="VALUE[@YYYY-MM]",
        help="added to reflectance x 10^4 (from that month "
        "on); 'auto' takes away the step of 1000 of Sentinel-2's processing baseline 04.00 (2022-01-25) if there is "
        "one; 'none' only reports it",
    )
    flag(
        "--nodata",
        type=float,
        nargs="+",
        default=[],
        metavar="VALUE",
        help="stored numbers that mean no data, "
        "beside the file's own, NaN, -9999, 32767, and 0 in every band",
    )
    flag = parser.add_argument_group("labels").add_argument
    flag(
        "--min-months",
        type=int,
        metavar="MONTHS",
        help="months with an observation that a pixel needs to get "
        "labels; None: a quarter of the stack's",
    )
    flag(
        "--filter",
        type=int,
        default=1,
        metavar="PIXELS",
        help="width of a spatial majority filter, odd; 1 = none",
    )
    flag("--device", default="cpu", help="where the network runs: cpu, cuda")
    flag = parser.add_argument_group("work").add_argument
    flag(
        "--window",
        type=int,
        metavar="PIXELS",
        help="side of the windows worked on one by one; None: whole storage "
        "chunks of up to 65536 pixels",
    )
    flag(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="Dask processes on this machine; 0 = this process alone",
    )
    flag(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="Dask scheduler to work on instead; its workers need this "
        "code, STACK and the weights under the same paths",
    )
    flag("--resume", action="store_true", help="go on with an interrupted map")
    flag("--overwrite", action="store_true", help="start over where OUT holds a map")
    return parser.parse_args(words)


def main(words=None):
    args = arguments(words)
    check_flags(args)
    if args.workers:
        start_fork_server()
    from mapping.pipeline import (
        make_map,
    )  # takes seconds, in which the workers' process imports the same beside it

    make_map(args)


def check_flags(args):
    """Raise InputError for numbers that make no sense."""
    for flag, value, lowest in (
        ("--min-months", args.min_months, 1),
        ("--window", args.window, 1),
        ("--workers", args.workers, 0),
        ("--filter", args.filter, 1),
    ):
        if value is not None and value < lowest:
            raise InputError(f"{flag}: found {value}, expected at least {lowest}")
    if args.filter % 2 == 0:
        raise InputError(f"--filter: found {args.filter}, expected an odd number of pixels")
    if args.scheduler and args.workers:
        raise InputError("--workers: found with --scheduler, expected one of the two")


if __name__ == "__main__":
    run_main(main)
