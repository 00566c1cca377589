"""Shares, areas and ratios of a stratified random sample, with their intervals.

Every figure of a report is the ratio of two totals over the area: the area where something is true,
divided by the area where it could be true. So one function estimates them all (Stehman 2014,
International Journal of Remote Sensing 35:4923-4939, equations 1 to 28). The strata need not be the
classes of the map. Where they are, the results are those of Olofsson et al. (2014), Remote Sensing
of Environment 148:42-57.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from assessing.intervals import Z, errors_wide, wilson

# Below this share of a stratum, that the sample was drawn without replacement makes no difference
# (Cochran 1977, Sampling Techniques, section 2.6).
SMALL_SHARE = 0.05
# Of one hundred points that agree, the next may still differ. So a tenth of a point that is right
# and a tenth that is wrong are added in every stratum before an interval is made. The tenth was
# chosen on made-up areas other than those of benchmarks/assess_coverage.py.
ADDED = 0.1


@dataclass(frozen=True)
class Sample:
    """The n interpreted points of a stratified random sample, and the H strata they stand for.

    stratum  (n,) int     position of the point's stratum
    area     (n,) float   ground area of the point's pixel, hectares
    pixels   (H,) float   pixels of each stratum; each stratum holds at least one point
    hectares (H,) float   ground area of each stratum
    """

    stratum: np.ndarray
    area: np.ndarray
    pixels: np.ndarray
    hectares: np.ndarray

    def __len__(self):
        return len(self.stratum)

    @property
    def counts(self):
        """Points of each stratum: (H,)."""
        strata = len(self.pixels)
        return np.bincount(self.stratum, minlength=strata)

    @property
    def weight(self):
        """Hectares that each point stands for, (n,); those of a stratum sum to its area."""
        strata = len(self.pixels)
        drawn = np.bincount(self.stratum, self.area, strata)
        factor = self.hectares / drawn
        return self.area * factor[self.stratum]

    @property
    def total(self):
        """Hectares of all strata."""
        return float(self.hectares.sum())

    def take(self, rows):
        """Return the Sample of these points only; every stratum must keep a point."""
        stratum, area = self.stratum[rows], self.area[rows]
        return replace(self, stratum=stratum, area=area)


class Estimates(NamedTuple):
    """K estimates and what their intervals need, (K,) each.

    value, error: NaN where no point lies where it could be true. points: that lie there. smoothed,
    smoothed_error: with a little doubt added in every stratum (see ADDED). freedom: degrees of
    freedom of the error. deciding: points that the error rests on; a few where a few points differ
    from all others. most: effective points, at most.
    """

    value: np.ndarray
    error: np.ndarray
    points: np.ndarray
    smoothed: np.ndarray
    smoothed_error: np.ndarray
    freedom: np.ndarray
    deciding: np.ndarray
    most: np.ndarray

    @property
    def margin(self):
        """Half of the normal 95 % interval, which the guides print behind a plus-minus sign."""
        return Z * self.error

    def interval(self):
        """Return the symmetric 95 % interval, for means that may have any value: (low, high)."""
        width = errors_wide(self.freedom) * self.error
        return self.value - width, self.value + width

    def share_interval(self):
        """Return the 95 % interval of shares, which lie between 0 and 1: (low, high).

        Wilson's interval of the smoothed estimate, with the effective number of points. The normal
        interval holds the truth too seldom close to 0 and 1, and where few points carry the
        estimate (benchmarks/assess_coverage.py compares the two). It also claims no error at all
        where all points agree.
        """
        share = np.clip(self.smoothed, 0, 1)
        low, high = wilson(share, self.effective_points(share))
        census = self.smoothed_error == 0
        low = np.where(census, share, low)
        high = np.where(census, share, high)
        low = np.fmin(low, self.value)
        high = np.fmax(high, self.value)
        return np.fmax(low, 0), np.fmin(high, 1)

    def effective_points(self, share):
        """Points of a simple random sample that would know these shares as well: (K,).

        Fewer where few degrees of freedom are behind the error. Never more than there are points,
        where the strata make no difference (both: Korn and Graubard 1998, Survey Methodology
        24:193-201). Franco et al. (2019, Journal of Survey Statistics and Methodology 7:334-364)
        compared intervals with effective numbers and recommend Wilson's.
        """
        freedom = np.maximum(self.points - 1, 1)
        simple = share * (1 - share) / freedom  # variance of a simple random sample of the points
        wider = errors_wide(self.freedom) / errors_wide(freedom)
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = self.points * simple / self.smoothed_error**2
        effective = effective / np.maximum(wider, 1) ** 2
        return np.minimum(effective, self.most)


class Sums(NamedTuple):
    """Sums over the strata, (K,) each.

    variance: of the total; smoothed: with the added doubt; over_freedom: squared variances over
    their degrees of freedom; doubt: hectares added; second, fourth: powers of what each point adds
    to the error of the total.
    """

    variance: np.ndarray
    smoothed: np.ndarray
    over_freedom: np.ndarray
    doubt: np.ndarray
    second: np.ndarray
    fourth: np.ndarray


def ratio(sample, part, whole=1.0, *, from_map=False):
    """Estimate total(part) / total(whole) over the area.

    part, whole: (n,) or (n, K), what each point says: 1 or 0, or a number such as a share of the
    months; whole = 1 gives shares of the area. from_map: the map alone decides `whole`, as in the
    user's accuracy, so that it is 0 for certain in strata where no point has it. Each point counts
    with its pixel's area. Returns Estimates, (K,) each. The variance is that of the combined ratio
    estimator, its degrees of freedom are Satterthwaite's.
    """
    part = _columns(part)
    whole = np.broadcast_to(_columns(whole), part.shape)
    weight = sample.weight[:, None]
    above = (weight * part).sum(axis=0)  # (K,)
    below = (weight * whole).sum(axis=0)
    points = (whole > 0).sum(axis=0)
    most = points if from_map else np.full(len(points), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = above / below
        sums = _sums(sample, part, whole, value, from_map)
        error = np.sqrt(sums.variance) / below
        doubtful = below + 2 * sums.doubt
        smoothed = (above + sums.doubt) / doubtful
        smoothed_error = np.sqrt(sums.smoothed) / below
        freedom = sums.variance**2 / sums.over_freedom
        freedom = np.where(sums.over_freedom > 0, freedom, np.inf)
        deciding = sums.second**2 / sums.fourth
    return Estimates(value, error, points, smoothed, smoothed_error, freedom, deciding, most)


def _sums(sample, part, whole, value, from_map):
    """The Sums over the strata of the residuals of a ratio `value` (K,)."""
    residuals = part - value * whole
    numbers = np.arange(len(sample.pixels))
    members = sample.stratum == numbers[:, None]  # (H, n)
    found = members @ (whole > 0)
    possible = found | (not from_map)  # (H, K) may a point lie in the whole?
    count = sample.counts[:, None]
    share = count / sample.pixels[:, None]
    matters = share > SMALL_SHARE
    remaining = np.where(matters, 1 - share, 1.0)
    doubtful = ADDED * possible * (remaining > 0)  # points

    spreads = _spreads(members, residuals, sample.area, value, doubtful)
    if (count == 1).any():
        # One point shows no variance: that of all points stands in, and the report warns.
        everyone = _spreads(members[:1] | True, residuals, sample.area, value, doubtful)
        spreads = [np.where(count > 1, own, every) for own, every in zip(spreads, everyone)]
    plain, smoothed, second, fourth = spreads

    hectares = sample.hectares[:, None] / count  # that each point stands for
    scale = count * hectares**2 * remaining
    variance = scale * plain
    strata = Sums(
        variance,
        scale * smoothed,
        variance**2 / np.maximum(count - 1, 1),
        doubtful * hectares,
        scale * second,
        scale**2 / count * fourth,
    )
    totals = [each.sum(axis=0) for each in strata]
    return Sums(*totals)


def _spreads(members, residuals, area, value, doubtful):
    """Spread of residuals (n, K) in strata, members (H, n) bool: four of (H, K).

    Their variance, plain and with the added doubt, and the mean second and fourth power of their
    deviations, the doubt among them. area (n,): of the pixels; a larger one weighs more, in the
    mean and in the spread. doubtful (H, K): points added that are right, and as many that are
    wrong.
    """
    members = members.astype(float)
    count = members.sum(axis=1, keepdims=True)
    mean_area = members @ area / count[:, 0]
    size = area / (mean_area @ members)
    size = size[:, None]  # (n, 1)
    middle = members @ (size * residuals) / count
    deviations = residuals - members.T @ middle
    squares = (size * deviations) ** 2
    right = (1 - value - middle) ** 2  # of the points added
    wrong = (-value - middle) ** 2
    total = members @ squares
    doubt = right + wrong
    with_doubt = total + doubtful * doubt
    doubt_fourth = right**2 + wrong**2
    fourth = members @ squares**2 + doubtful * doubt_fourth
    plain = total / (count - 1)
    freedom = count - 1 + 2 * doubtful
    smoothed = with_doubt / np.maximum(freedom, ADDED)
    return plain, smoothed, with_doubt / count, fourth / count


def largest_part(sample, part):
    """Share of an estimated total that its heaviest single point carries: (K,)."""
    weight = sample.weight[:, None]
    carried = _columns(part) * weight
    with np.errstate(divide="ignore", invalid="ignore"):
        return carried.max(axis=0) / carried.sum(axis=0)


def _columns(values):
    values = np.asarray(values, float)
    return values[:, None] if values.ndim == 1 else values
