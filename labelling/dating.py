"""Find the months: networks are trained on what the products say, and label all months.

Between two years of one class the class holds all the time. Between two years of different classes
the change may be anywhere. There the NEW class is taught in all months. That sounds wrong, and is
what works: months before the change look like the many stable series of the old class, which
outvote them, while what is seen only between such years (stubble, cleared ground, a building site)
is learned as no longer the old class. (Learning from positive and unlabelled examples: Elkan & Noto
2008.)

It works only for a network that sees one month alone, and the first one is such a network. One that
sees the whole series learns where in the year the products stand, and dates changes by that.

Then products and network are decoded together. The labels so found teach a network that sees the
whole series, and the two networks label once more: the first is right about months, the second
about classes. Where all products are of one month, nothing can be learned of where they stand.
There the second network, too, is trained on the products.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

import models
from labelling.candidates import one_a_month
from labelling.evidence import (
    LEAST_EVIDENCE,
    NETWORK_WEIGHT,
    TRUST,
    most_likely,
    product_evidence,
    trust_of,
)
from models.breaks import break_strength
from training.augment import AUGMENTATIONS
from training.processes import machine

STEPS = 2_500  # batches of the training of a network
BATCH = 64
LEARNING_RATE = 5e-3
AVERAGE = 0.998  # decay of the running mean of the weights, which is what labels
CHANGES = ("splice", "illumination", "noise", "gaps")
BALANCE = 0.5  # power of 1 / frequency of a class by which its series are drawn; 0 = as they come
ONE_MONTH, WHOLE_SERIES = {"patch": 1, "reach": ()}, {}  # arguments of PatchNet: what it sees


@dataclass(frozen=True)
class Found:
    """labels (N, T) int8; evidence (N, T) float32, the probability of the label."""

    labels: np.ndarray
    evidence: np.ndarray
    trust: np.ndarray  # (2,) of the products, in the middle of a class and at an edge


def find_months(x, classes, edge, months, bands, legend, *, steps=STEPS, seed=0):
    """Label every month of series x (N, C, T) with the help of products; returns Found.

    classes, edge: (N, P); months: (P,) index of each product's month. Months before the first
    and after the last observation of a series stay -1.
    """
    seen, strength = seen_months(x), break_strength(torch.from_numpy(x))
    trust = np.array([TRUST, TRUST])
    length, n_classes = x.shape[2], len(legend)
    at, yearly = years_of(classes, months)
    taught = np.where(seen, labels_from_years(yearly, at, length), -1)
    scores = []
    for number, shape in enumerate((ONE_MONTH, WHOLE_SERIES)):
        with machine("cpu", threads=1):  # on a busy machine two would wait for each other
            net = trained(x, taught, bands, legend, steps=steps, seed=seed + number, **shape)
        scores.append(network_scores(net, x, seen))
        score = np.mean(scores, axis=0)
        for _ in range(2):  # the trust of the products follows from the labels, and they from it
            says = product_evidence(classes, edge, months, trust, length, n_classes)
            labels, sure = most_likely(NETWORK_WEIGHT * score + says, strength)
            labels = np.where(seen, labels, -1)
            trust = trust_of(classes, edge, months, labels)
        if len(at) > 1:
            taught = np.where(sure >= LEAST_EVIDENCE, labels, -1)
    return Found(labels, sure, trust)


def seen_months(x):
    """Months from the first to the last observation of each series: (N, C, T) -> (N, T) bool."""
    seen = np.isfinite(x).any(axis=1)
    after = np.maximum.accumulate(seen, axis=1)
    before = np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    return after & before


def years_of(classes, months):
    """Months with products, in order (M,), and the class that its products agree on (N, M)."""
    return np.array(sorted(set(months))), one_a_month(classes.T, months).T


def labels_from_years(yearly, at, steps):
    """Labels (N, T) int8 to teach, from the classes (N, M) of the months `at` (M,); -1 = nothing.

    A class is supported if the year before or after has it too. A change between two supported
    classes teaches the new one from two months after the old one was seen (see above).
    """
    out = np.full((len(yearly), steps), -1, np.int8)
    same = (yearly[:, 1:] == yearly[:, :-1]) & (yearly[:, 1:] >= 0)
    supported = np.zeros(yearly.shape, bool)
    supported[:, 1:] |= same
    supported[:, :-1] |= same
    if yearly.shape[1] <= 2:  # nothing better is known
        supported[:] = yearly >= 0
    for i, (start, stop) in enumerate(zip(at, at[1:])):
        rows = same[:, i]
        out[rows, start : stop + 1] = yearly[rows, i, None]
        rows = ~same[:, i] & supported[:, i] & supported[:, i + 1]
        out[rows, start + 2 : stop + 1] = yearly[rows, i + 1, None]
    for i, month in enumerate(at):
        rows = yearly[:, i] >= 0
        out[rows, max(0, month - 1) : month + 2] = yearly[rows, i, None]
    if len(at) == 1:
        out[:] = yearly
    return out


def trained(x, y, bands, legend, *, steps, seed, **shape):
    """Return a PatchNet trained on series x (N, C, T) and labels y (N, T), -1 = not known.

    shape: arguments of the network other than its own.
    """
    torch.manual_seed(seed)
    net = models.build("patchnet", bands=bands, legend=legend, **shape)
    mean = models.build("patchnet", bands=bands, legend=legend, **shape).requires_grad_(False)
    x, target = models.as_tensor(x, "cpu"), torch.from_numpy(y).long()
    for each in (net, mean):
        each.inputs.fit(x)
    mean.load_state_dict(net.state_dict())
    draw = torch.from_numpy(draw_weights(y, len(legend)))
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    net.train()
    for step in tqdm(range(steps), unit="batch", desc="months", leave=False):
        rows = torch.multinomial(draw, BATCH, replacement=True)
        batch, labels = x[rows], target[rows]
        for name in CHANGES:
            batch, labels = AUGMENTATIONS[name](batch, labels)
        loss = nn.functional.cross_entropy(net(batch).float(), labels, ignore_index=-1)
        optimizer.zero_grad(set_to_none=True)
        if torch.isfinite(loss):
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        schedule.step()
        follow(mean, net, min(AVERAGE, (1 + step) / (10 + step)))
    return mean.eval()


def follow(mean, net, decay):
    """Move the running mean of the weights towards the network."""
    for average, value in zip(mean.parameters(), net.parameters()):
        average.lerp_(value.detach(), 1 - decay)


def draw_weights(y, classes):
    """How often each series is drawn: rare classes more often. (N, T) -> (N,)."""
    count = np.bincount(y[y >= 0], minlength=classes)
    weight = (count.sum() / np.maximum(count, 1)) ** BALANCE
    labelled = (y >= 0).sum(axis=1)
    total = np.where(y >= 0, weight[y], 0).sum(axis=1)
    return np.where(labelled > 0, total / np.maximum(labelled, 1), 0)


def network_scores(net, x, seen):
    """Log probabilities (N, K, T) by the network; 0 where seen (N, T) is False."""
    scores = np.log(np.maximum(models.predict(net, x), 1e-6))
    return np.where(seen[:, None], scores, 0)
