"""Train a network for all land: simulated series and real ones, each real set left out in turn.

What is chosen, the temperature and the cost of a change, is chosen on the sets that are left out:
a network is far too sure on land that it never saw, and finds changes there that are none.
"""

from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import models
from data_loader import split_samples
from models.breaks import HALVED_AT, LEAST_COST, break_strength, cost_at
from models.decode import decode
from training.loop import fit
from training.mixture import real_samples, together
from training.recipe import Settings

SETTINGS = Settings(
    epochs=24,
    batch_size=256,
    learning_rate=8e-3,
    average=0.995,
    flip_until=0.5,
    augment=(
        "flip",
        "illumination",
        "noise",
        "weather",
        "gaps",
        "crop_to_year",
        "splice_few",
        "bands",
    ),
)
TEMPERATURES = np.round(np.geomspace(1, 6, 30), 2)
COSTS = np.arange(1, 80.1)  # nats where nothing breaks, of scores divided by the temperature
STABLE = 0.009  # share of the stable series that may change


def train_world(simulated, folder, names, *, settings=SETTINGS, seed=0, progress=True, **network):
    """Return a network trained on Samples `simulated` (a list) and the real sets `names`.

    A tenth of the simulated sites chooses the epoch. folder: where the real sets are.
    """
    train, chooses = (part_of(simulated, part, seed) for part in ("train", "validation"))
    if names:
        train = together(train, real_samples(folder, names, train, seed))
    torch.manual_seed(seed)
    first = simulated[0]
    net = models.build("patchnet", bands=first.bands, legend=first.legend, **network)
    net, history = fit(net, train, chooses, replace(settings, seed=seed), progress=progress)
    return net, history


def part_of(simulated, part, seed=0):
    """The train, validation or test sites of each of the simulated Samples, as one."""
    taken = []
    for samples in simulated:
        rows = split_samples(samples, "site", validation=0.1, test=0.05, seed=seed)
        taken.append(samples.take(rows[part]))
    return together(*taken)


@torch.inference_mode()
def scores_of(net, x):
    """Scores (N, K, T) of series x (N, C, T) float32, before temperature."""
    return net(torch.from_numpy(np.ascontiguousarray(x, np.float32)))


def choose_temperature(left_out, temperatures=TEMPERATURES):
    """Temperature with the least mean loss over sets of (scores (N, K, T), class (N,))."""

    def loss(temperature):
        each = []
        for scores, own in left_out:
            y = torch.from_numpy(own).long()[:, None].expand(-1, scores.shape[-1])
            each.append(float(cross_entropy(scores / temperature, y)))
        return np.mean(each)

    return float(min(temperatures, key=loss))


def choose_cost(stable, temperature):
    """Least cost of a change with which no more than STABLE of the stable series change.

    stable: for each set its series (N, C, T), and a list of scores (N, K, T), one of each network
    that was asked. The share is the mean over the networks, then over the sets.
    """
    strengths = [break_strength(torch.from_numpy(x)) for x, _ in stable]
    for cost in COSTS:
        shares = []
        for strength, (_, each) in zip(strengths, stable, strict=True):
            labels = [decode_at(scores / temperature, strength, cost) for scores in each]
            shares.append(np.mean([changing(found) for found in labels]))
        if np.mean(shares) <= STABLE:
            break
    return float(cost)


def decode_at(scores, strength, cost):
    """Labels (N, T) of scores (N, K, T) where changes cost less at breaks of strength (T, N)."""
    return decode(scores, LEAST_COST, lambda rows: cost_at(strength[:, rows], cost))


def changing(labels):
    """Share of the series (N, T) that change at all."""
    return float((labels[:, 1:] != labels[:, :-1]).any(1).float().mean())


def soften(net, temperature, cost):
    """Write the temperature into the weights of the last product, and the costs into the card."""
    with torch.no_grad():
        net.score.weight /= temperature
        net.score.bias /= temperature
    net.card["switch_cost"], net.card["break"] = cost, HALVED_AT
    net.card["temperature"] = temperature
    return net


def series_scores(labels, own):
    """Class of most months against the true one: OA, macro F1 of the classes there, changing."""
    classes = int(max(labels.max(), own.max())) + 1
    count = np.stack([(labels == k).sum(1) for k in range(classes)], axis=1)
    found = count.argmax(1)
    f1 = []
    for k in np.unique(own):
        hits = ((found == k) & (own == k)).sum()
        f1.append(2 * hits / ((found == k).sum() + (own == k).sum()))
    return {
        "series": len(own),
        "OA": float((found == own).mean()),
        "macro_F1": float(np.mean(f1)),
        "changing": changing(torch.from_numpy(labels)),
    }
