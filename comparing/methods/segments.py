"""What CCDC and BFAST share: series cut at breaks, and a forest that classes each segment.

A segmentation of N series is `starts` (N, T) bool, True at the first month of every segment (the
first month of the series always is one). Segments are counted over all series, in order of series
and time.
"""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from comparing.methods.selection import choose
from utils.errors import InputError

SEASON_TERMS = 4  # level, slope, cosine and sine of a year
TRIAL_TREES = 100  # of the forest, while a setting is chosen


def filled(x):
    """Fill months without observation by linear interpolation over time.

    The ends take the nearest month. x: (..., T) float, NaN = no observation. Returns (..., T); a
    row without any observation becomes 0.
    """
    rows = x.reshape(-1, x.shape[-1])
    missing = np.isnan(rows)
    if not missing.any():
        return x.copy()
    steps = rows.shape[1]
    month = np.arange(steps)
    last = np.where(missing, -1, month)
    following = np.where(missing, steps, month)
    before = np.maximum.accumulate(last, axis=1)  # the month observed before each, -1 = none
    after = np.minimum.accumulate(following[:, ::-1], axis=1)[:, ::-1]  # and after it
    no_before, no_after = before < 0, after == steps
    before, after = np.where(no_before, after, before), np.where(no_after, before, after)
    empty = missing.all(axis=1)
    before[empty], after[empty] = 0, 0
    known = np.where(empty[:, None], 0, rows)
    low = np.take_along_axis(known, before, axis=1)
    high = np.take_along_axis(known, after, axis=1)
    distance = np.maximum(after - before, 1)
    share = (month - before) / distance
    values = low + (high - low) * share
    return values.astype(x.dtype).reshape(x.shape)


def ndvi(x, bands):
    """Normalised difference vegetation index (B8 - B4) / (B8 + B4) of x (N, C, T).

    Returns (N, T), NaN where not observed.
    """
    red = x[:, bands.index("B4")]
    near_infrared = x[:, bands.index("B8")]
    total = near_infrared + red
    difference = near_infrared - red
    unknown = np.full_like(total, np.nan)
    return np.divide(difference, total, out=unknown, where=total > 0)


def without_observation(x):
    """Series (N, C, T) that hold no observation at all: (N,) bool."""
    return np.isnan(x).all(axis=(1, 2))


def starts_from_breaks(breaks):
    """Return the segmentation whose segments begin at the breaks (N, T) bool and at month 0."""
    starts = breaks.copy()
    starts[:, 0] = True
    return starts


def running_sums(values):
    """Sums of the first 0, 1, ... T months: (N, T) -> (N, T + 1)."""
    padded = np.pad(values, ((0, 0), (1, 0)))
    return np.cumsum(padded, axis=1)


def segment_numbers(starts):
    """Number of the segment that each month belongs to: (N, T) int, from 0 to S - 1."""
    return np.cumsum(starts.ravel()).reshape(starts.shape) - 1


def segment_classes(starts, y, classes):
    """Most frequent label of each segment, and the number of months that bear it.

    Returns two (S,) int arrays. The label is -1 where no month is labelled.
    """
    use = y >= 0
    number = segment_numbers(starts)[use]
    ballots = number * classes + y[use]
    votes = np.bincount(ballots, minlength=starts.sum() * classes)
    votes = votes.reshape(-1, classes)
    months = votes.max(axis=1)
    return np.where(months > 0, votes.argmax(axis=1), -1), months


def season_features(x, starts, months):
    """Describe each segment by a season fitted to every band: (S, C * 5 + 1).

    For each band: level at the middle, slope per year, cosine and sine of the year, root mean
    square error. The last feature is the number of months. The fit is ordinary least squares with a
    little ridge, so that segments of a few months have an answer too. x: (N, C, T), months: (T,) or
    (N, T) datetime64[M].
    """
    first = np.flatnonzero(starts.ravel())
    length = np.diff(np.append(first, starts.size))
    values = filled(x).transpose(0, 2, 1).reshape(starts.size, -1)  # (N * T, C)
    values = values.astype(np.float64)
    year = np.broadcast_to(months.astype(int) / 12, starts.shape).ravel()
    middle = year[first] + (length - 1) / 24
    from_middle = year - np.repeat(middle, length)
    angle = 2 * np.pi * year
    terms = [np.ones_like(year), from_middle, np.cos(angle), np.sin(angle)]
    design = np.stack(terms, axis=1)  # (N * T, 4)
    pairs = design[:, :, None] * design[:, None, :]
    targets = design[:, :, None] * values[:, None, :]
    squares = np.add.reduceat(pairs, first)  # (S, 4, 4)
    products = np.add.reduceat(targets, first)  # (S, 4, C)
    # The ridge stands against slope and season only: a short segment is described by its level.
    ridge = np.diag([0.0] + [0.2] * (SEASON_TERMS - 1))
    coefficients = np.linalg.solve(squares + ridge, products)  # (S, 4, C)
    each_month = np.repeat(coefficients, length, axis=0)
    fitted = np.einsum("mp,mpc->mc", design, each_month)
    errors = np.add.reduceat((values - fitted) ** 2, first)
    rmse = np.sqrt(errors / length[:, None])
    features = [coefficients.reshape(len(first), -1), rmse, length[:, None]]
    return np.concatenate(features, axis=1).astype(np.float32)


class SegmentForest:
    """A random forest over the features of segments; each segment weighs as its months."""

    def __init__(self, *, trees=200, seed=0):
        self.trees, self.seed, self.forest = trees, seed, None

    def fit(self, features, starts, y, classes):
        """features: (S, F); starts, y: (N, T). Segments without a labelled month teach nothing."""
        label, months = segment_classes(starts, y, classes)
        use = label >= 0
        self.forest = RandomForestClassifier(
            self.trees, max_features="sqrt", random_state=self.seed, n_jobs=1
        )
        self.forest.fit(features[use], label[use], sample_weight=months[use])
        return self

    def predict(self, features):
        """Return the classes (S,) of segments with these features (S, F)."""
        if len(features) == 0:
            return np.zeros(0, np.int8)
        return self.forest.predict(features).astype(np.int8)


def most_common_class(y):
    """The class with most labelled months, the answer for a series without any observation."""
    return int(np.bincount(y[y >= 0]).argmax())


class BreakMethod:
    """A method finds breaks; a forest over all bands classes the segments between them.

    A subclass gives `shortest`, the months below which it finds no break, and either `breaks(y,
    **setting) -> (N, T) bool`, which looks for breaks in one band or index, or `segment` for all
    bands. grid: settings, each a tuple of candidates, of which the validation part chooses. One is
    `band` where `breaks` is given: 'NDVI' or a band. After `predict`, `reasons` says for each
    series why there was less to go by ('' = fine).
    """

    shortest = 0

    def __init__(self, grid, trees, seed):
        self.grid, self.trees, self.seed = grid, trees, seed
        self.setting, self.tried, self.reasons = None, [], None

    def fit(self, train, validation=None):
        """Choose the settings on `validation`, then teach the forest the segments of `train`.

        Returns self.
        """
        grid = dict(self.grid)
        if "band" in grid:
            grid["band"] = usable_bands(grid["band"], train.bands)
        self.setting, self.tried = choose(self._one, grid, train, validation, seed=self.seed)
        starts = self.segment(train)
        features = season_features(train.x, starts, train.months)
        self.common = most_common_class(train.y)
        self.forest = SegmentForest(trees=self.trees, seed=self.seed)
        self.forest.fit(features, starts, train.y, len(train.legend))
        return self

    def _one(self, **setting):
        return type(self)(**setting, trees=min(self.trees, TRIAL_TREES), seed=self.seed)

    def segment(self, samples):
        """Cut the series at the breaks found: starts (N, T) bool."""
        setting = dict(self.setting)
        y = signal(samples, setting.pop("band"))
        return starts_from_breaks(self.breaks(y, **setting))

    def predict(self, samples):
        """Return the labels (N, T) int8 of samples."""
        starts = self.segment(samples)
        features = season_features(samples.x, starts, samples.months)
        labels = self.forest.predict(features)[segment_numbers(starts)]
        empty = without_observation(samples.x)
        labels[empty] = self.common
        short = ""
        if starts.shape[1] < self.shortest:
            short = f"fewer than {self.shortest} months: one segment"
        self.reasons = np.where(empty, "no observation: the most common class", short)
        return labels


def signal(samples, band):
    """The index or band (N, T) in which breaks are looked for."""
    if band == "NDVI":
        return ndvi(samples.x, samples.bands)
    return samples.x[:, samples.bands.index(band)]


def usable_bands(wanted, bands):
    """Those of the wanted bands that the samples have; the first band if none of several.

    NDVI needs B4 and B8. Raises InputError where one band alone is wanted and is missing.
    """
    known = {*bands, "NDVI"} if {"B4", "B8"} <= set(bands) else {*bands}
    usable = tuple(band for band in wanted if band in known)
    if not usable and len(wanted) == 1:
        raise InputError(
            f"bfast: band {wanted[0]} not in the samples; they have {', '.join(bands)}"
        )
    return usable or (bands[0],)
