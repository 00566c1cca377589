"""Series per second of the baselines on one core, in one run, with made-up series of ten bands.

    OMP_NUM_THREADS=1 python benchmarks/baseline_speed.py                 # 48 months
    OMP_NUM_THREADS=1 python benchmarks/baseline_speed.py --months 60 --networks patchnet,fcn

"Breaks" is the detection alone. "Labels" is detection, features and the random forest. Networks
have random weights: speed does not depend on them. Writes baseline_speed.csv.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import models
from comparing import registry
from comparing.methods.bfast import bfast
from comparing.methods.bfast_monitor import monitor
from comparing.methods.ccdc import cold
from comparing.methods.made_up import made_up_series
from comparing.methods.sccd import sccd_breaks
from comparing.methods.segments import ndvi
from data_loader import Samples
from utils.bands import BANDS
from utils.errors import run_main
from utils.files import written_whole
from utils.flags import Parser, names, whole_number
from utils.legend import URBAN

SETTINGS = {
    "ccdc": {"conse": 4, "probability": 0.99},
    "sccd": {"conse": 4, "probability": 0.99},
    "bfast": {"band": "NDVI", "h": 0.15, "level": 0.05, "harmonics": 3},
    "bfast_monitor": {"band": "NDVI", "history": 24, "level": 0.05, "trend": True},
    "forest": {"smallest_leaf": 1},
}
COLUMNS = ["method", "breaks, series/s", "labels, series/s"]


def made_up_samples(count, months, seed=0):
    """Samples of which half change in the middle third; reflectance follows season and step."""
    random = np.random.default_rng(seed)
    changes = random.random(count) < 0.5
    at = np.where(changes, random.integers(months // 3, 2 * months // 3, count), months)
    made = {"steps": months, "trend_break": at, "noise": 0.03}
    red = 1500 - 2000 * made_up_series(count, **made, seed=seed)
    near_infrared = 1500 + 4000 * made_up_series(count, **made, seed=seed + 1)
    share = np.linspace(0, 1, len(BANDS))[:, None]
    x = (1 - share) * red[:, None] + share * near_infrared[:, None]
    x = np.clip(x, 50, 9000)
    x = x + 30 * random.standard_normal(x.shape)  # (count, 10, months)
    y = (np.arange(months) >= at[:, None]).astype(np.int8)
    dates = np.datetime64("2018-01") + np.arange(months)
    return Samples(x.astype(np.float32), y, dates, BANDS, URBAN, np.arange(count).astype(str))


def rate(work, count, repeats):
    """Series per second of processor time, the best of several runs after one to warm up.

    Processor time counts little of what else runs on the machine. On a free core it is the time on
    the clock.
    """
    work()
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return count / min(seconds)


def detections(samples):
    """The break detection of each method alone, as functions without arguments."""
    index = ndvi(samples.x, samples.bands)
    shared = {"months": samples.months, "bands": samples.bands}
    ccdc, sccd = shared | SETTINGS["ccdc"], shared | SETTINGS["sccd"]
    trend_season = {key: SETTINGS["bfast"][key] for key in ("h", "level", "harmonics")}
    return {
        "ccdc": lambda: [cold(x, **ccdc) for x in samples.x],
        "sccd": lambda: [sccd_breaks(x, **sccd) for x in samples.x],
        "bfast": lambda: bfast(index, **trend_season),
        "bfast_monitor": lambda: monitor(index, history=24, trend=True),
    }


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument(
        "--series", type=whole_number(at_least=1), default=1000, help="series to label"
    )
    parser.add_argument(
        "--months", type=whole_number(at_least=24), default=48, help="months of each series"
    )
    networks = ("patchnet", "fcn")
    parser.add_argument(
        "--networks", type=names, default=networks, help="of models.NETWORKS, separated by commas"
    )
    parser.add_argument(
        "--repeats",
        type=whole_number(at_least=1),
        default=3,
        help="runs, of which the fastest counts",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/baseline_speed.csv"), help="CSV to write"
    )
    return parser


def main():
    options = make_parser().parse_args()
    torch.set_num_threads(1)
    samples = made_up_samples(options.series, options.months)
    train = made_up_samples(400, options.months, seed=1)
    detect, rows = detections(samples), []
    count, repeats = len(samples), options.repeats
    for name, setting in SETTINGS.items():
        method = registry.build(name, **setting).fit(train)
        breaks = rate(detect[name], count, repeats) if name in detect else np.nan
        rows.append((name, breaks, rate(lambda m=method: m.predict(samples), count, repeats)))
    for name in options.networks or ():
        net = models.build(name, bands=BANDS, legend=URBAN).eval()
        labels = rate(lambda n=net: models.label(n, samples.x), count, repeats)
        rows.append((name, np.nan, labels))
    table = pd.DataFrame(rows, columns=COLUMNS).round(0)
    print(f"{options.series} series, {options.months} months, 10 bands, one core, processor time")
    print(table.to_string(index=False, na_rep="-"))
    with written_whole(options.out) as path:
        table.assign(series=options.series, months=options.months).to_csv(path, index=False)


if __name__ == "__main__":
    run_main(main)
