"""Ways from monthly class scores to labels, on the validation parts of the runs of accuracy.py.

    python benchmarks/decoding.py

Writes benchmarks/decoding.csv. The network is the default one, on the split of each seed. All of
the validation part is used, because validation chooses the way and its strength:

    each month by itself        the class with the highest score
    majority filter             the same, then the majority of 3 months, as published
    one cost for every change   what the network does (models/decode.py)
    learned costs               Viterbi with -log of the transition probabilities of the training
                                labels, scaled

Scores are of the labels as they come out, without a filter after them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from benchmarks.accuracy import finished_runs
from data_loader import load_samples
from models.decode import decode
from training.card import TrainingCard
from training.loop import SWITCH_COSTS
from utils.changes import majority_filter
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser
from utils.metrics import scores, selection_score

HERE = Path(__file__).parent
SCORES = ("OA", "mIoU", "sequence_accuracy", "spatial_F1", "temporal_F1", "temporal_change_F1")
STRENGTHS = (0.25, 0.5, 1.0, 2.0)


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--network", default="patchnet", help="of the runs")
    parser.add_argument("--out", default=HERE / "decoding.csv", type=Path, help="table")
    return parser


def main():
    options = make_parser().parse_args()
    rows = []
    for folder in finished_runs(f"*-site-{options.network}-*"):
        run = json.loads((folder / "config.json").read_text())["options"]
        net = models.load(folder / "weights.safetensors")
        samples, card = load_samples(run["data"]), TrainingCard.from_card(net.card)
        train, validation = (
            samples.take(card.rows(part, samples)) for part in ("train", "validation")
        )
        same = {"data": Path(run["data"]).name, "seed": run["seed"]}
        rows += [same | row for row in ways(models.predict(net, validation.x), train, validation)]
    if not rows:
        raise InputError(f"{HERE / 'runs'}: no runs found; expected those of accuracy.py")
    table = pd.DataFrame(rows)
    with written_whole(options.out) as path:
        table.to_csv(path, index=False)
    mean = table.groupby(["data", "way"], sort=False)[list(SCORES)].mean()
    print(mean.to_string(float_format="{:.4f}".format))


def ways(probability, train, validation):
    """One row for each way to decode the probabilities (N, K, T), with its best strength."""
    logits = torch.from_numpy(probability).clamp_min(1e-9).log()  # (N, K, T)
    own = logits.argmax(dim=1).numpy().astype(np.int8)
    costs = transition_costs(train.y, len(train.legend))
    tried = {
        "each month by itself": {0: own},
        "majority filter": {3: majority_filter(own, 3)},
        "one cost for every change": {
            cost: decode(logits, cost).numpy().astype(np.int8) for cost in SWITCH_COSTS
        },
        "learned costs": {strength: viterbi(logits, strength * costs) for strength in STRENGTHS},
    }
    for way, labelled in tried.items():
        found = [
            scores(validation.y, labels, len(validation.legend)) | {"strength": strength}
            for strength, labels in labelled.items()
        ]
        best = max(found, key=selection_score)
        yield {"way": way, "strength": best["strength"]} | {name: best[name] for name in SCORES}


def transition_costs(y, classes):
    """-log of the probability of each class after each, (K, K), from labels y (N, T), -1 = none.

    Each pair counts once more than it occurs, so that no pair is impossible.
    """
    counts = np.ones((classes, classes))
    before, after = y[:, :-1], y[:, 1:]
    known = (before >= 0) & (after >= 0)
    np.add.at(counts, (before[known], after[known]), 1)
    return torch.from_numpy(-np.log(counts / counts.sum(axis=1, keepdims=True))).float()


def viterbi(logits, costs):
    """The path with the highest sum of logits (N, K, T) less costs (K, K) [from, to].

    Returns labels (N, T) int8.
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
    run_main(main)
