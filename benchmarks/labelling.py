"""What samples of label.py lose against true labels: labelling.csv.

    python benchmarks/labelling.py                                     # the simulated set
    python benchmarks/labelling.py --data ../shared/data/coast_train.npz
    python benchmarks/labelling.py --rates 0.1 --epochs 30             # quicker

The sites of a labelled set are laid out as rasters. A product for each July is made from the true
labels, with a share of wrong classes, three times as many at class borders; a wrong class is any
other one. `annotated` trains on the true labels, `naive` on the product's class in all months of
its year, `label.py` on what it makes of stack and products. All three test on the same held-out
sites. Rows that are in the table already are kept: an interrupted study goes on.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from affine import Affine

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
from data_loader import load_samples, save_samples, split_samples
from labelling.candidates import edges
from labelling.pipeline import label_stack
from training.pipeline import train
from utils.bands import NO_OBSERVATION
from utils.changes import segments
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser, number, whole_number

HERE = Path(__file__).parent
GRID = Affine(10.0, 0, 700_000, 0, -10.0, 3_100_000)
CRS = "EPSG:32649"
BORDER = 3.0  # times as many wrong classes where a neighbour has another class
OUTSIDE = 255  # in the products: no class
WAYS = ("annotated", "naive", "label.py")
SCORES = ("OA", "mIoU", "spatial_F1", "temporal_F1", "temporal_change_F1")


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--data", default="dataset/urban.npz", type=Path, help="labelled series")
    parser.add_argument(
        "--rates",
        type=number(at_least=0, at_most=0.9),
        nargs="+",
        default=[0.1, 0.0, 0.05, 0.2],
        help="shares of wrong pixels in the products",
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="rows to make")
    parser.add_argument("--epochs", type=whole_number(1), help="of each training; None: the recipe")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of split and products")
    parser.add_argument("--work", default="runs/labelling", type=Path, help="folder of the cells")
    parser.add_argument("--out", default=HERE / "labelling.csv", type=Path, help="table")
    return parser


def main(words=None):
    options = make_parser().parse_args(words)
    whole = load_samples(options.data)
    rows = split_samples(whole, "site", seed=options.seed)
    test = whole.take(rows["test"])
    others = np.concatenate([rows["train"], rows["validation"]])
    known = one_axis(whole.take(others))
    options.work.mkdir(parents=True, exist_ok=True)
    save_samples(options.work / f"{options.data.stem}-test.npz", test)
    for rate in options.rates:
        for way in options.ways:
            wrong = 0.0 if way == "annotated" else rate  # there is no product that could be wrong
            cell(options, known, way, wrong)
    table = read_table(options.out)
    own = table["data"] == options.data.stem
    print(table[own].to_string(index=False))


def cell(options, known, way, rate):
    """Make one row of the table, unless it is there."""
    table = read_table(options.out)
    key = {"data": options.data.stem, "way": way, "rate": rate, "seed": options.seed}
    if is_there(table, key):
        return
    path = options.work / f"{options.data.stem}-{way}-{rate}.npz"
    facts = samples_of(way, known, rate, path, options.seed)
    trained = train(
        path,
        test_data=options.work / f"{options.data.stem}-test.npz",
        split="site",
        epochs=options.epochs,
        seed=options.seed,
        threads=1,
        name=None,
        runs=options.work / "runs",
        weights=options.work / "weights",
        progress=False,
    )
    scores = {name: trained.scores["test"][name] for name in SCORES}
    table = pd.concat([table, pd.DataFrame([key | facts | scores])], ignore_index=True)
    with written_whole(options.out) as part:
        table.round(4).to_csv(part, index=False)
    print(key, {name: round(score, 3) for name, score in scores.items()}, flush=True)


def is_there(table, key):
    """Whether the table has a row with these values."""
    if table.empty:
        return False
    same = table[list(key)] == pd.Series(key)
    return same.all(axis=1).any()


def read_table(path):
    """The rows that are there."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()


def samples_of(way, known, rate, path, seed):
    """Write the training samples of one way; return what is known of their labels."""
    made, true = known, known.y
    if way != "annotated":
        row, column, shape = laid_out(known)
        codes, julys = products_of(known, rate, row, column, shape, seed)
    if way == "naive":
        made = replace(known, y=naive(known, codes[:, row, column], julys))
    if way == "label.py":
        land = path.with_suffix(".land")
        given = write_land(land, known, row, column, shape, codes, julys)
        how = {"classes": land / "classes.csv", "seed": seed}
        made = label_stack(land / "monthly", given, path, **how).samples
        true = at_pixels(known.y, row, column, shape, made.ids)
    else:
        save_samples(path, made)
    both = (true >= 0) & (made.y >= 0)
    return {
        "series": len(made),
        "labelled": both.sum() / (true >= 0).sum(),
        "labels_right": (true == made.y)[both].mean(),
        "months_in_no_product": missed(known),
    }


def at_pixels(labels, row, column, shape, ids):
    """Labels of the series that lie where samples of label.py do, by the names `ids` of these."""
    number = np.full(shape, -1)
    number[row, column] = np.arange(len(labels))
    places = [each.split("_") for each in ids]  # row, its number, column, its number
    rows = [int(place[1]) for place in places]
    columns = [int(place[3]) for place in places]
    return labels[number[rows, columns]]


def one_axis(samples):
    """Samples on one axis of months: series that begin later have no observation before."""
    if samples.months.ndim == 1:
        return samples
    n, bands, steps = samples.x.shape
    first, last = samples.months.min(), samples.months.max()
    months = np.arange(first, last + 1)
    x = np.full((n, bands, len(months)), np.nan, np.float32)
    y = np.full((n, len(months)), -1, np.int8)
    start = (samples.months[:, 0] - first).astype(int)
    for begin in np.unique(start):
        rows = start == begin
        own = slice(begin, begin + steps)
        x[rows, :, own] = samples.x[rows]
        y[rows, own] = samples.y[rows]
    return replace(samples, x=x, y=y, months=months)


def laid_out(samples):
    """Row and column of each series, and the shape: each site a square, squares side by side.

    Within its square a site's series stand in the order of their latitude and longitude.
    """
    sites, number, count = np.unique(samples.site, return_inverse=True, return_counts=True)
    side = int(np.ceil(np.sqrt(count.max())))
    across = int(np.ceil(np.sqrt(len(sites))))
    row = np.empty(len(samples), int)
    column = np.empty(len(samples), int)
    for site in range(len(sites)):
        members = np.flatnonzero(number == site)
        down, right = in_square(samples.lonlat[members])
        row[members] = site // across * side + down
        column[members] = site % across * side + right
    return row, column, (across * side, across * side)


def in_square(lonlat):
    """Row and column in a square of points (n, 2): from north to south, each row west to east."""
    longitude, latitude = lonlat.T
    width = int(np.ceil(np.sqrt(len(lonlat))))
    row = np.empty(len(lonlat), int)
    column = np.empty(len(lonlat), int)
    southward = np.argsort(-latitude, kind="stable")
    for line, start in enumerate(range(0, len(lonlat), width)):
        part = southward[start : start + width]
        eastward = np.argsort(longitude[part], kind="stable")
        row[part] = line
        column[part[eastward]] = np.arange(len(part))
    return row, column


def products_of(samples, rate, row, column, shape, seed):
    """Class ids (J, y, x) uint8 of each July, OUTSIDE where no series lies, and the Julys."""
    rng = np.random.default_rng(seed)
    julys = np.flatnonzero(is_july(samples.months))
    classes = len(samples.legend)
    out = np.full((len(julys), *shape), OUTSIDE, np.uint8)
    for layer, july in zip(out, julys):
        true = np.full(shape, -1, np.int8)
        true[row, column] = samples.y[:, july]
        there = true >= 0
        at_border = edges(true[None])[0]
        chance = np.where(at_border, BORDER, 1.0)
        chance *= rate / chance[there].mean()
        wrong = rng.random(shape) < chance
        other = (true + rng.integers(1, classes, shape)) % classes
        says = np.where(wrong, other, true)
        layer[there] = says[there]
    return out, julys


def is_july(months):
    """Which of the months are a July: (T,) -> (T,) bool."""
    return months.astype(int) % 12 == 6


def naive(samples, codes, julys):
    """The product's class in all months of its year: (J, N) -> labels (N, T)."""
    labels = np.full(samples.y.shape, -1, np.int8)
    year = samples.months.astype("datetime64[Y]")
    for code, july in zip(codes, julys):
        says = np.where(code == OUTSIDE, -1, code.astype(np.int8))
        own = year == year[july]
        labels[:, own] = says[:, None]
    seen = np.isfinite(samples.x).any(axis=1)
    labels[~seen] = -1
    return labels


def write_land(folder, samples, row, column, shape, codes, julys):
    """Write the stack (a GeoTIFF a month), the table of classes and the products; return these as
    [(year, path), ...].
    """
    monthly = folder / "monthly"
    monthly.mkdir(parents=True, exist_ok=True)
    for month, values in zip(samples.months, samples.x.transpose(2, 1, 0)):  # (C, N)
        pixels = np.full((len(values), *shape), NO_OBSERVATION, np.int16)
        whole = np.nan_to_num(np.rint(values), nan=NO_OBSERVATION)
        pixels[:, row, column] = whole
        write_raster(monthly / f"S2_{month}.tif", pixels, samples.bands, NO_OBSERVATION)
    lines = ["value,class"]
    lines += [f"{number},{name}" for number, name in enumerate(samples.legend.names)]
    (folder / "classes.csv").write_text("\n".join(lines) + "\n")
    given = []
    for layer, july in zip(codes, julys):
        year, path = str(samples.months[july])[:4], folder / f"product_{july}.tif"
        write_raster(path, layer[None], ("class",), OUTSIDE)
        given.append((int(year), path))
    return given


def write_raster(path, pixels, names, nodata):
    """Write one GeoTIFF of bands (B, y, x)."""
    count, height, width = pixels.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width}
    profile |= {"dtype": pixels.dtype, "crs": CRS, "transform": GRID, "nodata": nodata}
    with written_whole(path) as part, rasterio.open(part, "w", **profile) as raster:
        raster.write(pixels)
        raster.descriptions = tuple(names)


def missed(samples):
    """Share of the months whose state begins and ends between two Julys: no product shows them."""
    found = segments(samples.y)
    count = np.cumsum(is_july(samples.months))
    before = np.concatenate([[0], count])  # Julys before each month
    without = before[found.stop] == before[found.start]
    months = found.stop - found.start
    return months[without].sum() / months.sum()


if __name__ == "__main__":
    run_main(main)
