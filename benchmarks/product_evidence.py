"""How map.py --product weighs product and network: product_evidence.csv.

    python benchmarks/product_evidence.py --shared ../shared/data

Real series of six places, one class each, and a network that never saw them. A product is made
from the true classes with 10, 20 or 30 % of other classes. A row for each place, share of errors,
cost of a change and way: temperature and trust fixed, or estimated on the area. Figures: the months
right, and the share of series that change, which all are false. `network` and `product` are the
months that each has right alone.
"""

import itertools
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples
from mapping.evidence import TEMPERATURE, TRUST, ProductEvidence
from models.decode import decode
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser
from utils.months import calendar_years

HERE = Path(__file__).parent
PLACES = ("flanders_2018", "east_africa", "roraima", "rondonia_7bands")
PLACES += ("pantanal_landsat", "atlantic_forest_landsat")
ERRORS = (0.1, 0.2, 0.3)
COSTS = (3.0, 6.0, 9.0)


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--shared", default="../shared/data", type=Path, help="folder of the sets")
    parser.add_argument("--weights", default="model_data/urban.safetensors", help="network")
    parser.add_argument("--out", default=HERE / "product_evidence.csv", type=Path, help="table")
    return parser


def main(words=None):
    options = make_parser().parse_args(words)
    net = models.load(options.weights)
    rows = []
    for place, errors in itertools.product(PLACES, ERRORS):
        rows += rows_of_place(net, options.shared / "real" / f"{place}.npz", errors)
    table = pd.DataFrame(rows).round(4)
    with written_whole(options.out) as part:
        table.to_csv(part, index=False)
    figures = ["months_right", "changing", "network", "product"]
    print(table.groupby(["way", "cost"])[figures].mean().round(3).to_string())


def rows_of_place(net, path, errors):
    """Rows of the table of one place."""
    samples = load_samples(path, absent_bands="nan", bands=net.card["bands"])
    true = samples.y.max(axis=1).astype(int)
    samples, true = samples.take(true >= 0), true[true >= 0]
    classes = len(net.card["legend"])
    rng = np.random.default_rng(0)
    wrong = rng.random(len(true)) < errors
    other = (true + rng.integers(1, classes, len(true))) % classes
    says = np.where(wrong, other, true)
    labels, _, probabilities = models.label(net, samples.x, probabilities=True)
    scores = np.log(np.maximum(probabilities, 1e-6))
    years = calendar_years(samples.months)
    product = SimpleNamespace(year=np.bincount(years).argmax())  # the year of most months
    alone = {"network": (labels == true[:, None]).mean(), "product": (says == true).mean()}
    fixed = ProductEvidence((product,), (TRUST,), years, classes, TEMPERATURE)
    ways = {"fixed": fixed, "estimated": fixed.most_likely(scores, says[:, None])}
    rows = []
    for (way, evidence), cost in itertools.product(ways.items(), COSTS):
        total = scores / evidence.temperature + evidence.of_months(says[:, None], labels)
        found = decode(torch.from_numpy(total.astype(np.float32)), cost).numpy()
        row = {"place": path.stem, "errors": errors, "way": way, "cost": cost}
        row |= {"temperature": evidence.temperature, "trust": evidence.trust[0]}
        row |= {"months_right": (found == true[:, None]).mean()}
        changing = (found[:, 1:] != found[:, :-1]).any(axis=1).mean()
        rows.append(row | {"changing": changing} | alone)
    return rows


if __name__ == "__main__":
    run_main(main)
