"""Ways from monthly class scores to labels, on the validation parts of the runs that accuracy.py made: decoding.csv.

    python benchmarks/decoding.py

Of the default network on each seed's own split, all of validation, for validation chooses the way (and its strength):

    each month by itself              the class with the highest score
    majority filter                   the same, then the majority of 3 months, as published
    one cost for every change         what the network does: utils/decode.py, one cost for all transitions
    learned costs                     Viterbi with -log of the transition probabilities of the training labels, scaled

Scores are of the labels as they come out, without a filter after them.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from data_loader import load_samples, split_samples
from models.decode import decode
from training.loop import SWITCH_COSTS
from utils.changes import majority_filter
from utils.metrics import scores, selection_score

HERE = Path(__file__).parent
SCORES = ("OA", "mIoU", "sequence_accuracy", "spatial_F1", "temporal_F1", "temporal_change_F1")
STRENGTHS = (0.25, 0.5, 1.0, 2.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--network", default="patchnet", help="of the runs")
    parser.add_argument("--out", default=HERE / "decoding.csv", type=Path, help="table")
    args = parser.parse_args()
    rows = []
    for path in sorted(HERE.glob(f"runs/*-site-{args.network}-*/scores.json")):
        options = json.loads(path.with_name("config.json").read_text())["options"]
        samples = load_samples(options["data"])
        parts = split_samples(samples, options["split"], seed=options["seed"])
        train, validation = (samples.take(parts[part]) for part in ("train", "validation"))
        net = models.load(path.with_name("weights.safetensors"))
        same = {"data": Path(options["data"]).name, "seed": options["seed"]}
        rows += [same | row for row in ways(models.predict(net, validation.x), train, validation)]
    table = pd.DataFrame(rows)
    table.to_csv(args.out, index=False)
    print(
        table.groupby(["data", "way"], sort=False)[list(SCORES)]
        .mean()
        .to_string(float_format="{:.4f}".format)
    )


def ways(probability, train, validation):
    """One row a way to decode the probabilities (N, K, T) of the validation samples; the best
    strength of each.
    """
    logits = (
        torch.from_numpy(probability).clamp_min(1e-9).log()
    )  # the softmax shifts every class alike
    own = logits.argmax(dim=1).numpy().astype(np.int8)
    costs = transition_costs(train.y, len(train.legend))
    tried = {
        "each month by itself": [(0, own)],
        "majority filter": [(3, majority_filter(own, 3))],
        "one cost for every change": [
            (c, decode(logits, c).numpy().astype(np.int8)) for c in SWITCH_COSTS
        ],
        "learned costs": [(s, viterbi(logits, s * costs)) for s in STRENGTHS],
    }
    for way, found in tried.items():
        each = [
            scores(validation.y, labels, len(validation.legend)) | {"strength": strength}
            for strength, labels in found
        ]
        best = max(each, key=selection_score)
        yield {"way": way, "strength": best["strength"]} | {name: best[name] for name in SCORES}


def transition_costs(y, classes):
    """-log of the probability of each class after each, (K, K), of labels y (N, T), -1 = none; each
    counts 1 more.
    """
    counts = np.ones((classes, classes))
    known = (y[:, :-1] >= 0) & (y[:, 1:] >= 0)
    np.add.at(counts, (y[:, :-1][known], y[:, 1:][known]), 1)
    return torch.from_numpy(-np.log(counts / counts.sum(axis=1, keepdims=True))).float()


def viterbi(logits, costs):
    """The path with the highest sum of logits (N, K, T) less costs (K, K) [from, to]: labels (N, T)
    int8.
    """
    total, before = logits[:, :, 0], []
    for month in range(1, logits.shape[2]):
        best = (total[:, :, None] - costs).max(dim=1)  # over the class before: (N, K)
        before.append(best.indices)
        total = best.values + logits[:, :, month]
    labels = [total.argmax(dim=1)]
    for indices in reversed(before):
        labels.append(indices.gather(1, labels[-1][:, None])[:, 0])
    return torch.stack(labels[::-1], dim=1).numpy().astype(np.int8)


if __name__ == "__main__":
    main()
