"""How strongly the bands of a series break before each month, and what a change costs there.

A change of land cover shows in the bands: their mean after it is not that before it. On land that
it never saw, a network can change its mind where nothing breaks. One cost of a change, high enough
to stop that, hides real changes too. So the cost falls where the bands break.
"""

import torch

MONTHS = 12  # on each side: whole years, so that seasons cancel out
LEAST = 3  # observations on each side, else no break is seen
AT_ONCE = 240  # series: more would fall out of the cache
NOISE = 100.0  # reflectance x 10^4, spread that even a still series has
LEAST_COST = 1.0  # nats, of a change at a strong break


def break_strength(x):
    """Strength of the break before each month, (T, B) float32, 0 where it cannot be told.

    x: (B, C, T) float, reflectance x 10^4, NaN = no observation. For each band it is the difference
    of the means of up to 12 months on each side, over its standard error from the spread on both
    sides (the t statistic of two samples); the strength is the root of the mean of their squares. A
    series that does not break has about 1.
    """
    if len(x) > AT_ONCE:
        return torch.cat([break_strength(part) for part in x.split(AT_ONCE)], dim=1)
    months = x.permute(2, 1, 0)  # (T, C, B), the series innermost
    seen = torch.eq(months, months, out=torch.empty_like(months))  # 1.0, or 0.0 for NaN
    months = months.nan_to_num(0)
    middle = months.sum(dim=0) / seen.sum(dim=0).clamp(min=1)
    months = (months - middle) * seen  # small numbers, so that sums stay exact
    steps = torch.arange(len(months), device=x.device)
    start, stop = (steps - MONTHS).clamp(min=0), (steps + MONTHS).clamp(max=len(months))
    before, after = [], []  # count, sum and sum of squares on each side (T, C, B)
    for each in (seen, months, months.square()):
        until = running_sum(each)
        before.append(until[:-1] - until.index_select(0, start))
        after.append(until.index_select(0, stop) - until[:-1])
    known = (torch.minimum(before[0], after[0]) - (LEAST - 1)).clamp(0, 1)  # 1.0 or 0.0
    n, m = before[0].clamp(min=1), after[0].clamp(min=1)
    mean, mean_after = before[1] / n, after[1] / m
    squares = before[2] - n * mean.square() + after[2] - m * mean_after.square()
    variance = squares.clamp(min=0) / (n + m) + NOISE**2
    t_squared = (mean_after - mean).square() / variance * (n * m / (n + m)) * known
    return (t_squared.sum(dim=1) / known.sum(dim=1).clamp(min=1)).sqrt()


def running_sum(months):
    """Sums of the months before each one: (T, C, B) -> (T + 1, C, B)."""
    return torch.cat([torch.zeros_like(months[:1]), months.cumsum(dim=0)])


def cost_at(strength, switch_cost, halved_at):
    """Cost of a change before each month in nats, between LEAST_COST and `switch_cost`.

    halved_at: the strength of a break at which half of what is above LEAST_COST is left.
    """
    share = 1 / (1 + (strength / halved_at) ** 4)
    return LEAST_COST + (switch_cost - LEAST_COST) * share
