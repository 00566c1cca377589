"""Which labelled series become samples, and what is dropped, with the reason of each."""

from dataclasses import dataclass

import numpy as np

from labelling.candidates import even_shares
from labelling.evidence import LEAST_EVIDENCE
from utils.changes import transitions

LEAST_LABELLED = 0.5  # share of its observed months that a sample must have labels for
LEAST_OBSERVED = 0.3  # share of the stack's months with an observation
KEPT, FEW_MONTHS, NOT_SURE, NOT_NEEDED = range(4)
REASONS = (
    "taken",
    f"an observation in fewer than {LEAST_OBSERVED:.0%} of the months",
    f"fewer than {LEAST_LABELLED:.0%} of the months could be named",
    "its class or transition had enough samples",
)


@dataclass(frozen=True)
class Choice:
    """rows: chosen series, in the order of the area; labels (N, T) int8 of all; reason (N,)."""

    rows: np.ndarray
    labels: np.ndarray
    reason: np.ndarray


def choose(labels, evidence, observed, classes, samples, *, seed=0):
    """Choose up to `samples` series, alike in number for each class and transition.

    labels (N, T), -1 = none; evidence (N, T): probability of the label; observed (N, T) bool.
    """
    sure = np.where(evidence >= LEAST_EVIDENCE, labels, -1).astype(np.int8)
    named = (sure >= 0).sum(axis=1)
    months = (labels >= 0).sum(axis=1)
    share = named / np.maximum(months, 1)
    reason = np.where(share < LEAST_LABELLED, NOT_SURE, KEPT)
    reason = np.where(observed.mean(axis=1) < LEAST_OBSERVED, FEW_MONTHS, reason)
    stratum = kinds(sure, classes)
    rng = np.random.default_rng(seed)
    usable = np.flatnonzero(reason == KEPT)
    there = np.bincount(stratum[usable], minlength=classes * classes)
    for kind, count in enumerate(even_shares(there, samples)):
        rows = usable[stratum[usable] == kind]
        others = rng.permutation(rows)[count:]
        reason[others] = NOT_NEEDED
    return Choice(np.flatnonzero(reason == KEPT), sure, reason)


def kinds(labels, classes):
    """The rarest transition of each series as from * classes + to; a stable one has to = from."""
    month = (labels >= 0).argmax(axis=1)
    first = labels[np.arange(len(labels)), month].astype(np.int64)
    kind = np.maximum(first, 0) * (classes + 1)
    found = transitions(labels)
    code = found.from_class.astype(np.int64) * classes + found.to_class
    count = np.bincount(code, minlength=classes * classes)
    order = np.argsort(-count[code], kind="stable")  # the rarest is written last
    kind[found.series[order]] = code[order]
    return kind
