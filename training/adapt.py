"""Fit trained weights to a new area with that area's own series, without any label:
self-training.

Which labels teach follows from how much the area changes by the network's own labels. Where most
series are stable, single sure months of a doubtful series teach errors: whole segments count, and
the weights go half of the way (`benchmarks/unseen.py --adapt`). Where most series change, the
months around a change must be left out: single months count, and the weights go all of the way
(`benchmarks/accuracy.py --adapt`).
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from models import as_tensor, label
from training.loop import train_epoch, update_average
from training.recipe import make_optimizer
from utils.changes import change_months


@dataclass(frozen=True)
class Manner:
    """How an area is learnt.

    segments: confidence is the mean over a segment, else that of each month. share: of the months
    of each class that teach, the surest. doubtful: share of the months of all classes that never
    teach, where they are less sure than `certain` (rare classes may be sure enough). rounds: of
    labelling and training. way: from the weights before (0) to those after (1).
    """

    segments: bool
    share: float
    doubtful: float
    rounds: int
    way: float
    certain: float = 0.93


# A doubtful quarter: without it, roofs of bright soil become bare soil.
STABLE = Manner(segments=True, share=0.5, doubtful=0.25, rounds=1, way=0.5)
CHANGING = Manner(segments=False, share=0.8, doubtful=0.0, rounds=2, way=1.0)


def adapt(net, x, settings, *, progress=True):
    """Return a copy of the network, moved towards its own surest labels of series x (N, C, T).

    In each round the network labels x, the `surest` labels are kept as true, and it is trained on
    those, with the augmentations of `settings`, for `settings.epochs` epochs. There is no label, so
    nothing is chosen here.
    """
    device = next(net.parameters()).device
    series = as_tensor(x, device)
    manner = manner_for(label(net, x, precision="float32")[0])
    mean = copy.deepcopy(net)  # the running mean of the student
    with tqdm(total=manner.rounds * settings.epochs, unit="epoch", disable=not progress) as bar:
        for _ in range(manner.rounds):
            known = label(mean, x, precision="float32")
            y = surest(*known, len(net.card["legend"]), manner)
            target = torch.from_numpy(y).to(device).long()
            student = copy.deepcopy(mean).requires_grad_(True)
            optimizer = make_optimizer(student, settings)
            for epoch in range(settings.epochs):
                train_epoch(student, mean, optimizer, series, target, None, settings, epoch)
                bar.update()
            mean.eval()
    adapted = copy.deepcopy(net)
    update_average(adapted, mean, 1 - manner.way)
    return adapted.eval()


def manner_for(labels):
    """CHANGING where most of the series change by labels (N, T), else STABLE."""
    return CHANGING if change_months(labels).any(axis=1).mean() > 0.5 else STABLE


def surest(labels, confidence, classes, manner):
    """Labels (N, T) with -1 in all but the months that teach, as the Manner says.

    A share of each class, as one threshold for all would leave no rare class.
    """
    kept = labels.copy()
    sure = mean_of_segments(labels, confidence) if manner.segments else confidence
    kept[sure < min(manner.certain, np.quantile(sure, manner.doubtful))] = -1
    for k in range(classes):
        of_class = labels == k
        if of_class.any():
            least = np.quantile(sure[of_class], 1 - manner.share)
            kept[of_class & (sure < least)] = -1
    return kept


def mean_of_segments(labels, confidence):
    """Mean confidence (N, T) of the segment in which each month lies."""
    first = change_months(labels)
    first[:, 0] = True
    segment = first.cumsum() - 1  # number of each month's segment, in all series
    months = np.bincount(segment)
    return (np.bincount(segment, confidence.ravel()) / months)[segment].reshape(labels.shape)
