"""Fit trained weights to a new area with that area's own series, without any label:
self-training.

What makes it safe was measured on real land that the network never saw (`benchmarks/unseen.py
--adapt`): a whole segment counts as sure or not, as single sure months of a doubtful series teach
errors; half of the segments of each class teach, but none of the doubtful quarter of all, which
would turn roofs of bright soil into bare soil; and the result is half-way between the weights
before and after, as the second half of the way brings little and loses most.
"""

import copy

import numpy as np
import torch
from tqdm import tqdm

from models import as_tensor, label
from training.loop import train_epoch, update_average
from training.recipe import make_optimizer
from utils.changes import change_months

SHARE = 0.5  # of the months of each class that teach
DOUBTFUL = 0.25  # share of the months of all classes that never teach ...
CERTAIN = 0.93  # ... unless their segments have this mean confidence, as rare classes may
WAY = 0.5  # from the weights before to those after


def adapt(net, x, settings, *, progress=True):
    """Return a copy of the network, moved towards its own surest labels of series x (N, C, T).

    The network labels x. The `surest` labels are kept as true, and a copy is trained on those, with
    the augmentations of `settings`, for `settings.epochs` epochs. There is no label, so nothing is
    chosen here.
    """
    device = next(net.parameters()).device
    series = as_tensor(x, device)
    known = label(net, x, precision="float32")
    y = torch.from_numpy(surest(*known, len(net.card["legend"]))).to(device).long()
    student = copy.deepcopy(net).requires_grad_(True)
    mean = copy.deepcopy(net)  # the running mean of the student
    optimizer = make_optimizer(student, settings)
    for epoch in tqdm(range(settings.epochs), unit="epoch", disable=not progress):
        train_epoch(student, mean, optimizer, series, y, None, settings, epoch)
    adapted = copy.deepcopy(net)
    update_average(adapted, mean, 1 - WAY)
    return adapted.eval()


def surest(labels, confidence, classes):
    """Labels (N, T) with -1 in all but the `SHARE` of the months of each class whose segments have
    the highest mean confidence, and in the `DOUBTFUL` months of all classes below `CERTAIN`.

    A share of each class, as one threshold for all would leave no rare class.
    """
    kept, sure = labels.copy(), mean_of_segments(labels, confidence)
    kept[sure < min(CERTAIN, np.quantile(sure, DOUBTFUL))] = -1
    for k in range(classes):
        of_class = labels == k
        if of_class.any():
            kept[of_class & (sure < np.quantile(sure[of_class], 1 - SHARE))] = -1
    return kept


def mean_of_segments(labels, confidence):
    """Mean confidence (N, T) of the segment in which each month lies."""
    first = change_months(labels)
    first[:, 0] = True
    segment = first.cumsum() - 1  # number of each month's segment, in all series
    months = np.bincount(segment)
    return (np.bincount(segment, confidence.ravel()) / months)[segment].reshape(labels.shape)
