"""Fit trained weights to a new area with that area's own series, without any label:
self-training.
"""

import copy

import numpy as np
import torch
from tqdm import tqdm

from models import as_tensor, label
from training.loop import train_epoch
from training.recipe import make_optimizer

ROUNDS, SHARE = 2, 0.8


def adapt(net, x, settings, *, progress=True):
    """Return a copy of the network, trained further on its own surest labels of series x (N, C, T).

    In each round the network labels x, the `SHARE` of the months of each class with the highest
    confidence are kept as true, and it is trained on those, with the augmentations of `settings`,
    for `settings.epochs` epochs. A share of each class, as one threshold for all would soon leave
    no rare class. There is no label, so nothing is chosen here.
    """
    device = next(net.parameters()).device
    series = as_tensor(x, device)
    net = copy.deepcopy(net)
    with tqdm(total=ROUNDS * settings.epochs, unit="epoch", disable=not progress) as bar:
        for _ in range(ROUNDS):
            y = torch.from_numpy(surest(*label(net, x), len(net.card["legend"]))).to(device).long()
            student = copy.deepcopy(net).requires_grad_(True)
            optimizer = make_optimizer(student, settings)
            for epoch in range(settings.epochs):
                train_epoch(student, net, optimizer, series, y, None, settings, epoch)
                bar.update()
            net.eval()  # now the running mean of the student
    return net


def surest(labels, confidence, classes):
    """Labels (N, T) with -1 in all but the `SHARE` of the months of each class with the highest
    confidence.
    """
    kept = labels.copy()
    for k in range(classes):
        of_class = labels == k
        if of_class.any():
            kept[of_class & (confidence < np.quantile(confidence[of_class], 1 - SHARE))] = -1
    return kept
