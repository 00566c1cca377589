"""The step of 1000 of Sentinel-2's processing baseline 04.00, and the offset that mends it."""

import numpy as np

from stacks.reflectance import scaled_and_missing
from stacks.source import parse_month
from utils.errors import InputError

# Processing baseline 04.00, in force on 2022-01-25, adds the step to every band of level 2A.
STEP = 1000
STEP_MONTH = np.datetime64("2022-01", "M")
FIRST = np.datetime64("1950-01", "M")  # before all stacks
# Windows from which a stack's scale and steps are judged: side in pixels, places in eighths.
SAMPLE = 128
PLACES = ((4, 4), (2, 2), (6, 6), (2, 6), (6, 2))
FEWEST = 20  # observed pixels that tell the dark end of a month


def given_offset(text):
    """First month and amount of 'none', 'auto', 'VALUE' or 'VALUE@YYYY-MM'."""
    if text in ("none", "auto"):
        return FIRST, 0.0
    amount, _, month = str(text).partition("@")
    try:
        amount = float(amount)
    except ValueError as error:
        raise InputError(
            f"--offset: found '{text}', expected none, auto, VALUE or VALUE@YYYY-MM"
        ) from error
    return parse_month(month, "--offset") if month else FIRST, amount


def survey(stack):
    """Look at a few windows: the dark end of each band in each month (M, C), and the middle of the
    brightest band.

    dark is the 2nd percentile, NaN where a month has too few observations; both in the units that
    `scale` gives.
    """
    windows = [observed(stack, *window) for window in sample_windows(stack)]
    months = [np.concatenate(blocks, axis=1) for blocks in zip(*windows)]
    dark = np.full(stack.scale.shape, np.nan)
    for i, values in enumerate(months):
        if values.shape[1] >= FEWEST:
            dark[i] = np.percentile(values, 2, axis=1)
    middles = []
    for values in months:
        if values.shape[1]:
            middles.append(np.median(values, axis=1).max())
    return dark, np.median(middles) if middles else np.nan


def sample_windows(stack):
    """Rows and columns of the windows to look at; one is enough where chunks are large."""
    large = np.prod(stack.source.chunk) > 2**20
    height, width = stack.geobox.shape
    places = PLACES[:1] if large else PLACES
    return [(around(height, down), around(width, right)) for down, right in places]


def around(size, eighths):
    """SAMPLE pixels around a place along an axis, as far as the axis goes: a slice."""
    middle = size * eighths // 8
    return slice(max(0, middle - SAMPLE // 2), min(size, middle + SAMPLE // 2))


def observed(stack, rows, columns):
    """Pixels of a window that were seen in all bands: (C, pixels) of each month."""
    every = list(range(len(stack.source.months)))
    found = []
    for i, raw in enumerate(stack.source.reader.read(every, rows, columns)):
        scaled, missing = scaled_and_missing(raw, stack.scale[i], stack.nodata)
        seen = ~missing.any(axis=0)
        found.append(scaled[:, seen] + stack.offset[i][:, None])
    return found


def step_month(months, dark):
    """First month of a lasting step of +1000 in every band at 2022-01-25, or None.

    months (M,); dark (M, C) reflectance x 10^4. Land that changes brightens some bands more than
    others, and leaves blue dark; the step lifts all bands alike.
    """
    before, after = months < STEP_MONTH, months > STEP_MONTH
    known = ~np.isnan(dark).any(axis=1)
    rises = rises_of_years(months, dark, before, np.flatnonzero(after & known))
    if len(rises) < 3:
        return None
    rise = np.median(rises, axis=0)  # (C,)
    lifted = np.nanmedian(dark[after], axis=0).min() > 0.9 * STEP
    last = np.median(dark[before & known][-3:], axis=0)
    first = np.median(dark[after & known][:3], axis=0)
    here = np.median(first - last)  # the step at this very place
    if not (is_step(rise) and lifted and here > 0.5 * STEP):
        return None
    january = dark[months == STEP_MONTH]  # (1, C), or (0, C) if it is missing
    january = january - np.nanmedian(dark[before], axis=0)
    from_january = january.size and np.median(january) > STEP / 2
    return STEP_MONTH if from_january else STEP_MONTH + 1


def is_step(rise):
    """Do all bands (C,) rise by about 1000?"""
    if rise.min() <= 0.5 * STEP or rise.max() >= 1.6 * STEP:
        return False
    return abs(np.median(rise) - STEP) < 0.35 * STEP


def rises_of_years(months, dark, before, later):
    """Rise (C,) of each later month over the same month of the years before, where there is one.

    The same month, so that seasons do not count.
    """
    rises = []
    for i in later:
        years = (months - months[i]).astype(int) % 12 == 0
        earlier = dark[before & years]
        if not np.isnan(earlier).all():
            rises.append(dark[i] - np.nanmedian(earlier, axis=0))
    return rises
