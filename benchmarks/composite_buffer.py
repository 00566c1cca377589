"""How far clouds should grow: outliers that are left in monthly series, buffer by buffer.

    python benchmarks/composite_buffer.py --scenes ../shared/data/scenes/catalog.json

Composes the scenes with each --cloud-buffer and compares each value with the two months around it.
An outlier in blue (B2) is more than 300 brighter than its brighter neighbour: cloud or haze.
An outlier in infrared (B8) is more than 800 darker than its darker neighbour: shadow.
Writes composite_buffer.csv.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import zarr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from compositing import composite  # noqa: E402
from utils.bands import BANDS, NO_OBSERVATION  # noqa: E402
from utils.errors import run_main  # noqa: E402
from utils.files import write_csv  # noqa: E402
from utils.flags import Parser, whole_number  # noqa: E402

BBOX = (3.0194, 50.8132, 3.0283, 50.8188)  # the real scenes
MONTHS = "2017-08:2018-11"
BRIGHTER, DARKER = 300, 800  # reflectance x 10^4
COLUMNS = ("buffer", "observed", "looks", "too_bright", "too_dark", "outliers")


def outliers(values):
    """Where a value stands out of its neighbour months: too bright in blue, too dark in infrared,
    and where that can be told; each (T - 2, y, x) bool. values (T, C, y, x) int16.
    """
    seen = (values != NO_OBSERVATION).all(axis=1)
    told = seen[:-2] & seen[1:-1] & seen[2:]
    blue, infrared = (values[:, BANDS.index(band)].astype(int) for band in ("B2", "B8"))
    brightest = np.maximum(blue[:-2], blue[2:])  # of the months before and after
    darkest = np.minimum(infrared[:-2], infrared[2:])
    bright = blue[1:-1] > brightest + BRIGHTER
    dark = infrared[1:-1] < darkest - DARKER
    return bright & told, dark & told, told


def row_of(scenes, buffer, folder):
    """The row of a buffer: shares in percent."""
    out = Path(folder) / f"{buffer}.zarr"
    composite(out, catalog=scenes, bbox=BBOX, months=MONTHS, cloud_buffer=buffer)
    stack = zarr.open_group(str(out), mode="r")
    bright, dark, told = outliers(stack["reflectance"][:])
    observed = (stack["looks"][:] > 0).mean()
    shares = [100 * part.sum() / told.sum() for part in (bright, dark, bright | dark)]
    numbers = (100 * observed, stack["looks"][:].mean(), *shares)
    return buffer, *(round(float(number), 2) for number in numbers)


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--scenes", required=True, metavar="FILE", help="catalogue of real scenes")
    tried = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
    parser.add_argument("--buffers", type=whole_number(0, 200), nargs="+", default=tried)
    parser.add_argument("--csv", default=str(Path(__file__).with_suffix(".csv")), help="result")
    return parser


def main():
    args = make_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row_of(args.scenes, buffer, folder) for buffer in args.buffers]
    write_csv(args.csv, [COLUMNS, *rows])
    for row in (COLUMNS, *rows):
        print(*row, sep="\t")


if __name__ == "__main__":
    run_main(main)
