"""CCDC: continuous change detection and classification.

Zhu and Woodcock 2014, doi:10.1016/j.rse.2014.01.011.

    method = CCDC().fit(train, validation)
    labels = method.predict(test)               # (N, T)

COLD (Zhu et al. 2020, doi:10.1016/j.rse.2019.03.009) finds the changes, with all bands, as
`pyxccd` computes it. A random forest on the harmonic coefficients and errors of each segment
gives its class, so that every month has a label.

A break is the first month that departs from the model, and begins a new segment. Months before the
first model belong to it, as do those between the end of a model and the next break.

Limits with one observation per month:

  - COLD begins with a model of 12 observations over a year and looks back from it. So no break
    comes in about the first seven months.
  - A change must hold for `conse` months. So no break comes in the last conse - 1 months; what
    pyxccd reports there as not yet confirmed is left out.
  - Months without a model (fewer than 12 observations, or after the last break) are classed by a
    second forest, on the median of each band.
"""

import numpy as np
from pyxccd import cold_detect_flex

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

# proleptic Gregorian ordinal of 1970-01-01; pyxccd counts days so
DAYS_TO_1970 = 719_163
SLOPE_SCALE = 10_000  # pyxccd gives the slope per day times this
TERMS = 8  # intercept, slope, and cosine and sine of three harmonics
FEWEST_OBSERVATIONS = 12
# Candidates of the settings, also of S-CCD.
CONSE = (1, 2, 3, 4, 6, 8)
PROBABILITY = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
# With fewer than 7 bands and fewer observations, pyxccd 1.1.0 ends in a segmentation fault.
FEWEST_FEW_BANDS = 24
MOST_BANDS = 12  # that pyxccd takes
LASSO = 20  # penalty of the fit, for reflectance x 10^4: the advice of pyxccd
TRIAL_TREES = 100  # while a setting is chosen


def middle_days(months):
    """Ordinal day of the middle of each month: datetime64[M] -> int."""
    return months.astype("datetime64[D]").astype(int) + 14 + DAYS_TO_1970


def month_of(day, months):
    """Index of the month of `months` (T,) that holds this ordinal day."""
    date = np.datetime64("1970-01-01") + np.timedelta64(int(day) - DAYS_TO_1970, "D")
    return int((date.astype("datetime64[M]") - months[0]).astype(int))


def observations(x, months, bands=None):
    """What pyxccd is given for one series: a dict of arrays and places, or None for too few.

    x: (C, T) reflectance x 10^4, NaN = no observation; pyxccd takes NaN without a word, so those
    months are left out. bands: their names; B3 and B11 screen out what clouds are left.
    """
    seen = np.isfinite(x).all(axis=0)
    if seen.sum() < (FEWEST_OBSERVATIONS if len(x) >= 7 else FEWEST_FEW_BANDS):
        return None
    named = bands or ()
    green = named.index("B3") if "B3" in named else 0
    infrared = named.index("B11") if "B11" in named else len(x) - 1
    return {
        "dates": middle_days(months[seen]),
        "ts_stack": np.ascontiguousarray(np.rint(x[:, seen].T).astype(np.int64)),
        "qas": np.zeros(seen.sum(), np.int64),  # all clear
        "lam": LASSO,
        "tmask_b1_index": green + 1,
        "tmask_b2_index": infrared + 1,
    }


def cold(x, months, *, conse, probability, bands=None):
    """Run COLD on one series. Returns the records of pyxccd, one for each segment.

    x: (C, T) reflectance x 10^4, NaN = no observation; months: (T,) datetime64[M]. conse: departing
    observations in a row that make a change. probability: that a departure is no noise. There is no
    record for a series with fewer than 12 observations.
    """
    given = observations(x, months, bands)
    if given is None:
        return []
    try:
        return cold_detect_flex(**given, p_cg=probability, conse=conse)
    except Exception as error:  # pyxccd raises a bare Exception when it finds no model at all
        if "no change records" not in str(error):
            raise
        return []


def record_features(record, count):
    """Reflectance at the middle of a segment, slope, harmonics, and errors of `count` bands.

    Returns (C * 9,).
    """
    coefficients = np.array(record["coefs"][:count], np.float64)  # (C, 8)
    coefficients[:, 1] /= SLOPE_SCALE
    # The intercept is that of day 0, two thousand years ago. The level at the middle of the segment
    # says what the surface is.
    coefficients[:, 0] += coefficients[:, 1] * (record["t_start"] + record["t_end"]) / 2
    return np.append(coefficients, np.array(record["rmse"][:count], np.float64))


def segment_medians(x, starts):
    """Median of every band over each segment: x (N, C, T), starts (N, T) -> (S, C)."""
    number = segment_numbers(starts).ravel()
    months = filled(x).transpose(0, 2, 1).reshape(starts.size, -1)  # (N * T, C)
    first = np.flatnonzero(starts.ravel())
    length = np.diff(np.append(first, starts.size))
    middle = first + (length - 1) // 2  # the lower median of each run, once it is sorted
    medians = [column[np.lexsort((column, number))][middle] for column in months.T]
    return np.stack(medians, axis=1)


class CCDC:
    """COLD, then a random forest over its segments.

    conse, probability: as in `cold`; a tuple holds candidates, of which the validation part
    chooses. After `predict`, `reasons` says for each series why there was less to go by ('' =
    fine).
    """

    def __init__(self, *, conse=CONSE, probability=PROBABILITY, trees=200, seed=0):
        self.grid = as_grid(conse=conse, probability=probability)
        self.trees, self.seed = trees, seed
        self.setting, self.tried, self.reasons = None, [], None

    def fit(self, train, validation=None):
        """Choose the settings on `validation`, then teach the forests the segments of `train`.

        Returns self. Raises InputError for more bands than pyxccd takes.
        """
        if len(train.bands) > MOST_BANDS:
            raise InputError(f"ccdc: {len(train.bands)} bands found; expected at most {MOST_BANDS}")
        self.setting, self.tried = choose(self._one, self.grid, train, validation, seed=self.seed)
        starts, features = self.segment(train)
        number, classes = segment_numbers(starts), len(train.legend)
        modelled = np.isfinite(features).all(axis=1)
        self.common = most_common_class(train.y)
        self.by_median = SegmentForest(trees=self.trees, seed=self.seed)
        self.by_median.fit(segment_medians(train.x, starts), starts, train.y, classes)
        self.by_model = None
        known = np.where(modelled[number], train.y, -1)  # segments without a model teach nothing
        if (known >= 0).any():
            self.by_model = SegmentForest(trees=self.trees, seed=self.seed)
            self.by_model.fit(np.nan_to_num(features), starts, known, classes)
        return self

    def _one(self, **setting):
        return type(self)(**setting, trees=min(self.trees, TRIAL_TREES), seed=self.seed)

    def records(self, x, months, bands):
        """Modelled segments of one series: list of (month of its break or None, features)."""
        found = []
        for record in cold(x, months, bands=bands, **self.setting):
            confirmed = record["t_break"] > 0 and record["change_prob"] == 100
            begin = month_of(record["t_break"], months) if confirmed else None
            found.append((begin, record_features(record, len(x))))
        return found

    def segment(self, samples):
        """Cut the series at their breaks.

        Returns starts (N, T) bool and features (S, C * 9), NaN where a segment has no model.
        """
        breaks = np.zeros(samples.y.shape, bool)
        features = []
        without = np.full(samples.x.shape[1] * (TERMS + 1), np.nan)
        for row, x in enumerate(samples.x):
            found = {0: without}  # first month of a segment -> its features
            for begin, described in self.records(x, samples.months_of(row), samples.bands):
                latest = max(found)
                found[latest] = described  # a model describes the segment that ends with its break
                if begin is not None and begin > latest:
                    found[begin] = without
            breaks[row, list(found)] = True
            features += found.values()
        return starts_from_breaks(breaks), np.array(features, np.float32)

    def predict(self, samples):
        """Return the labels (N, T) int8 of samples."""
        starts, features = self.segment(samples)
        number = segment_numbers(starts)
        modelled = np.isfinite(features).all(axis=1)
        classes = self.by_median.predict(segment_medians(samples.x, starts))
        if self.by_model is not None and modelled.any():
            classes[modelled] = self.by_model.predict(features[modelled])
        labels = classes[number]
        empty = without_observation(samples.x)
        labels[empty] = self.common
        with_model = modelled[number]  # (N, T)
        reasons = {
            "no observation: the most common class": empty,
            "no model: classed by medians": ~with_model.any(axis=1),
            "no model after the last break: classed by medians there": ~with_model.all(axis=1),
        }
        self.reasons = np.select(list(reasons.values()), list(reasons), "")
        return labels
