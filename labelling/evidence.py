"""What products and network together say of every month of a series.

A series is a chain of months. A change costs `SWITCH_COST`, in nats, as in models/decode.py, and
less where the bands break (models/breaks.py). A product tells the class at its month and is right
with a probability, its trust. The network tells the class of every month. Viterbi gives the labels;
the forward and backward sums (Rabiner 1989) give the probability of each of them, which is the
evidence of the sample.
"""

from functools import partial

import numpy as np
import torch

from models.breaks import LEAST_COST, cost_at
from models.decode import decode

SWITCH_COST = 3.0  # nats, where nothing breaks; see benchmarks/labelling.py
# Of the network's log probabilities. Months that follow each other err together, so that each of
# them counts less than a whole observation.
NETWORK_WEIGHT = 0.3
TRUST = 0.9  # of a product before anything is known of it
LEAST_TRUST, MOST_TRUST = 0.6, 0.98
LEAST_EVIDENCE = 0.5  # of a month; below it the month is -1
CHUNK = 8_192  # series at a time


def product_evidence(classes, edge, months, trust, steps, n_classes):
    """Log probability of what the products say, given the class of the month: (N, K, T) float32.

    classes, edge: (N, P), class -1 = says nothing; months: (P,) index of each product's month;
    trust: (2,) probability that a product is right, in the middle of its class and at an edge. A
    wrong class is taken to be any of the others.
    """
    out = np.zeros((len(classes), n_classes, steps), np.float32)
    right = np.log(trust)
    wrong = np.log((1 - np.asarray(trust)) / max(1, n_classes - 1))
    for says, at_edge, month in zip(classes.T, edge.T, months):
        rows = np.flatnonzero(says >= 0)
        kind = at_edge[rows].astype(int)
        out[rows, :, month] += wrong[kind][:, None]
        out[rows, says[rows], month] += (right - wrong)[kind]
    return out


def most_likely(score, strength):
    """Labels (N, T) int8 and probability of each label (N, T) float32 of log evidence (N, K, T).

    strength: (T, N) of the breaks of the series, see `models.breaks.break_strength`.
    """
    cost = cost_at(strength, SWITCH_COST)
    labels = np.empty((len(score), score.shape[2]), np.int8)
    sure = np.empty(labels.shape, np.float32)
    for start in range(0, len(score), CHUNK):
        rows = slice(start, start + CHUNK)
        part, of_part = score[rows], cost[:, rows]
        found = decode(torch.from_numpy(part), LEAST_COST, partial(of_part.index_select, 1))
        labels[rows] = found.numpy()
        probability = month_probabilities(part, of_part.numpy())
        sure[rows] = np.take_along_axis(probability, labels[rows, None].astype(int), 1)[:, 0]
    return labels, sure


def month_probabilities(score, cost):
    """Probability of each class in each month, all months seen: (N, K, T) -> (N, K, T).

    cost: (T, N) of a change before each month.
    """
    n, n_classes, steps = score.shape
    likelihood = np.exp(score - score.max(axis=1, keepdims=True)).transpose(2, 0, 1)  # (T, N, K)
    change = np.exp(-cost)[..., None]  # (T, N, 1)
    forward = np.empty_like(likelihood)
    state = np.full((n, n_classes), 1 / n_classes, np.float32)
    for month in range(steps):
        if month:
            state = moved(state, change[month])
        state = normal(state * likelihood[month])
        forward[month] = state
    later = np.ones_like(state)
    for month in range(steps - 1, -1, -1):
        forward[month] = normal(forward[month] * later)
        later = normal(moved(later * likelihood[month], change[month]))
    return forward.transpose(1, 2, 0)


def moved(state, change):
    """One month on: a change to each other class with the same weight. (N, K) -> (N, K)."""
    return state + change * (state.sum(axis=1, keepdims=True) - state)


def normal(state):
    """Rows that sum to 1."""
    return state / np.maximum(state.sum(axis=1, keepdims=True), 1e-30)


def trust_of(classes, edge, months, labels):
    """How often each product says what the series is now labelled, in the middle and at edges.

    classes, edge: (N, P); labels: (N, T), -1 = none. Returns (2,), pulled a little towards TRUST.
    """
    at = labels[:, months]  # (N, P)
    known = (classes >= 0) & (at >= 0)
    out = []
    for kind in (False, True):
        some = known & (edge == kind)
        agree = (classes == at)[some].sum()
        out.append((agree + 20 * TRUST) / (some.sum() + 20))
    return np.clip(out, LEAST_TRUST, MOST_TRUST)
