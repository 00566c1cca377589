"""How fast composite.py is beside the usual way, and how its memory grows with the area.

    python benchmarks/composite_speed.py --scenes ../shared/data/scenes/catalog.json

Makes scenes of --pixels by tiling the real ones. Composes them in turn with composite.py and with
the usual way: odc.stac.load with chunks, mask, monthly median by xarray and Dask, to Zarr.
Each run is a process of its own: time and peak memory are from start to end, imports and all.
Then composite.py runs on four times the area with a fifth of the scenes.
Writes composite_speed.csv.
Needs `pip install -r tests/requirements.txt`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from utils.errors import InputError, run_main  # noqa: E402
from utils.files import write_csv  # noqa: E402
from utils.flags import Parser, whole_number  # noqa: E402
from utils.memory import use_one_heap  # noqa: E402

COLUMNS = ("what", "pixels", "scenes", "seconds", "peak_mb", "cores")
BLOCK = 512  # pixels of a file's blocks, as Planetary Computer has them
CHUNK = 2048  # pixels of the usual way's chunks, the size that its manuals show
LEFT, TOP = 501_360, 5_629_680  # corner of the real scenes in EPSG:32631


def make_scenes(catalogue, folder, number, pixels):
    """Write a catalogue of `number` real scenes, tiled to `pixels` x `pixels`; returns its path."""
    catalogue = Path(catalogue)
    links = json.loads(catalogue.read_text())["links"]
    items = [catalogue.parent / link["href"] for link in links if link["rel"] == "item"]
    if len(items) < number:
        raise InputError(f"{catalogue}: {len(items)} scenes found; expected at least {number}")
    features = [tiled(path, folder, pixels) for path in items[:number]]
    path = Path(folder) / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def tiled(path, folder, pixels):
    """Write a scene's files tiled to `pixels`; returns its item."""
    item = json.loads(path.read_text())
    place = Path(folder) / item["id"]
    place.mkdir(parents=True)
    for asset in item["assets"].values():
        with rasterio.open(path.parent / asset["href"]) as file:
            numbers, profile = file.read(1), file.profile
        side = pixels * len(numbers) // 64
        large = np.tile(numbers, (side // len(numbers),) * 2)
        sides = {"height": side, "width": side, "blockxsize": BLOCK, "blockysize": BLOCK}
        target = place / Path(asset["href"]).name
        with rasterio.open(target, "w", **(profile | sides)) as file:
            file.write(large, 1)
        asset["href"] = str(target)
        asset["proj:shape"] = [side, side]
    item["bbox"] = [float(v) for v in degrees(pixels)]
    west, south, east, north = item["bbox"]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    return item


def degrees(pixels):
    """West, south, east, north of the tiled scenes, a little inside."""
    from rasterio.warp import transform_bounds

    length = 10 * pixels
    bounds = (LEFT, TOP - length, LEFT + length, TOP)
    return transform_bounds("EPSG:32631", "EPSG:4326", *bounds)


def grid_file(folder, pixels):
    """A raster whose grid both ways are given."""
    from affine import Affine

    path = Path(folder) / "grid.tif"
    size = {"height": pixels, "width": pixels, "count": 1, "dtype": "uint8", "sparse_ok": True}
    grid = {"crs": "EPSG:32631", "transform": Affine(10, 0, LEFT, 0, -10, TOP)}
    with rasterio.open(path, "w", driver="GTiff", **size, **grid):
        pass
    return path


def usual_way(catalogue, like, out):
    """Monthly medians as the manuals of odc-stac and xarray make them."""
    import odc.stac
    import pystac
    from odc.geo.geobox import GeoBox

    bands = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    with rasterio.open(like) as file:
        geobox = GeoBox(file.shape, file.transform, "EPSG:32631")
    items = pystac.ItemCollection.from_file(catalogue)
    cube = odc.stac.load(
        items,
        bands=[*bands, "SCL"],
        geobox=geobox,
        chunks={"x": CHUNK, "y": CHUNK},
        resampling={"*": "bilinear", "SCL": "nearest"},
        groupby="solar_day",
    )
    clear = ~cube["SCL"].isin([0, 1, 3, 8, 9, 10])
    seen = cube[bands].where(clear & (cube[bands] > 0))
    monthly = seen.resample(time="1MS").median()
    monthly.round().fillna(-32768).astype("int16").to_zarr(out, mode="w")


def one_run(way, catalogue, like, out):
    """What the process of one run does."""
    if way == "usual":
        return usual_way(catalogue, like, out)
    from compositing import composite

    use_one_heap()  # as composite.py does
    items = json.loads(catalogue.read_text())["features"]
    dates = [item["properties"]["datetime"] for item in items]
    months = f"{min(dates)[:7]}:{max(dates)[:7]}"
    return composite(out, catalog=catalogue, like=like, months=months, cloud_buffer=0)


def measure(way, catalogue, like, folder):
    """(seconds, peak memory in MB) of one run in a process of its own, and where its result is."""
    out = Path(folder) / f"{way}.zarr"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-W", "ignore", __file__, "--one", way, "--scenes", str(catalogue)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--like", str(like), "--out", str(out)])
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise InputError(f"{way}: the run ended with {process.returncode}")
    return time.perf_counter() - start, used.ru_maxrss / 1024, out


def share_different(ours, usual):
    """Share of the values of two results that differ by more than 1."""
    import zarr

    bands = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
    mine = zarr.open_group(str(ours), mode="r")["reflectance"]
    other = zarr.open_group(str(usual), mode="r")
    wrong = 0
    for place, band in enumerate(bands):
        for month in range(mine.shape[0]):
            apart = mine[month, place].astype(int) - other[band][month]
            wrong += int((abs(apart) > 1).sum())
    return wrong / np.prod(mine.shape)


def make_parser():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--scenes", required=True, metavar="FILE", help="catalogue of real scenes")
    parser.add_argument("--number", type=whole_number(2), default=60, help="of scenes")
    parser.add_argument("--pixels", type=whole_number(512), default=2048, help="on a side")
    parser.add_argument(
        "--rounds", type=whole_number(1), default=3, help="of each way; best counts"
    )
    parser.add_argument("--csv", default=str(Path(__file__).with_suffix(".csv")), help="result")
    for flag in ("--one", "--like", "--out"):
        parser.add_argument(flag, help="used by the script itself")
    return parser


def main():
    args = make_parser().parse_args()
    if args.one:
        return one_run(args.one, Path(args.scenes), args.like, args.out)
    cores, rows = len(os.sched_getaffinity(0)), []
    with tempfile.TemporaryDirectory() as folder:
        scenes = make_scenes(args.scenes, f"{folder}/scenes", args.number, args.pixels)
        like = grid_file(folder, args.pixels)
        best = {}
        for _ in range(args.rounds):
            for way in ("composite.py", "usual"):
                seconds, peak, out = measure(way, scenes, like, folder)
                best[way] = min(best.get(way, (np.inf, 0, out)), (seconds, peak, out))
        wrong = share_different(best["composite.py"][2], best["usual"][2])
        for way, (seconds, peak, _) in best.items():
            rows.append((way, args.pixels, args.number, round(seconds, 1), round(peak), cores))
        few, wide = max(2, args.number // 5), 2 * args.pixels
        for pixels in (args.pixels, wide):
            part = make_scenes(args.scenes, f"{folder}/{pixels}", few, pixels)
            seconds, peak, _ = measure("composite.py", part, grid_file(folder, pixels), folder)
            rows.append(("memory", pixels, few, round(seconds, 1), round(peak), cores))
    write_csv(args.csv, [COLUMNS, *rows])
    for row in (COLUMNS, *rows):
        print(*row, sep="\t")
    ratio = rows[1][3] / rows[0][3]
    print(
        f"{ratio:.2f} x as fast as the usual way; {100 * wrong:.3f} % of the values differ by > 1"
    )
    print(f"peak memory at four times the area: {rows[3][4] / rows[2][4]:.3f} x")


if __name__ == "__main__":
    run_main(main)
