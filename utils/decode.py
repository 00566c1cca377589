"""From class scores of every month to one label series: all months chosen together."""

import torch


def decode(logits, switch_cost):
    """Choose the labels whose scores, less `switch_cost` for every change of class, sum to the most.

    The Viterbi path under a Potts prior: a change must be worth `switch_cost` (in nats, as the logits are) to be made,
    so a single odd month makes none, and a real change sits at its likeliest month. One cost for all transitions did
    as well on validation as a learned matrix, and needs no statistics of transitions that another area would not share.
    logits (B, K, T) -> labels (B, T) int64. With cost 0 this is the argmax. Fastest where B is innermost in memory.
    """
    score = logits.permute(2, 1, 0)  # (T, K, B)
    if switch_cost <= 0:
        return score.max(dim=1).indices.T  # max, as argmax over this axis is several times slower on a CPU
    # A series with one class that is the best in every month cannot be bettered: the others are worth the search.
    labels = score.sum(dim=0).max(dim=0).indices.repeat(len(score), 1)  # (T, B)
    rows = torch.nonzero((score.gather(1, labels[:, None])[:, 0] < score.amax(dim=1)).any(dim=0)).squeeze(1)
    if len(rows):
        labels[:, rows] = best_path(score.index_select(2, rows), switch_cost)
    return labels.T


def best_path(score, switch_cost):
    """Viterbi with one cost for every change: score (T, K, B) -> labels (T, B)."""
    total = score.clone()  # of the best path that ends in month t with class k
    changed = torch.empty_like(total[:, 0])  # the same, had the class changed after month t
    for month in range(1, len(total)):
        torch.sub(total[month - 1].amax(dim=0), switch_cost, out=changed[month - 1])
        total[month] += torch.maximum(total[month - 1], changed[month - 1])
    labels = total.max(dim=1).indices
    for month in range(len(total) - 2, -1, -1):  # `labels` holds the leader of each month until its turn comes
        after = labels[month + 1]
        stays = total[month].gather(0, after[None])[0] >= changed[month]  # a tie keeps the class
        labels[month] = torch.where(stays, after, labels[month])
    return labels
