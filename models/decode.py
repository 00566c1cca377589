"""From class scores of every month to one label series: all months chosen together."""

import torch


def decode(logits, switch_cost):
    """Choose the labels whose scores, less `switch_cost` for every change of class, sum to the
    most.

    The Viterbi path under a Potts prior: a change must be worth `switch_cost` (in nats, as the
    logits are) to be made, so a single odd month makes none, and a real change sits at its
    likeliest month. One cost for all transitions did as well on validation as a learned matrix, and
    needs no statistics of transitions that another area would not share. logits (B, K, T) -> labels
    (B, T) int64. With cost 0 this is the argmax. Fastest where B is innermost in memory.
    """
    score = logits.permute(2, 1, 0)  # (T, K, B)
    if switch_cost <= 0:
        return leaders(score).T
    # A series with one class that is the best in every month cannot be bettered: the search is for
    # the others alone.
    labels = score.sum(dim=0).max(dim=0).indices.repeat(len(score), 1)  # (T, B)
    behind = score.gather(1, labels[:, None])[:, 0] < score.amax(dim=1)
    rows = torch.nonzero(behind.any(dim=0)).squeeze(1)
    if len(rows):
        labels[:, rows] = best_path(score.index_select(2, rows), switch_cost)
    return labels.T


def best_path(score, switch_cost):
    """Viterbi with one cost for every change: score (T, K, B) -> labels (T, B)."""
    total = score.clone()  # of the best path that ends in month t with class k
    stays = torch.empty(score.shape, dtype=torch.bool, device=score.device)
    for month in range(1, len(total)):
        before = total[month - 1]
        changed = before.amax(dim=0) - switch_cost  # (B,) had the class changed here
        torch.ge(before, changed, out=stays[month])  # a tie keeps the class
        total[month] += torch.maximum(before, changed)
    leader = leaders(total)  # (T, B)
    labels = torch.empty_like(leader)
    labels[-1] = leader[-1]
    for month in range(len(total) - 1, 0, -1):
        stay = stays[month].gather(0, labels[month][None])[0]
        labels[month - 1] = torch.where(stay, labels[month], leader[month - 1])
    return labels


def leaders(score):
    """Class with the highest score, the first of equals: (T, K, B) -> (T, B) int64.

    It is the number of classes before the first that reaches the highest: several times faster than
    torch.argmax, which is slow on a CPU over an axis that is not the last.
    """
    highest = score.amax(dim=1)
    lower = score[:, 0] < highest
    labels = lower.to(torch.uint8)
    for k in range(1, score.shape[1] - 1):
        lower &= score[:, k] < highest
        labels += lower
    return labels.long()
