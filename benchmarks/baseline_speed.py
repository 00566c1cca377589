"""Series a second of the baselines on one core, in one run, with made-up series of ten bands.

    OMP_NUM_THREADS=1 python benchmarks/baseline_speed.py                 # 48 months
    OMP_NUM_THREADS=1 python benchmarks/baseline_speed.py --months 60 --networks patchnet,fcn

Detection: the breaks alone. Labels: detection, features and the random forest. Networks with random weights: speed does
not depend on them. Writes a CSV.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import models
from comparing import registry as methods
from comparing.methods.bfast import bfast
from comparing.methods.bfast_monitor import monitor
from comparing.methods.ccdc import cold
from comparing.methods.made_up import made_up_series
from comparing.methods.segments import ndvi
from data_loader import BANDS, Samples
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.legend import URBAN

SETTINGS = {
    "ccdc": {"conse": 4, "probability": 0.99},
    "bfast": {"band": "NDVI", "h": 0.15, "level": 0.05, "harmonics": 3},
    "bfast_monitor": {"band": "NDVI", "history": 24, "level": 0.05, "trend": True},
    "forest": {"smallest_leaf": 1},
}


def made_up_samples(count, months, seed=0):
    """Half of the series change in the middle third: reflectance that follows season and step:
    (count, 10, months).
    """
    random = np.random.default_rng(seed)
    at = np.where(
        random.random(count) < 0.5, random.integers(months // 3, 2 * months // 3, count), months
    )
    red = 1500 - 2000 * made_up_series(count, steps=months, trend_break=at, noise=0.03, seed=seed)
    near_infrared = 1500 + 4000 * made_up_series(
        count, steps=months, trend_break=at, noise=0.03, seed=seed + 1
    )
    share = np.linspace(0, 1, len(BANDS))[:, None]
    x = np.clip((1 - share) * red[:, None] + share * near_infrared[:, None], 50, 9000)
    x = x + 30 * random.standard_normal(x.shape)
    y = (np.arange(months) >= at[:, None]).astype(np.int8)
    dates = np.datetime64("2018-01") + np.arange(months)
    return Samples(x.astype(np.float32), y, dates, BANDS, URBAN, np.arange(count).astype(str))


def rate(work, count, repeats):
    """Series a second of processor time, the best of several runs after one to warm up.

    Processor time, so that what else runs on the machine counts little; on a free core it is the
    time on the clock.
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
    ccdc, trend_season = (
        SETTINGS["ccdc"],
        {key: SETTINGS["bfast"][key] for key in ("h", "level", "harmonics")},
    )
    return {
        "ccdc": lambda: [cold(x, samples.months, bands=samples.bands, **ccdc) for x in samples.x],
        "bfast": lambda: bfast(index, **trend_season),
        "bfast_monitor": lambda: monitor(index, history=24, trend=True),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--series", type=int, default=1000, help="series to label")
    parser.add_argument("--months", type=int, default=48, help="months of each series")
    parser.add_argument(
        "--networks", default="patchnet,fcn", help="with commas, of models.NETWORKS"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which the fastest counts")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/baseline_speed.csv"), help="CSV to write"
    )
    options = parser.parse_args()
    if options.series < 1 or options.months < 24 or options.repeats < 1:
        raise InputError(
            "expected --series and --repeats of at least 1 and --months of at least 24"
        )
    torch.set_num_threads(1)
    samples, train = (
        made_up_samples(options.series, options.months),
        made_up_samples(400, options.months, seed=1),
    )
    detect, rows = detections(samples), []
    for name, setting in SETTINGS.items():
        method = methods.build(name, **setting).fit(train)
        found = rate(detect[name], len(samples), options.repeats) if name in detect else np.nan
        rows.append(
            (name, found, rate(lambda m=method: m.predict(samples), len(samples), options.repeats))
        )
    for name in filter(None, options.networks.split(",")):
        net = models.build(name, bands=BANDS, legend=URBAN).eval()
        rows.append(
            (
                name,
                np.nan,
                rate(lambda n=net: models.label(n, samples.x), len(samples), options.repeats),
            )
        )
    table = pd.DataFrame(rows, columns=["method", "breaks, series/s", "labels, series/s"]).round(0)
    print(
        f"{options.series} series, {options.months} months, 10 bands (BFAST: NDVI), one core, processor time"
    )
    print(table.to_string(index=False, na_rep="-"))
    with written_whole(options.out) as path:
        table.assign(series=options.series, months=options.months).to_csv(path, index=False)


if __name__ == "__main__":
    run_main(main)
