"""From class scores of every month to one label series: all months chosen together."""

import torch


def decode(logits, switch_cost):
    """Choose the labels whose scores, less `switch_cost` for every change of class, sum to the most.

    The Viterbi path under a Potts prior: a change must be worth `switch_cost` (in nats, as the logits are) to be made,
    so a single odd month makes none, and a real change sits at its likeliest month. One cost for all transitions did
    as well on validation as a learned matrix, and needs no statistics of transitions that another area would not share.
    logits (B, K, T) -> labels (B, T) int64. With cost 0 this is the argmax.
    """
    labels = logits.max(dim=1).indices  # max, as argmax over this axis is several times slower on a CPU
    if switch_cost == 0:
        return labels
    # A series whose best class is the same in all months cannot be bettered: only the others are worth the search.
    rows = torch.nonzero((labels[:, 1:] != labels[:, :1]).any(dim=1)).squeeze(1)
    if len(rows):
        labels[rows] = best_path(logits[rows].permute(2, 1, 0).contiguous(), switch_cost).T
    return labels


def best_path(score, switch_cost):
    """Viterbi with one cost for every change: score (T, K, B) -> labels (T, B)."""
    steps = len(score)
    total = score[0]
    leader, stays = [], []
    for month in range(1, steps):
        best = total.max(dim=0)
        from_other = best.values - switch_cost
        stays.append(total >= from_other)  # a tie keeps the class
        leader.append(best.indices)
        total = torch.maximum(total, from_other) + score[month]
    labels = torch.empty(steps, score.shape[2], dtype=torch.int64, device=score.device)
    labels[-1] = total.max(dim=0).indices
    for month in range(steps - 1, 0, -1):
        now = labels[month]
        stayed = stays[month - 1].gather(0, now[None])[0]
        labels[month - 1] = torch.where(stayed, now, leader[month - 1])
    return labels
