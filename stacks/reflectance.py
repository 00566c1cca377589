"""Stored numbers -> surface reflectance x 10^4."""

import numpy as np

from utils.bands import NO_OBSERVATION

# At or beyond these a stored number is a mark for no data, never reflectance x 10^4.
LOWEST, HIGHEST = -9999, 32767


def reflectance(raw, scale, offset, nodata):
    """Stored numbers of one month as reflectance x 10^4.

    raw (C, y, x) of any number type; scale, offset (C,); nodata: stored numbers that mean no data.
    Returns (C, y, x) int16, -32768 = no observation: declared no data, NaN, marks such as -9999 and
    32767, or 0 in every band.
    """
    if (
        raw.dtype == np.int16
        and (scale == 1).all()
        and not offset.any()
        and set(nodata) <= {NO_OBSERVATION, 0}
    ):
        return plain_reflectance(raw, 0 in nodata)
    scaled, missing = scaled_and_missing(raw, scale, nodata)
    with np.errstate(invalid="ignore"):
        values = np.rint(scaled + offset.astype(np.float32)[:, None, None]).clip(LOWEST, HIGHEST)
        return np.where(missing, NO_OBSERVATION, values).astype(np.int16)


def plain_reflectance(raw, zero_is_nodata):
    """What `reflectance` gives for int16 that is reflectance x 10^4 already: the common case, in
    fewer passes.
    """
    lowest, highest = raw.min(axis=0), raw.max(axis=0)  # (y, x)
    if zero_is_nodata:
        raw = np.where(raw == 0, NO_OBSERVATION, raw)
    elif len(raw) > 1 and (empty := (lowest == 0) & (highest == 0)).any():
        raw = np.where(empty, NO_OBSERVATION, raw)
    if highest.max() >= HIGHEST:
        raw = np.where(raw >= HIGHEST, NO_OBSERVATION, raw)
    if lowest.min() <= LOWEST:
        raw = np.where(raw <= LOWEST, NO_OBSERVATION, raw)
    return raw


def scaled_and_missing(raw, scale, nodata):
    """Stored numbers of one month times scale, (C, y, x), and where there is none, bool (C, y,
    x).
    """
    plain = raw.dtype.kind in "iu" and (scale == 1).all()
    scaled = raw if plain else raw * scale.astype(np.float32)[:, None, None]
    missing = ~((scaled > LOWEST) & (scaled < HIGHEST))  # NaN too: it is neither
    if len(raw) > 1:
        missing |= ~raw.any(axis=0)
    for value in nodata:
        if not (plain and value <= LOWEST):
            missing |= raw == value
    return scaled, missing
