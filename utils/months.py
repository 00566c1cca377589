"""Axes of months: made from a first month, or from the dates of several looks a month."""

import numpy as np

from utils.bands import LONGEST
from utils.errors import InputError


def month_axis(path, first_month, steps):
    """Return consecutive months: (T,), or (N, T) where `first_month` (N,) differs by sample.

    first_month: 'YYYY-MM', one for all samples or one for each. steps: number of months T. Raises
    InputError for None and for whatever is no month.
    """
    if first_month is None:
        raise InputError(f"{path}: no dates in it; expected --first-month YYYY-MM")
    try:
        first = np.atleast_1d(np.asarray(first_month))
        first = first.astype("datetime64[M]")
    except ValueError as error:
        raise InputError(f"{path}: first month {first_month} found; expected YYYY-MM") from error
    if first.ndim != 1 or len(first) == 0 or np.isnat(first).any():
        raise InputError(f"{path}: first month {first_month} found; expected YYYY-MM")
    if (first == first[0]).all():
        return first[0] + np.arange(steps)
    return first[:, None] + np.arange(steps)


def check_first_month(path, months, given):
    """Raise InputError where the user gives a first month and the file's own dates say another.

    months: (T,) or (N, T) datetime64[M] of the file. given: 'YYYY-MM' or None.
    """
    if given is None:
        return
    first = months.min()
    wished = month_axis(path, given, 1)[0]
    if first != wished:
        raise InputError(
            f"{path}: begins in {first}, as its own dates say, not in {wished}; "
            "expected --first-month only for files without dates"
        )


def calendar_years(months):
    """Years such as 2021 of months datetime64[M], as whole numbers."""
    return months.astype("datetime64[Y]").astype(int) + 1970


def monthly_median(path, x, y, dates):
    """Reduce several looks a month to their median; the label is that of the month's last look.

    x: (N, C, looks) float with NaN; y: (N, looks); dates: (looks,) datetime64[D], rising. Returns
    x (N, C, T), y (N, T) and months (T,). A month without a look is not observed, not labelled.
    """
    if len(dates) == 0 or np.isnat(dates).any():
        raise InputError(f"{path}: {len(dates)} dates found; expected a date for every look")
    if (np.diff(dates) <= np.timedelta64(0)).any():
        raise InputError(f"{path}: dates are out of order or repeated; expected rising dates")
    if dates[-1] - dates[0] > np.timedelta64(31 * LONGEST, "D"):
        raise InputError(
            f"{path}: dates run from {dates[0]} to {dates[-1]}; expected at most {LONGEST} months"
        )
    month_of_look = dates.astype("datetime64[M]")
    months = np.arange(month_of_look[0], month_of_look[-1] + 1)
    n, bands, _ = x.shape
    median = np.full((n, bands, len(months)), np.nan, np.float32)
    labels = np.full((n, len(months)), -1, y.dtype)
    for t, month in enumerate(months):
        looks = np.flatnonzero(month_of_look == month)
        if len(looks) == 0:
            continue
        labels[:, t] = y[:, looks[-1]]
        values = x[:, :, looks]
        seen = np.isfinite(values).any(axis=2)  # (N, C)
        # Only where something was seen: the median of nothing would warn.
        median_of_month = median[:, :, t]  # a view
        median_of_month[seen] = np.nanmedian(values[seen], axis=1)
    return median, labels, months
