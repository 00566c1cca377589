"""Series a second from raw reflectance to labels and confidence, every network and backend in one run.

    python benchmarks/speed.py                      # writes benchmarks/speed.csv
    python benchmarks/speed.py --device cuda

On one thread, and on all cores.

The ratio is to `fcn` in float32 of the same run: on a shared machine rates drift, ratios much less. Every case is timed
several times in turn with the others, and the best is taken. The share of the matrix rate says how much of what the
machine gives to a large matrix product the network gets. PatchNet has the shipped weights, so that its decoding works
on real changes; the others have fresh ones.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import NO_OBSERVATION, load_samples

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--weights", default="model_data/urban.safetensors", help="of the default network"
    )
    parser.add_argument("--data", default="dataset/urban.npz", help="series to label; 48 months")
    parser.add_argument(
        "--series", type=int, default=32_768, help="labelled by PatchNet; the others take a 32nd"
    )
    parser.add_argument(
        "--repeat", type=int, default=18, help="rounds; the best of each case counts"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile too (needs a C++ compiler)"
    )
    parser.add_argument("--out", default=HERE / "speed.csv", type=Path, help="table")
    args = parser.parse_args()
    samples = load_samples(args.data)
    x = np.where(np.isnan(samples.x), NO_OBSERVATION, samples.x).astype(np.int16)[
        np.arange(args.series) % len(samples)
    ]
    cases = {}
    for name in models.NETWORKS:
        fresh = models.build(name, bands=samples.bands, legend=samples.legend).eval()
        net = (models.load(args.weights) if name == "patchnet" else fresh).to(args.device)
        few = x if name == "patchnet" else x[: max(64, args.series // 32)]
        for precision in ("float32", "bfloat16"):
            cases[name, precision, "eager"] = (net, few, precision)
            if args.compile:
                fast = torch.compile(net)
                fast.card = net.card
                cases[name, precision, "compiled"] = (fast, few, precision)
    threads = torch.get_num_threads()
    rows = [row for number in sorted({1, threads}) for row in timed(cases, number, args)]
    table = pd.DataFrame(rows)
    table.to_csv(args.out, index=False)
    print(table.to_string(index=False))


def timed(cases, threads, args):
    """Rows of the table for all cases on this many threads; the best of several rounds."""
    torch.set_num_threads(threads)
    best = dict.fromkeys(cases, np.inf)
    rate = dict.fromkeys(("float32", "bfloat16"), 0.0)
    for _ in range(args.repeat):
        rate = {
            precision: max(rate[precision], matrix_rate(precision, args.device))
            for precision in rate
        }
        for case, (net, few, precision) in cases.items():
            best[case] = min(best[case], seconds(net, few, precision) / len(few))
    reference = best["fcn", "float32", "eager"]
    for (name, precision, backend), each in best.items():
        flop = (
            flops(
                cases[name, precision, backend][0],
                cases[name, precision, backend][1][:8],
                args.device,
            )
            / 8
        )
        yield {
            "network": name,
            "precision": precision,
            "backend": backend,
            "threads": threads,
            "series_per_second": round(1 / each),
            "ratio": round(reference / each, 1),
            "MFLOP": round(flop / 1e6, 2),
            "share_of_matrix_rate": round(flop / each / rate[precision], 3),
            "matrix_GFLOP_per_second": round(rate[precision] / 1e9),
            "device": args.device,
        }


def seconds(net, x, precision):
    """Seconds of one pass from integers to labels and confidence."""
    started = time.perf_counter()
    models.label(net, x, precision=precision)
    return time.perf_counter() - started


def matrix_rate(precision, device, size=2048):
    """Floating point operations a second of a large matrix product."""
    a = torch.randn(size, size, device=device, dtype=getattr(torch, precision))
    with torch.inference_mode():
        a @ a
        started = time.perf_counter()
        (a @ a)[0, 0].item()
    return 2 * size**3 / (time.perf_counter() - started)


def flops(net, x, device):
    """Floating point operations of the matrix products of one pass over x."""
    torch.backends.mha.set_fastpath_enabled(
        False
    )  # the counter cannot see into the fused encoder layer
    in_place = {
        torch.ops.aten.addmm_: lambda total, a, b, **_: 2 * a[0] * a[1] * b[1]
    }  # not known to the counter
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter, torch.inference_mode():
        getattr(net, "_orig_mod", net)(models.as_tensor(x, device))
    torch.backends.mha.set_fastpath_enabled(True)
    return counter.get_total_flops()


if __name__ == "__main__":
    main()
