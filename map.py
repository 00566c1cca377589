"""Map where, when and to what the land changed: a monthly Sentinel-2 stack -> rasters, a page.

    python map.py monthly/                                   # a folder of monthly GeoTIFFs
    python map.py city.tif --first-month 2019-02             # one GeoTIFF, ten bands a month
    python map.py city.zarr --filter 3 --workers 4           # a Zarr or NetCDF cube; four processes
    python map.py city.zarr --scheduler tcp://10.0.0.1:8786  # a Dask cluster that sees the files
    python map.py city.zarr --resume                         # go on after an interruption
    python map.py city.zarr --stack-page                     # look at a stack before any network

OUT then holds index.html (open it first), map.png, summary.csv, changes.gpkg and the rasters that
mapping/README.md lists.
"""

import argparse
from pathlib import Path

from utils.errors import run_main
from utils.flags import (
    Parser,
    add_dask_flags,
    add_reading_flags,
    check_dask_flags,
    number,
    whole_number,
)
from utils.memory import keep_memory
from utils.workers import start_fork_server

# Found from any folder: maps are often made where the stacks lie.
SHIPPED = str(Path(__file__).resolve().parent / "model_data" / "world.safetensors")


def make_parser():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument(
        "stack",
        metavar="STACK",
        help="a GeoTIFF, a folder of monthly GeoTIFFs, a Zarr or NetCDF cube",
    )
    parser.add_argument(
        "--weights",
        default=SHIPPED,
        help="network, a file that run.py wrote",
    )
    parser.add_argument("--out", help="folder of the map; None: maps/NAME OF STACK")
    add_reading_flags(parser.add_argument_group("reading the stack").add_argument)
    add_label_flags(parser.add_argument_group("labels").add_argument)
    add_product_flags(parser.add_argument_group("land cover products").add_argument)
    add_page_flags(parser.add_argument_group("page").add_argument)
    add_work_flags(parser.add_argument_group("work").add_argument)
    return parser


def add_label_flags(flag):
    """Flags that decide what the map shows."""
    flag(
        "--adapt",
        action="store_true",
        help="first fit the weights to series of STACK, without labels; about a minute",
    )
    flag(
        "--min-months",
        type=whole_number(at_least=1),
        metavar="MONTHS",
        help="months with an observation that a pixel needs to get labels; None: a quarter of the "
        "stack's",
    )
    flag(
        "--filter",
        type=odd_number,
        default=1,
        metavar="PIXELS",
        help="width of a spatial majority filter, odd; 1 = none",
    )
    flag(
        "--probabilities",
        action="store_true",
        help="also write the mean probability of each class in each year",
    )
    flag(
        "--mmu",
        type=number(at_least=0),
        default=0.0,
        metavar="HECTARES",
        help="smallest change event in changes.gpkg",
    )
    flag("--device", default="cpu", help="where the network runs: cpu, cuda")
    flag(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="numbers that the network computes with; auto: the faster of the two on this machine",
    )


def add_product_flags(flag):
    """Flags of products whose classes are decoded together with the network's."""
    flag(
        "--product",
        action="append",
        default=[],
        metavar="YEAR=RASTER",
        help="land cover of a year, more evidence for its months; once for each product",
    )
    flag(
        "--product-legend",
        metavar="NAME",
        help="worldcover, dynamicworld, esri, clcd, globeland30 or corine; None: told by the file",
    )
    flag("--product-classes", metavar="TABLE.csv", help="a legend of your own: rows value,class")
    flag(
        "--product-trust",
        type=number(above=0, below=1),
        metavar="SHARE",
        help="probability that a product is right; None: 0.8",
    )


def add_page_flags(flag):
    """Flags of the page."""
    flag(
        "--stack-page",
        action="store_true",
        help="write a page of STACK alone, without a network: true colour and curves",
    )
    flag(
        "--page",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write index.html, a page to look at the map with",
    )
    flag(
        "--curves",
        type=whole_number(at_least=0),
        default=2**17,
        metavar="PIXELS",
        help="pixels whose reflectance curves the page holds, spread evenly; about 0.4 KB each",
    )


def add_work_flags(flag):
    """Flags that say how the work is done."""
    flag(
        "--window",
        type=whole_number(at_least=1),
        metavar="PIXELS",
        help="side of the windows worked on one by one; None: whole storage chunks of up to 65536 "
        "pixels",
    )
    add_dask_flags(flag, "STACK and the weights")
    flag("--resume", action="store_true", help="go on with an interrupted map")
    flag("--overwrite", action="store_true", help="start over where OUT holds a map")


def odd_number(text):
    """An argparse type: an odd whole number of at least 1."""
    value = whole_number(at_least=1)(text)
    if value % 2 == 0:
        raise argparse.ArgumentTypeError(f"{text} found; expected an odd number of pixels")
    return value


odd_number.bounds = {"at least": 1}


def main(words=None):
    args = vars(make_parser().parse_args(words))
    check_dask_flags(args)
    if args["stack_page"]:
        draw_stack_page(args)
        return
    if args["workers"]:
        start_fork_server("mapping.windows")
    # Takes seconds, in which the workers' process imports the same beside it.
    from mapping.pipeline import make_map
    from stacks.products import parse_product

    keep_memory()
    args["products"] = [parse_product(text) for text in args.pop("product")]
    args["filter_width"] = args.pop("filter")
    del args["stack_page"]
    make_map(**args)


def draw_stack_page(args):
    """Write the page of a stack alone."""
    from mapping.stackpage import make_stack_page

    taken = ("first_month", "scale", "offset", "nodata", "curves", "overwrite", "out")
    make_stack_page(args["stack"], **{name: args[name] for name in taken})


if __name__ == "__main__":
    run_main(main)
