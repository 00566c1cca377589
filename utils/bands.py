"""The Sentinel-2 bands, in their order everywhere, and the number that stands for no
observation.
"""

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
NO_OBSERVATION = -32768  # in integer arrays; NaN in float arrays
SHORTEST = 12  # months of a series: less than a year shows no season
