"""S-CCD: continuous change detection with a state-space model.

Ye, Rogan, Zhu and Eastman 2021, doi:10.1016/j.rse.2020.112167.

    method = SCCD().fit(train, validation)
    labels = method.predict(test)               # (N, T)

S-CCD follows the model of a segment from one observation to the next by a Kalman filter, where COLD
fits the model anew. `pyxccd` computes it, with all bands. A random forest on level, slope, season
and error of each segment gives its class, as for BFAST, so that every month has a label.

A break is the first month that departs from the model, and begins a new segment.

Limits with one observation per month:

  - S-CCD begins with a model of about a year and looks back from it. So no break comes in about the
    first seven months, and one in the first year may come a month or two late.
  - A change must hold for `conse` months. So no break comes in the last conse - 1 months.
  - A break that follows another within a year and a half is not found.
  - Series with fewer than 12 observations, or less than a year long, stay one segment; with fewer
    than 7 bands, series with fewer than 24 observations.
"""

import numpy as np
from pyxccd import sccd_detect_flex

from comparing.methods.ccdc import CONSE, FEWEST_OBSERVATIONS, PROBABILITY, month_of, observations
from comparing.methods.segments import BreakMethod, starts_from_breaks
from comparing.methods.selection import as_grid
from utils.errors import InputError

MOST_BANDS = 10  # that pyxccd takes


def sccd_breaks(x, months, *, conse, probability, bands=None):
    """Run S-CCD on one series. Returns the months of its breaks, (T,) bool.

    x: (C, T) reflectance x 10^4, NaN = no observation; months: (T,) datetime64[M]. conse: departing
    observations in a row that make a change. probability: that a departure is no noise.
    """
    breaks = np.zeros(len(months), bool)
    given = observations(x, months, bands)
    if given is None:
        return breaks
    try:
        found = sccd_detect_flex(**given, p_cg=probability, conse=conse)
    except RuntimeError as error:
        if "smaller than 1 year" not in str(error):
            raise
        return breaks
    for record in found.rec_cg:
        if record["t_break"] > 0:
            breaks[month_of(record["t_break"], months)] = True
    return breaks


class SCCD(BreakMethod):
    """S-CCD on all bands; a random forest gives each segment its class.

    conse, probability: as in `sccd_breaks`; a tuple holds candidates, of which the validation part
    chooses.
    """

    shortest = FEWEST_OBSERVATIONS

    def __init__(self, *, conse=CONSE, probability=PROBABILITY, trees=200, seed=0):
        super().__init__(as_grid(conse=conse, probability=probability), trees, seed)

    def fit(self, train, validation=None):
        """Choose the settings on `validation`, then learn the segments of `train`. Returns self."""
        if len(train.bands) > MOST_BANDS:
            raise InputError(f"sccd: {len(train.bands)} bands found; expected at most {MOST_BANDS}")
        return super().fit(train, validation)

    def segment(self, samples):
        """Cut the series at the breaks found: starts (N, T) bool."""
        breaks = [
            sccd_breaks(x, samples.months_of(row), bands=samples.bands, **self.setting)
            for row, x in enumerate(samples.x)
        ]
        return starts_from_breaks(np.array(breaks))
