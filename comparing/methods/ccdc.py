"""CCDC: continuous change detection and classification (Zhu and Woodcock 2014, doi:10.1016/j.rse.2014.01.011).

    method = CCDC().fit(train, validation)
    labels = method.predict(test)               # (N, T)

Changes are found by COLD (Zhu et al. 2020, doi:10.1016/j.rse.2019.03.009) as `pyxccd` computes it, with all bands; then
a random forest on each segment's harmonic coefficients and errors gives the class, so that every month has a label.

Where a segment lies: a break is the first month that departs, and begins a new segment. Months before the first model
and those between a model's end and the next break belong to the model beside them.
Limits with one observation a month: COLD begins with a model of 12 observations over a year and looks back from it, so
that no break comes in about the first seven months; a change must hold for `conse` months, so that none comes in the
last conse - 1; what pyxccd reports as not yet confirmed there is left out. A run of months without a model (less than
12 observations, or after the last break) is classed by a second forest, on the median of each band.
"""

import numpy as np

from comparing.methods.segments import (
    SegmentForest,
    filled,
    most_common_class,
    segment_numbers,
    starts_from_breaks,
    without_observation,
)
from comparing.methods.selection import as_grid, choose
from utils.errors import InputError

DAYS_TO_1970 = (
    719_163  # proleptic Gregorian ordinal of 1970-01-01, the day number that COLD counts in
)
SLOPE_SCALE = 10_000  # pyxccd gives the slope a day times this
TERMS = 8  # intercept, slope, and cosine and sine of three harmonics
FEWEST_OBSERVATIONS = 12
FEWEST_FEW_BANDS = (
    24  # with less than 7 bands and fewer observations, pyxccd 1.1.0 ends in a segmentation fault
)
MOST_BANDS = 12
LASSO = 20  # penalty of the fit, for reflectance x 10^4: pyxccd's own advice


def middle_days(months):
    """Ordinal day of the middle of each month: datetime64[M] -> int."""
    return months.astype("datetime64[D]").astype(int) + 14 + DAYS_TO_1970


def month_of(day, months):
    """Index of the month of `months` (T,) that holds this ordinal day."""
    month = (np.datetime64("1970-01-01") + np.timedelta64(int(day) - DAYS_TO_1970, "D")).astype(
        "datetime64[M]"
    )
    return int((month - months[0]).astype(int))


def cold(x, months, *, conse, probability, bands=None):
    """Run COLD on one series: x (C, T) reflectance x 10^4, NaN = no observation; months (T,)
    datetime64[M].

    conse: departing observations in a row that make a change. probability: that a departure is no
    noise. bands: their names, of which B3 and B11 screen out what clouds are left. Returns pyxccd's
    records, one a segment; none when there are fewer than 12 observations (pyxccd takes NaN
    silently, so they are left out here).
    """
    from pyxccd import cold_detect_flex

    seen = np.isfinite(x).all(axis=0)
    if seen.sum() < (FEWEST_OBSERVATIONS if len(x) >= 7 else FEWEST_FEW_BANDS):
        return []
    days, values = middle_days(months[seen]), np.rint(x[:, seen].T).astype(np.int64)
    green, infrared = (
        bands.index(name) if bands and name in bands else place
        for name, place in (("B3", 0), ("B11", len(x) - 1))
    )
    clear = np.zeros(len(days), np.int64)
    try:
        return cold_detect_flex(
            days,
            np.ascontiguousarray(values),
            clear,
            lam=LASSO,
            p_cg=probability,
            conse=conse,
            tmask_b1_index=green + 1,
            tmask_b2_index=infrared + 1,
        )
    except Exception as error:  # pyxccd raises a bare Exception when it finds no model at all
        if "no change records" not in str(error):
            raise
        return []


def record_features(record, count):
    """Overall reflectance at the middle of a segment, slope, harmonics and errors of its bands: (C
    * 9,).
    """
    coefficients = np.array(record["coefs"][:count], np.float64)  # (C, 8)
    coefficients[:, 1] /= SLOPE_SCALE
    # The intercept is that of day 0, two thousand years ago: the level at the middle says what the
    # surface is.
    coefficients[:, 0] += coefficients[:, 1] * (record["t_start"] + record["t_end"]) / 2
    return np.append(coefficients, np.array(record["rmse"][:count], np.float64))


def segment_medians(x, starts):
    """Median of every band over each segment: x (N, C, T), starts (N, T) -> (S, C)."""
    number, months = (
        segment_numbers(starts).ravel(),
        filled(x).transpose(0, 2, 1).reshape(starts.size, -1),
    )
    first = np.flatnonzero(starts.ravel())
    middle = first + (np.diff(np.append(first, starts.size)) - 1) // 2
    columns = [
        column[np.lexsort((column, number))][middle] for column in months.T
    ]  # lower median of each run
    return np.stack(columns, axis=1)


class CCDC:
    """COLD, then a random forest over its segments.

    conse, probability: as in `cold`; a tuple holds candidates, of which the validation part
    chooses. After `predict`, `reasons` says for each series why there was less to go by ('' =
    fine).
    """

    def __init__(
        self,
        *,
        conse=(1, 2, 3, 4, 6, 8),
        probability=(0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999),
        trees=200,
        seed=0,
    ):
        try:
            import pyxccd  # noqa: F401  an optional requirement: only CCDC needs it
        except ImportError as error:
            raise InputError(
                "ccdc: pyxccd not installed; expected pip install -r comparing/requirements.txt"
            ) from error
        self.grid = as_grid(conse=conse, probability=probability)
        self.trees, self.seed = trees, seed
        self.setting, self.tried, self.reasons = None, [], None

    def fit(self, train, validation=None):
        """Choose the settings on `validation`, then teach the forests the segments of `train`;
        returns self.
        """
        if len(train.bands) > MOST_BANDS:
            raise InputError(
                f"ccdc: {len(train.bands)} bands found; COLD takes at most {MOST_BANDS}"
            )
        self.setting, self.tried = choose(self._one, self.grid, train, validation, seed=self.seed)
        starts, features = self.segment(train)
        classes, modelled = len(train.legend), np.isfinite(features).all(axis=1)
        self.common = most_common_class(train.y)
        self.by_median = SegmentForest(trees=self.trees, seed=self.seed)
        self.by_median.fit(segment_medians(train.x, starts), starts, train.y, classes)
        self.by_model = None
        labelled = (
            train.y.ravel()[np.isin(segment_numbers(starts).ravel(), np.flatnonzero(modelled))] >= 0
        )
        if labelled.any():
            self.by_model = SegmentForest(trees=self.trees, seed=self.seed)
            known = np.where(
                modelled[segment_numbers(starts)], train.y, -1
            )  # segments without a model teach nothing
            self.by_model.fit(np.nan_to_num(features), starts, known, classes)
        return self

    def _one(self, **setting):
        return type(self)(**setting, trees=min(self.trees, 100), seed=self.seed)

    def segment(self, samples):
        """Cut the series where COLD finds breaks: starts (N, T) bool, features (S, C * 9), NaN
        where no model is.
        """
        breaks = np.zeros(samples.y.shape, bool)
        features = []
        for row, x in enumerate(samples.x):
            months = samples.months_of(row)
            records = cold(x, months, bands=samples.bands, **self.setting)
            found = {0: None}
            for record in records:  # a model describes the segment that ends with its break
                found[max(found)] = record_features(record, len(x))
                confirmed = record["t_break"] > 0 and record["change_prob"] == 100
                begin = month_of(record["t_break"], months) if confirmed else 0
                if begin > max(found):
                    found[begin] = None
            breaks[row, list(found)] = True
            features += [
                np.full(len(x) * (TERMS + 1), np.nan) if each is None else each
                for each in found.values()
            ]
        return starts_from_breaks(breaks), np.array(features, np.float32)

    def predict(self, samples):
        """Return the labels (N, T) int8 of samples."""
        starts, features = self.segment(samples)
        number, modelled = segment_numbers(starts), np.isfinite(features).all(axis=1)
        classes = self.by_median.predict(segment_medians(samples.x, starts))
        if self.by_model is not None and modelled.any():
            classes[modelled] = self.by_model.predict(features[modelled])
        labels = classes[number]
        empty = without_observation(samples.x)
        labels[empty] = self.common
        whole = modelled[number]
        self.reasons = np.select(
            [empty, ~whole.any(axis=1), ~whole.all(axis=1)],
            [
                "no observation: the most common class",
                "no model: classed by medians",
                "no model after the last break: classed by medians there",
            ],
            "",
        )
        return labels
