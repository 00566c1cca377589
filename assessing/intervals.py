"""Half-widths and limits of 95 % intervals."""

import numpy as np
from scipy.stats import t

Z = 1.96  # half the width of a 95 % interval in standard errors, as the guides print it
# Where fewer points than this decide an error, counts are too coarse for an interval that holds the
# truth in 95 % of the samples. Chosen on made-up areas other than those of
# benchmarks/assess_coverage.py, which counts the figures with and without enough points.
FEW = 5


def errors_wide(freedom):
    """Half of a 95 % interval in standard errors: Student's t, 1.96 for many degrees of freedom."""
    return t.ppf(0.975, np.maximum(freedom, 1))


def wilson(share, count):
    """Wilson's 95 % interval of shares among `count` points: (low, high)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        pulled = Z**2 / count  # towards one half
        centre = share + pulled / 2
        variance = share * (1 - share) / count + pulled / (4 * count)
        width = Z * np.sqrt(variance)
        low = (centre - width) / (1 + pulled)
        high = (centre + width) / (1 + pulled)
    return low, high
