"""How long label.py takes, and its memory, as the area grows: labelling_speed.csv.

    python benchmarks/labelling_speed.py --shared ../shared/data               # 1 and 4 megapixels

The stack has 48 months. Its pixels are the real series of the block in Flanders, one after the
other; a year is repeated. Three products of three years are drawn from the declared parcels, each
with 10 % of other classes. label.py runs in a process of its own: seconds and peak memory are from
start to end, imports and all; cpu_seconds are of all its threads. The bar: 4 megapixels in under
300 seconds on two cores, and memory that does not grow with the area.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.map_speed import CHUNK, make_stack
from data_loader import load_samples
from stacks.stack import open_stack
from utils.bands import NO_OBSERVATION
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser, number
from utils.workers import cores

YEARS = (2018, 2019, 2020)
WRONG = 0.1
NOTHING = 255


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--shared", default="../shared/data", type=Path, help="folder of the sets")
    sizes = number(above=0)
    parser.add_argument("--megapixels", type=sizes, nargs="+", default=[1, 4], help="areas")
    folder = tempfile.gettempdir()
    parser.add_argument("--work", default=folder, help="folder, about 1 GB for each megapixel")
    table = Path(__file__).with_suffix(".csv")
    parser.add_argument("--out", default=table, type=Path, help="table")
    return parser


def main(words=None):
    options = make_parser().parse_args(words)
    block = load_samples(options.shared / "real" / "flanders_2018.npz")
    rows = []
    for size in options.megapixels:
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            rows.append(measure(Path(folder), block, size))
        print(rows[-1], flush=True)
    with written_whole(options.out) as part:
        pd.DataFrame(rows).round(2).to_csv(part, index=False)


def measure(folder, block, megapixels):
    """One row: label.py on a stack of so many pixels."""
    side = max(CHUNK, round((megapixels * 2**20) ** 0.5 / CHUNK) * CHUNK)
    stack = make_stack(folder / "land.zarr", four_years(block), side)
    words = [sys.executable, "label.py", str(stack), "--out", str(folder / "land.npz")]
    for year, path in write_products(folder, block, open_stack(stack)):
        words += ["--product", f"{year}={path}"]
    start = time.perf_counter()
    process = subprocess.Popen([*words, "--classes", str(folder / "classes.csv")], cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(f"{stack}: label.py ended with {process.returncode}")
    return {
        "megapixels": side**2 / 2**20,
        "cores": cores(),
        "seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss / 2**20,
    }


def four_years(block):
    """Series (N, C, 48) int16 from January on: one year of the block four times."""
    first = int(np.flatnonzero(block.months == np.datetime64("2018-01"))[0])
    year = np.arange(first, first + 12) % len(block.months)
    year[year < first] = first - 1  # December of 2018 is not there; that of 2017 is
    series = np.tile(block.x[:, :, year], 4)
    return np.nan_to_num(series, nan=NO_OBSERVATION).astype(np.int16)


def write_products(folder, block, stack):
    """Write the products and classes.csv beside each other; returns [(year, path), ...]."""
    height, width = stack.geobox.shape
    true = np.resize(block.y.max(axis=1), height * width)
    classes = len(block.legend)
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": "uint8"}
    profile |= {"crs": stack.geobox.crs.to_wkt(), "transform": stack.geobox.transform}
    profile |= {"nodata": NOTHING, "tiled": True, "compress": "deflate"}
    given = []
    for year in YEARS:
        rng = np.random.default_rng(year)
        other = (true + rng.integers(1, classes, len(true))) % classes
        says = np.where(rng.random(len(true)) < WRONG, other, true)
        codes = np.where(true < 0, NOTHING, says).astype(np.uint8)
        path = folder / f"product_{year}.tif"
        with rasterio.open(path, "w", **profile) as raster:
            raster.write(codes.reshape(1, height, width))
        given.append((year, path))
    lines = [f"{code},{name}" for code, name in enumerate(block.legend.names)]
    (folder / "classes.csv").write_text("value,class\n" + "\n".join(lines) + "\n")
    return given


if __name__ == "__main__":
    run_main(main)
