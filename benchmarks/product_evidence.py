"""How map.py --product weighs product and network: product_evidence.csv.

    python benchmarks/product_evidence.py --shared ../shared/data

Real series of six places, one class each, and a network that never saw them. A product is made
from the true classes with 10, 20 or 30 % of other classes. The series are also repeated to four
years, with noise, and given one product or three. And made-up land that changes: the test sites of
dataset/urban.npz. A row for each land, number of products, share of errors, cost of a change and
way: temperature and trust fixed, or estimated on the area. Figures: the months right, the share of
stable series that change, which all are false, and on made-up land the F1 of the changes.
`network`, `product` and `network_F1` are what each has alone.
"""

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples, split_samples
from mapping.evidence import TEMPERATURE, TRUST, ProductEvidence
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser
from utils.metrics import filtered_scores
from utils.months import calendar_years

HERE = Path(__file__).parent
PLACES = ("flanders_2018", "east_africa", "roraima", "rondonia_7bands")
PLACES += ("pantanal_landsat", "atlantic_forest_landsat")
ERRORS = (0.1, 0.2, 0.3)
COSTS = (6.0, 15.0, 30.0)
YEARS = 4  # of the longer series
FIGURES = ["months_right", "changing", "changes_F1", "network", "network_F1", "product"]


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
    for place in PLACES:
        samples = with_one_class(options.shared / "real" / f"{place}.npz", net.card["bands"])
        rows += rows_of_land(net, place, samples, products=1)
        longer = repeated(samples)
        for products in (1, 3):
            rows += rows_of_land(net, f"{place}, {YEARS} years", longer, products)
    changing = load_samples("dataset/urban.npz")
    changing = changing.take(split_samples(changing, "site", seed=0)["test"])
    for products in (1, 3):
        rows += rows_of_land(net, "made up", changing, products)
    table = pd.DataFrame(rows).round(4)
    with written_whole(options.out) as part:
        table.to_csv(part, index=False)
    table["land"] = table["land"].str.replace("^[^,]*, ", "", regex=True).replace(PLACES, "real")
    print(table.groupby(["land", "products", "way", "cost"])[FIGURES].mean().round(3).to_string())


def with_one_class(path, bands):
    """Samples of a place, each series with its class in all months."""
    samples = load_samples(path, absent_bands="nan", bands=bands)
    true = samples.y.max(axis=1)
    samples = replace(samples, y=np.repeat(true[:, None], samples.y.shape[1], axis=1))
    return samples.take(true >= 0)


def repeated(samples):
    """The first 12 months of the series four times, each with its own noise of about 3 %."""
    rng = np.random.default_rng(0)
    year = samples.x[:, :, :12]
    parts = []
    for _ in range(YEARS):
        gain = np.exp(rng.normal(0, 0.03, year.shape))
        parts.append(year * gain + rng.normal(0, 30, year.shape))
    x = np.concatenate(parts, axis=2).astype(np.float32)
    months = samples.months.reshape(-1, samples.x.shape[2])[0, 0] + np.arange(12 * YEARS)
    return replace(samples, x=x, y=np.repeat(samples.y[:, :1], 12 * YEARS, axis=1), months=months)


def rows_of_land(net, land, samples, products):
    """Rows of the table of one land, with products of its longest years, the first of equals."""
    classes = len(net.card["legend"])
    years = calendar_years(samples.months)
    chosen, true = product_years(samples, years, products)
    scores = np.log(np.maximum(models.predict(net, samples.x), 1e-6))
    alone = figures_of(samples.y, models.label(net, samples.x)[0], classes)
    rows = []
    for errors in ERRORS:
        says = spoilt(true, errors, classes)
        known = {"land": land, "products": products, "errors": errors}
        known |= {"network": alone["months_right"], "network_F1": alone["changes_F1"]}
        known |= {"product": (says == true).mean()}
        of_years = tuple(SimpleNamespace(year=year) for year in chosen)
        fixed = ProductEvidence(of_years, (TRUST,) * products, years, classes, TEMPERATURE)
        ways = {"fixed": fixed, "estimated": fixed.most_likely(scores, says)}
        for (way, evidence), cost in itertools.product(ways.items(), COSTS):
            labels = evidence.label(net, samples.x, says, switch_cost=cost)[0]
            how = {"way": way, "cost": cost, "temperature": evidence.temperature}
            trust = {"trust": np.mean(evidence.trust)}
            rows.append(known | how | trust | figures_of(samples.y, labels, classes))
    return rows


def product_years(samples, years, count):
    """Years of the products, and the true classes (N, P) in the middle of each."""
    known, length = np.unique(years, return_counts=True)
    longest_first = np.argsort(-length, kind="stable")
    chosen = known[longest_first[:count]]
    months = [np.flatnonzero(years == year) for year in chosen]
    middle = [of_year[len(of_year) // 2] for of_year in months]
    return chosen, samples.y[:, middle]


def spoilt(true, share, classes):
    """Classes (N, P) of which a share is any other one."""
    rng = np.random.default_rng(0)
    other = (true + rng.integers(1, classes, true.shape)) % classes
    return np.where(rng.random(true.shape) < share, other, true)


def figures_of(true, labels, classes):
    """Months right, stable series that change, and F1 of the changes, if any is true."""
    stable = (true == true[:, :1]).all(axis=1)
    changing = (labels != labels[:, :1]).any(axis=1)
    f1 = np.nan
    if not stable.all():
        f1 = filtered_scores(true, labels, classes)["temporal_change_F1"]
    return {
        "months_right": (labels == true).mean(),
        "changing": changing[stable].mean(),
        "changes_F1": f1,
    }


if __name__ == "__main__":
    run_main(main)
