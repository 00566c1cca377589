"""From class scores of every month to one label series: all months chosen together."""

from itertools import repeat

import torch

ROUNDING = 0.01  # nats, far above the rounding of a sum of scores


def decode(logits, switch_cost, costs_of=None):
    """Choose the labels whose scores, less `switch_cost` for every change of class, sum to the
    most.

    The Viterbi path under a Potts prior: a change must be worth `switch_cost` (in nats, as the
    logits are) to be made, so a single odd month makes none, and a real change sits at its
    likeliest month. One cost for all transitions did as well on validation as a learned matrix, and
    needs no statistics of transitions that another area would not share. logits (B, K, T) -> labels
    (B, T) int64. With cost 0 this is the argmax. Fastest where B is innermost in memory.

    costs_of: function that gives the costs (T, R) of a change before each month of the series
    `rows` (R,), for costs that differ; none of them is below `switch_cost`.
    """
    score = logits.permute(2, 1, 0)  # (T, K, B)
    if switch_cost <= 0:
        return leaders(score).T
    # No change is worth its cost where the best class of every month by itself brings less than
    # that over the best single class: the search is for the others alone.
    single = score.sum(dim=0, keepdim=True)  # (1, K, B)
    gain = score.amax(dim=1).sum(dim=0) - single.amax(dim=1)[0]
    labels = leaders(single).repeat(len(score), 1)  # (T, B)
    rows = torch.nonzero(gain > switch_cost - ROUNDING).squeeze(1)
    if len(rows):
        costs = repeat(switch_cost) if costs_of is None else costs_of(rows)[1:]
        paths = best_path(score.index_select(2, rows), costs)
        labels.index_copy_(1, rows, paths)
    return labels.T


def best_path(score, costs):
    """Viterbi with a cost for every change: score (T, K, B) -> labels (T, B).

    costs: of a change before the second month, the third, ...: each a number or (B,).
    """
    total = score.clone()  # of the best path that ends in month t with class k
    worth = torch.empty_like(score[1:, 0])  # of the best path until a month, with a change after it
    months = total.unbind()
    for before, month, changed, cost in zip(months, months[1:], worth.unbind(), costs):
        torch.sub(before.amax(dim=0), cost, out=changed)
        month.add_(torch.maximum(before, changed))
    leader = leaders(total)  # (T, B)
    labels = leader.unbind()  # becomes that of the best path, from the last month on
    steps = zip(months, worth.unbind(), labels, labels[1:])
    for before, changed, first, then in reversed(list(steps)):
        stays = before.gather(0, then[None])[0] >= changed  # a tie keeps the class
        torch.where(stays, then, first, out=first)
    return leader


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
