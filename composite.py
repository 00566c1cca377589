r"""Make a monthly stack of an area from Sentinel-2 scenes: one value per band and month.

    python composite.py --bbox 112.90,28.05,113.05,28.20 --months 2019-01:2024-12 \
        --out changsha.zarr
    python composite.py --area city.geojson --months 2019-01:2024-12 --catalog earth-search \
        --out city.zarr
    python composite.py --catalog scenes/catalog.json --like map.tif --months 2018-01:2018-12 \
        --out fields.zarr
    python composite.py --extend 2025-03 --out changsha.zarr    # add months up to March 2025
    python composite.py ... --resume                            # go on after an interruption

Beside the stack changsha.zarr lie changsha.png (look at it first) and changsha_scenes.csv.
Then: python map.py changsha.zarr
"""

import argparse

from utils.errors import run_main
from utils.flags import Parser, add_dask_flags, check_dask_flags, number, whole_number
from utils.memory import use_one_heap
from utils.workers import start_fork_server


def bbox_of(text):
    """West, south, east, north from 'W,S,E,N'."""
    parts = text.split(",")
    try:
        west, south, east, north = map(float, parts)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} found; expected W,S,E,N in degrees") from None
    return west, south, east, north


def make_parser():
    """The command line."""
    parser = Parser(__doc__)
    flag = parser.add_argument_group("what").add_argument
    flag("--out", metavar="OUT.zarr", required=True, help="the stack, a Zarr")
    flag("--bbox", type=bbox_of, metavar="W,S,E,N", help="area in degrees: west,south,east,north")
    flag(
        "--area", metavar="FILE", help="GeoJSON or GeoPackage; the rectangle around it is the area"
    )
    flag("--like", metavar="RASTER", help="take over the grid of this raster")
    flag("--months", metavar="A:B", help="first and last month, YYYY-MM:YYYY-MM, both included")
    flag("--extend", metavar="YYYY-MM", help="add the months up to this one to the stack OUT")
    add_scene_flags(parser)
    add_work_flags(parser)
    add_web_flags(parser)
    return parser


def add_scene_flags(parser):
    """Flags that decide the pixels."""
    from compositing.monthly import BUFFER, MASKED  # after the usual errors of a command line

    scenes = "with --extend, what is not given is as in the stack"
    flag = parser.add_argument_group("scenes", scenes).add_argument
    flag(
        "--catalog",
        metavar="NAME",
        help="planetary-computer, earth-search, cdse (S3 keys in AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY), a STAC API's URL, or a static catalogue's JSON file; None: "
        "planetary-computer, with --extend the one before",
    )
    flag(
        "--collection",
        metavar="ID",
        help="of the catalogue; None: sentinel-2-l2a, or all of a file",
    )
    flag(
        "--mask",
        type=whole_number(0, 11),
        nargs="+",
        metavar="CLASS",
        help="classes of the scene classification (SCL) that are no observation; None: "
        f"{' '.join(map(str, MASKED))}",
    )
    flag(
        "--cloud-buffer",
        type=whole_number(0, 200),
        metavar="PIXELS",
        help="pixels of 10 m by which masked classes grow, but for class 0 (no data); None: "
        f"{BUFFER}",
    )
    flag(
        "--resampling",
        choices=("nearest", "bilinear"),
        help="of 20 m bands, and of tiles in another UTM zone; SCL always nearest; None: bilinear",
    )
    flag(
        "--method",
        choices=("median", "medoid"),
        help="of a month's clear looks: the median of each band, or the one look that is nearest "
        "to all others; None: median",
    )


def add_work_flags(parser):
    """Flags that change no pixel."""
    flag = parser.add_argument_group("work").add_argument
    add_dask_flags(flag, "the catalogue and OUT")
    flag(
        "--window",
        type=whole_number(256, 8192),
        default=1024,
        metavar="PIXELS",
        help="side of the windows worked on one by one, a multiple of 256",
    )
    flag("--yes", action="store_true", help="make a very large stack all the same")
    flag("--resume", action="store_true", help="go on with an interrupted stack")
    flag("--overwrite", action="store_true", help="start over where OUT exists")


def add_web_flags(parser):
    """Flags for servers that falter."""
    flag = parser.add_argument_group("files on the web").add_argument
    flag(
        "--allow-missing",
        type=whole_number(0),
        default=3,
        metavar="N",
        help="scenes that may stay unreadable before the run ends",
    )
    flag(
        "--retries",
        type=whole_number(0, 12),
        default=5,
        metavar="N",
        help="further tries of a file",
    )
    flag(
        "--pause",
        type=number(0, 600),
        default=1,
        metavar="SECONDS",
        help="before the first further try; each pause is twice the one before",
    )
    flag(
        "--timeout",
        type=number(above=0, at_most=3600),
        default=30,
        metavar="SECONDS",
        help="without an answer, after which a request is tried again",
    )


def main(words=None):
    args = vars(make_parser().parse_args(words))
    check_dask_flags(args)
    if args["workers"]:
        start_fork_server("compositing.windows")
    if args["mask"] is not None:
        args["mask"] = sorted(set(args["mask"]))
    use_one_heap()
    from compositing import composite  # takes seconds, after the flags are known to be right

    composite(args.pop("out"), **args)


if __name__ == "__main__":
    run_main(main)
