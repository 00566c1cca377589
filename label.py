"""Samples without annotating: a stack and land cover products -> a label for every month.

    python label.py city.zarr --product 2020=worldcover_2020.tif --out city.npz
    python label.py city.zarr --product 2019=a.tif --product 2021=b.tif --classes mine.csv \\
        --out city.npz                                # several years, a legend of your own
    python run.py --data city.npz                     # then train

Beside OUT.npz stands the folder OUT with report.md: what was taken, what was dropped and why.
"""

from labelling.dating import STEPS
from labelling.pipeline import label_stack
from stacks.product_legends import KNOWN
from stacks.products import parse_product
from utils.errors import run_main
from utils.flags import Parser, add_reading_flags, whole_number


def make_parser():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument(
        "stack",
        metavar="STACK",
        help="a GeoTIFF, a folder of monthly GeoTIFFs, a Zarr or NetCDF cube",
    )
    flag = parser.add_argument_group("products").add_argument
    flag(
        "--product",
        action="append",
        required=True,
        metavar="YEAR=RASTER",
        help="land cover of a year; give the flag once for each product",
    )
    flag(
        "--legend",
        choices=tuple(KNOWN),
        help="legend of all products; None: told by file name, tags or codes",
    )
    flag("--classes", metavar="TABLE.csv", help="legend of your own: rows value,class")
    flag(
        "--product-month",
        type=whole_number(1, 12),
        default=7,
        metavar="MONTH",
        help="month of its year, 1 to 12, that a product speaks of",
    )
    flag = parser.add_argument_group("samples").add_argument
    flag("--out", required=True, metavar="OUT.npz", help="file of the samples")
    flag("--samples", type=whole_number(20), default=10_000, help="most series to take")
    flag("--steps", type=whole_number(20), default=STEPS, help="batches of 64 series in training")
    flag("--seed", type=whole_number(0), default=0, help="of the choice and the network")
    add_reading_flags(parser.add_argument_group("reading the stack").add_argument)
    return parser


def main(words=None):
    given = vars(make_parser().parse_args(words))
    products = [parse_product(text) for text in given.pop("product")]
    label_stack(given.pop("stack"), products, given.pop("out"), **given)


if __name__ == "__main__":
    run_main(main)
