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
HALVED_AT = 3.0  # strength of a break at which half of what is above LEAST_COST is left


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
    count, count_after = sums_on_both_sides(seen)  # (T, C, B)
    known = torch.minimum(count, count_after) - (LEAST - 1)
    known = known.clamp(0, 1)  # 1.0 or 0.0
    count, count_after = count.clamp(min=1), count_after.clamp(min=1)
    total, total_after = sums_on_both_sides(months)
    square, square_after = sums_on_both_sides(months.square())
    step = total_after / count_after - total / count
    spread = square - total.square() / count
    spread_after = square_after - total_after.square() / count_after
    both = count + count_after
    variance = (spread + spread_after).clamp(min=0) / both + NOISE**2
    t_squared = step.square() / variance * (count * count_after / both)
    bands = known.sum(dim=1).clamp(min=1)
    return ((t_squared * known).sum(dim=1) / bands).sqrt()


def sums_on_both_sides(months):
    """Sums of up to 12 months before each month, and from it on: (T, C, B) -> two of them."""
    steps = torch.arange(len(months), device=months.device)
    start = (steps - MONTHS).clamp(min=0)
    stop = (steps + MONTHS).clamp(max=len(months))
    until = torch.cat([torch.zeros_like(months[:1]), months.cumsum(dim=0)])  # (T + 1, C, B)
    before = until[:-1] - until.index_select(0, start)
    after = until.index_select(0, stop) - until[:-1]
    return before, after


def cost_at(strength, switch_cost, halved_at=HALVED_AT):
    """Cost of a change before each month in nats, between LEAST_COST and `switch_cost`."""
    share = 1 / (1 + (strength / halved_at) ** 4)
    return LEAST_COST + (switch_cost - LEAST_COST) * share
