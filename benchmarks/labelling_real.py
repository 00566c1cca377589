"""label.py and map.py --product on real land, the block of fields in Flanders: labelling_real.csv.

    python benchmarks/labelling_real.py --shared ../shared/data

composite.py makes the stack from the real scenes. The product of 2018 is drawn from the declared
parcels, with 20 % of other classes. Each map is compared with the parcels: `right` is the share of
their pixels whose class of most months of 2018 is right, `changing` the share of their pixels that
change in any month. Nothing is known to change there.

Rows: the product itself; the weights that ship; the same with the product (map.py --product); the
weights trained on the samples of label.py; weights trained on the product's class of all months.

The last two rows are made-up land, the test sites of dataset/urban.npz. Its product of the first
whole year has 20 % of other classes. `right` is the share of months, `changes_found` the F1 of the
changes in later years.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from affine import Affine

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from compositing import composite
from data_loader import load_samples, save_samples, split_samples
from labelling.pipeline import label_stack
from mapping.evidence import TRUST, ProductEvidence
from mapping.pipeline import make_map
from training.pipeline import train
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser, whole_number
from utils.metrics import filtered_scores

HERE = Path(__file__).parent
GRID, CRS = Affine(10, 0, 501_360, 0, -10, 5_629_680), "EPSG:32631"  # of the real scenes
SIDE, YEAR, MONTHS = 64, 2018, "2017-08:2018-11"
SPOILT = 0.2
NOTHING = 255


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--shared", default="../shared/data", type=Path, help="folder of the sets")
    parser.add_argument("--seeds", type=whole_number(1), default=3, help="products and trainings")
    parser.add_argument("--work", default="runs/labelling_real", type=Path, help="folder of maps")
    parser.add_argument("--out", default=HERE / "labelling_real.csv", type=Path, help="table")
    return parser


def main(words=None):
    options = make_parser().parse_args(words)
    rows = []
    for seed in range(options.seeds):
        rows += rows_of_flanders(options, seed) + rows_of_made_up_land(seed)
    table = pd.DataFrame(rows).round(4)
    with written_whole(options.out) as part:
        table.to_csv(part, index=False)
    print(table.groupby(["land", "way"], sort=False).mean().round(3).to_string())


def rows_of_flanders(options, seed):
    """Rows of the real block."""
    folder = options.work / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    parcels = load_samples(options.shared / "real" / "flanders_2018.npz")
    true = parcels.y.max(axis=1).astype(int)
    names = parcels.legend.names
    says = spoilt(true, len(names), seed)
    product = write_product(folder / "product.tif", says)
    table = folder / "classes.csv"
    lines = [f"{number},{name}" for number, name in enumerate(names)]
    table.write_text("value,class\n" + "\n".join(lines) + "\n")
    stack = folder / "flanders.zarr"
    catalogue = options.shared / "scenes" / "catalog.json"
    composite(stack, catalog=catalogue, like=product, months=MONTHS, overwrite=True)
    given = [(YEAR, product)]
    made = label_stack(stack, given, folder / "label.npz", classes=table, seed=seed)
    save_samples(folder / "naive.npz", as_the_product_says(made.samples, says))
    world = "model_data/world.safetensors"
    maps = {
        "weights that ship": {"weights": world},
        "map.py --product": {"weights": world, "products": given, "product_classes": table},
        "label.py": {"weights": trained(folder / "label.npz", folder, seed)},
        "naive": {"weights": trained(folder / "naive.npz", folder, seed)},
    }
    known = true >= 0
    right = (says == true)[known].mean()
    rows = [{"land": "Flanders", "way": "product", "seed": seed, "right": right, "changing": 0.0}]
    for way, how in maps.items():
        out = make_map(stack, out=folder / way, overwrite=True, page=False, **how)
        row = {"land": "Flanders", "way": way, "seed": seed}
        rows.append(row | compared(out, np.array(names)[true], known))
    return rows


def spoilt(true, classes, seed):
    """Classes (N,) of which a share is any other one; -1 stays."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(true)) < SPOILT
    other = (true + rng.integers(1, classes, len(true))) % classes
    return np.where(true < 0, -1, np.where(wrong, other, true))


def write_product(path, says):
    """The product as a raster of the block."""
    codes = np.where(says < 0, NOTHING, says).astype(np.uint8).reshape(1, SIDE, SIDE)
    profile = {"driver": "GTiff", "count": 1, "height": SIDE, "width": SIDE, "dtype": "uint8"}
    profile |= {"crs": CRS, "transform": GRID, "nodata": NOTHING}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(codes)
    return path


def as_the_product_says(samples, says):
    """The same series with the product's class in all months."""
    places = [each.split("_") for each in samples.ids]  # row, its number, column, its number
    rows = [int(place[1]) for place in places]
    columns = [int(place[3]) for place in places]
    classes = says.reshape(SIDE, SIDE)[rows, columns]
    labels = np.repeat(classes[:, None], samples.y.shape[1], axis=1)
    return replace(samples, y=labels.astype(np.int8), evidence=None)


def trained(path, folder, seed):
    """Weights trained on a file of samples."""
    where = {"runs": folder / "runs", "weights": folder / "weights"}
    return train(path, split="site", seed=seed, threads=1, progress=False, **where).weights


def compared(folder, true, known):
    """Right and changing pixels of a map, beside the names (N,) of the true classes."""
    with rasterio.open(folder / "labels.tif") as raster:
        labels = raster.read().reshape(raster.count, -1)  # (T, N)
        tags = raster.tags() | raster.tags(1)
        months = raster.descriptions
    in_year = [str(text).startswith(str(YEAR)) for text in months]
    classes = sorted(int(key[6:]) for key in tags if key.startswith("value_"))
    names = np.array([tags[f"value_{number}"] for number in classes])
    own = labels[in_year]
    count = [(own == number).sum(axis=0) for number in classes]
    most = np.argmax(count, axis=0)
    right = names[most] == true
    changing = (labels[1:] != labels[:-1]).any(axis=0)
    return {"right": right[known].mean(), "changing": changing[known].mean()}


def rows_of_made_up_land(seed):
    """Rows of the simulated test sites: a product of an early year, changes in later years."""
    net = models.load("model_data/urban.safetensors")
    samples = load_samples("dataset/urban.npz")
    samples = samples.take(split_samples(samples, "site", seed=0)["test"])
    classes, years = len(samples.legend), samples.months.astype("datetime64[Y]").astype(int) + 1970
    first = years.min() + 1
    july = np.flatnonzero(samples.months == np.datetime64(f"{first}-07"))[0]
    says = spoilt(samples.y[:, july].astype(int), classes, seed)
    fixed = ProductEvidence((OfYear(first),), (TRUST,), years, classes)
    scores = np.log(np.maximum(models.predict(net, samples.x), 1e-6))
    evidence = fixed.most_likely(scores, says[:, None])
    later = years > first
    found = {
        "weights that ship": models.label(net, samples.x)[0],
        "map.py --product": evidence.label(net, samples.x, says[:, None])[0],
    }
    rows = []
    for way, labels in found.items():
        score = filtered_scores(samples.y[:, later], labels[:, later], classes)
        row = {"land": "made up", "way": way, "seed": seed, "right": score["OA"]}
        rows.append(row | {"changes_found": score["temporal_change_F1"]})
    return rows


class OfYear:
    """A product of which the year alone is asked."""

    def __init__(self, year):
        self.year = year


if __name__ == "__main__":
    run_main(main)
