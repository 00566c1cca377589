"""What every series has in common: the Sentinel-2 bands, the missing value, the shortest length."""

from dataclasses import replace

import numpy as np

from utils.errors import InputError

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")  # in this order everywhere
NO_OBSERVATION = -32768  # in integer arrays; NaN in float arrays
SHORTEST = 12  # months: less than a year shows no season
LONGEST = 600  # months: more is a slip in a date, such as 2108 for 2018


def select_bands(path, samples, wanted, absent_bands="error"):
    """Return Samples of the wanted bands, in the wanted order.

    absent_bands: what a band that the samples lack is: an 'error', or 'nan', never observed.
    """
    if absent_bands not in ("error", "nan"):
        raise InputError(f"absent_bands: found {absent_bands}, expected 'error' or 'nan'")
    if len(set(wanted)) < len(wanted):
        raise InputError(f"{path}: bands {', '.join(wanted)} asked for; expected each band once")
    lacking = [band for band in wanted if band not in samples.bands]
    if lacking and absent_bands == "error":
        raise InputError(
            f"{path}: band {', '.join(lacking)} not in it ({len(samples.bands)} bands found); "
            f"it has {', '.join(samples.bands)}"
        )
    shape = (len(samples), len(wanted), samples.x.shape[2])
    x = np.full(shape, np.nan, np.float32)
    for place, band in enumerate(wanted):
        if band not in lacking:
            x[:, place] = samples.x[:, samples.bands.index(band)]
    return replace(samples, x=x, bands=tuple(wanted))
