"""Series per second from raw reflectance to labels and confidence, every network in one run.

    python benchmarks/speed.py                      # writes benchmarks/speed.csv
    python benchmarks/speed.py --device cuda

On one thread, and on all cores. The ratio is to `fcn` in float32 of the same run: on a shared
machine rates drift, ratios much less. Every case is timed several times in turn with the others,
and the best is taken. The share of the matrix rate says how much of what the machine gives to a
large matrix product the network gets. PatchNet has the shipped weights, so that its decoding works
on real changes; the others have fresh ones.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples
from utils.bands import NO_OBSERVATION
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser, whole_number

HERE = Path(__file__).parent
FEWER = 32  # the other networks are slower, so they get this many times fewer series
PRECISIONS = ("float32", "bfloat16")


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument(
        "--weights", default="model_data/urban.safetensors", help="of the default network"
    )
    parser.add_argument("--data", default="dataset/urban.npz", help="series to label; 48 months")
    parser.add_argument(
        "--series",
        type=whole_number(at_least=64),
        default=32_768,
        help=f"labelled by PatchNet; the others take 1 of {FEWER}",
    )
    parser.add_argument(
        "--repeat",
        type=whole_number(at_least=1),
        default=18,
        help="rounds; the best of each case counts",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to label")
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile too (needs a C++ compiler)"
    )
    parser.add_argument("--out", default=HERE / "speed.csv", type=Path, help="table")
    return parser


def main():
    options = make_parser().parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: no GPU found; expected one, or --device cpu")
    cases = cases_of(options)
    numbers = sorted({1, torch.get_num_threads()})
    rows = [row for threads in numbers for row in timed(cases, threads, options)]
    table = pd.DataFrame(rows)
    with written_whole(options.out) as path:
        table.to_csv(path, index=False)
    print(table.to_string(index=False))


def cases_of(options):
    """What is timed: dict of (network, precision, backend) -> (net, series, precision)."""
    samples = load_samples(options.data)
    whole = np.where(np.isnan(samples.x), NO_OBSERVATION, samples.x).astype(np.int16)
    x = whole[np.arange(options.series) % len(samples)]
    cases = {}
    for name in models.NETWORKS:
        if name == "patchnet":
            net, series = models.load(options.weights), x
        else:
            net = models.build(name, bands=samples.bands, legend=samples.legend).eval()
            series = x[: max(64, options.series // FEWER)]
        net = net.to(options.device)
        for precision in PRECISIONS:
            cases[name, precision, "eager"] = (net, series, precision)
            if options.compile:
                fast = torch.compile(net)
                fast.card = net.card
                cases[name, precision, "compiled"] = (fast, series, precision)
    return cases


def timed(cases, threads, options):
    """Rows of the table for all cases on this many threads; the best of several rounds."""
    torch.set_num_threads(threads)
    best = dict.fromkeys(cases, np.inf)  # seconds per series
    rate = dict.fromkeys(PRECISIONS, 0.0)  # operations per second
    for _ in range(options.repeat):
        for precision in PRECISIONS:
            rate[precision] = max(rate[precision], matrix_rate(precision, options.device))
        for case, (net, series, precision) in cases.items():
            best[case] = min(best[case], seconds(net, series, precision) / len(series))
    reference = best["fcn", "float32", "eager"]
    for case, spent in best.items():
        name, precision, backend = case
        net, series, _ = cases[case]
        operations = flops(net, series[:8], options.device) / 8
        yield {
            "network": name,
            "precision": precision,
            "backend": backend,
            "threads": threads,
            "series_per_second": round(1 / spent),
            "ratio": round(reference / spent, 1),
            "MFLOP": round(operations / 1e6, 2),
            "share_of_matrix_rate": round(operations / spent / rate[precision], 3),
            "matrix_GFLOP_per_second": round(rate[precision] / 1e9),
            "device": options.device,
        }


def seconds(net, x, precision):
    """Seconds of one pass from integers to labels and confidence."""
    started = time.perf_counter()
    models.label(net, x, precision=precision)
    return time.perf_counter() - started


def matrix_rate(precision, device, size=2048):
    """Floating point operations per second of a large matrix product."""
    a = torch.randn(size, size, device=device, dtype=getattr(torch, precision))
    with torch.inference_mode():
        a @ a
        started = time.perf_counter()
        (a @ a)[0, 0].item()
    return 2 * size**3 / (time.perf_counter() - started)


def flops(net, x, device):
    """Floating point operations of the matrix products of one pass over x."""
    # the counter cannot see into the fused encoder layer
    torch.backends.mha.set_fastpath_enabled(False)
    # and does not know the product in place
    in_place = {torch.ops.aten.addmm_: lambda total, a, b, **_: 2 * a[0] * a[1] * b[1]}
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter, torch.inference_mode():
        getattr(net, "_orig_mod", net)(models.as_tensor(x, device))
    torch.backends.mha.set_fastpath_enabled(True)
    return counter.get_total_flops()


if __name__ == "__main__":
    run_main(main)
