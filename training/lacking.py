"""What it costs a network that series lack bands, for its card."""

import numpy as np

import models

# Bands that sensors and stacks lack.
LACKING = (
    "B2",
    "B8A",
    "B5 B6 B7",
    "B5 B6 B7 B8",
    "B5 B6 B7 B8A",
    "B11 B12",
    "B8 B8A",
    "B2 B3 B4",
    "B5 B6 B7 B8A B11 B12",
)
ENOUGH = 3000  # series on which it is measured


def takes_missing_bands(net):
    """Whether the network labels series that lack bands by those that are there."""
    return hasattr(net, "absent")


def lost_without(net, samples):
    """Points of overall accuracy that series lose without each of LACKING: {bands: points}.

    Bands that the network does not use are passed over; so are sets that would leave none.
    """

    def accuracy(x):
        right = models.label(net, x)[0] == y
        return 100 * right[y >= 0].mean()

    every = max(1, len(samples) // ENOUGH)
    series, y = samples.x[::every], samples.y[::every]
    whole, lost = accuracy(series), {}
    for names in LACKING:
        rows = [samples.bands.index(band) for band in names.split() if band in samples.bands]
        if len(rows) < len(names.split()) or len(rows) == len(samples.bands):
            continue
        x = series.copy()
        x[:, rows] = np.nan
        lost[names] = round(float(whole - accuracy(x)), 2)
    return lost
