"""How fast map.py is beside its own network with all series in memory, and its use of memory.

    python benchmarks/map_speed.py --samples coast_train.npz --megapixels 1 4 16   # ratio, memory
    python benchmarks/map_speed.py --samples coast_train.npz --scaling   # one worker, two workers

Makes a stack of 48 months (int16 Zarr) of fields of 4 x 4 pixels, each with one of the series of
--samples, and maps the stack from start to end, with its page and without: that is the page's share
of the time. Before and after that, it labels the same series straight from memory. Adds rows to
map_speed.csv beside this script.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import xarray as xr
import zarr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import models  # noqa: E402
from data_loader import BANDS, NO_OBSERVATION, load_samples  # noqa: E402
from models.label import BATCH  # noqa: E402
from utils.errors import InputError, run_main  # noqa: E402
from utils.flags import Parser, number  # noqa: E402
from utils.memory import keep_memory  # noqa: E402
from utils.workers import cores  # noqa: E402

MONTHS, CHUNK = 48, 256
FIELD = 4  # pixels a side; where every pixel has a series of its own, each change is a polygon
COLUMNS = (
    "what",
    "megapixels",
    "workers",
    "cores",
    "seconds",
    "series_per_second",
    "labelling_per_second",
    "in_memory_per_second",
    "ratio",
    "peak_gb",
    "page_share",
)


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument(
        "--samples", default="dataset/urban.npz", help="real series to tile, 48 months or more"
    )
    parser.add_argument("--weights", default="model_data/urban.safetensors", help="network")
    parser.add_argument(
        "--megapixels", type=number(above=0), nargs="+", default=[4], help="sizes of the stacks"
    )
    parser.add_argument(
        "--scaling", action="store_true", help="one Dask worker on one core against two on two"
    )
    parser.add_argument(
        "--work",
        default=tempfile.gettempdir(),
        help="folder for the stacks, about 1 GB per megapixel",
    )
    return parser


def main():
    args = make_parser().parse_args()
    net = models.load(args.weights)
    samples = load_samples(args.samples, bands=net.card["bands"])
    if samples.x.shape[2] < MONTHS or tuple(net.card["bands"]) != BANDS:
        raise InputError(
            f"{args.samples}: {samples.x.shape[2]} months found, expected {MONTHS} of all ten bands"
        )
    series = np.nan_to_num(samples.x[:, :, :MONTHS], nan=NO_OBSERVATION)
    series = series.astype(np.int16)
    rows = []
    with tempfile.TemporaryDirectory(dir=args.work) as folder:
        for size in args.megapixels:
            side = max(CHUNK, round((size * 2**20) ** 0.5 / CHUNK) * CHUNK)
            stack = make_stack(Path(folder) / "stack.zarr", series, side, FIELD)
            runs = [(1, 1), (2, 2)] if args.scaling else [(0, cores())]
            for workers, on_cores in runs:
                rows.append(measure(net, series, stack, side, args.weights, workers, on_cores))
                print(
                    "  ".join(f"{name} {value}" for name, value in zip(COLUMNS, rows[-1])),
                    flush=True,
                )
    with open(Path(__file__).with_suffix(".csv"), "a", newline="") as file:
        table = csv.writer(file)
        if not file.tell():
            table.writerow(COLUMNS)
        table.writerows(rows)


def make_stack(path, series, side, field=1):
    """A Zarr cube (48, 10, side, side) whose fields are the series, one after the other.

    field: pixels a side of a field, all with one series.
    """
    coords = {
        "time": np.arange("2018-01", "2022-01", dtype="datetime64[M]").astype("datetime64[ns]"),
        "y": 3_100_000 - 10.0 * np.arange(side),
        "x": 700_000 + 10.0 * np.arange(side),
        "spatial_ref": xr.DataArray(0, attrs={"spatial_ref": "EPSG:32649"}),
    }
    shape = (MONTHS, len(BANDS), side, side)
    lazy = xr.Dataset(coords=coords)
    lazy.to_zarr(path, mode="w", zarr_format=2, consolidated=False)
    cube = zarr.open_group(path, mode="a").create_array(
        "reflectance",
        shape=shape,
        chunks=(MONTHS, len(BANDS), CHUNK, CHUNK),
        dtype="int16",
        fill_value=NO_OBSERVATION,
        attributes={"_ARRAY_DIMENSIONS": ["time", "band", "y", "x"]},
    )
    for top in range(0, side, CHUNK):
        for left in range(0, side, CHUNK):
            down = (top + np.arange(CHUNK))[:, None] // field
            across = (left + np.arange(CHUNK)) // field
            which = (down * (side // field) + across) % len(series)
            rows, columns = slice(top, top + CHUNK), slice(left, left + CHUNK)
            cube[:, :, rows, columns] = series[which].transpose(3, 2, 0, 1)
    return path


def measure(net, series, stack, side, weights, workers, on_cores):
    """One row of the table: the rate of the map beside that of the network on the same cores."""
    before = in_memory(net, series, on_cores)
    seconds, labelling, peak = run_map(stack, weights, workers, on_cores)
    bare, _, _ = run_map(stack, weights, workers, on_cores, "--no-page")
    after = in_memory(net, series, on_cores)
    alone, rate = (before + after) / 2, side**2 / seconds
    return (
        "map.py",
        round(side**2 / 2**20, 2),
        workers,
        on_cores,
        round(seconds, 1),
        round(rate),
        labelling,
        round(alone),
        round(rate / alone, 3),
        "" if workers else round(peak, 2),  # workers are no children of it
        round(1 - bare / seconds, 3),
    )


def in_memory(net, series, on_cores, seconds=10):
    """Series per second of the network alone, with the series in memory."""
    keep_memory()  # as map.py does
    torch.set_num_threads(on_cores)
    shape = (8 * BATCH, *series.shape[1:])
    x = np.ascontiguousarray(np.resize(series, shape))
    models.label(net, x[:BATCH], precision="float32")
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        models.label(net, x, precision="float32")
        done += len(x)
    return done / (time.perf_counter() - start)


def run_map(stack, weights, workers, on_cores, *flags):
    """Run map.py on so many cores, with more flags.

    Returns seconds from start to end, series labelled per second, peak memory in GB.
    """
    chosen = sorted(os.sched_getaffinity(0))[:on_cores]
    with tempfile.TemporaryDirectory(dir=stack.parent) as out, tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "map.py"),
                str(stack),
                "--weights",
                str(Path(weights).resolve()),
                "--out",
                f"{out}/map",
                "--workers",
                str(workers),
                *flags,
            ],
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, chosen),
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        said.seek(0)
        text = said.read()
        if status:
            raise InputError(f"{stack}: map.py ended badly: {text[-300:]}")
    labelling = re.search(r"\(([\d,]+) px/s\)", text)[1].replace(",", "")
    return seconds, int(labelling), usage.ru_maxrss / 2**20


if __name__ == "__main__":
    run_main(main)
