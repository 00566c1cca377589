"""Measured spectra of soils, built surfaces and char in the ten bands, from earthlib."""

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from dataset.canopy import band_weights

KINDS = {"soil": "bare", "built": "built", "char": "burned"}
LIMITS = {"soil": 0.75, "built": 0.9, "char": 0.35}


@lru_cache(maxsize=3)
def measured(kind):
    """Spectra (N, 10) of a kind, soil, built or char, and number of the material (N,), rising.

    Doubtful spectra, negative or too bright, are left out.
    """
    folder = Path(find_spec("earthlib").origin).parent / "data"
    table = pd.read_csv(folder / "spectra.csv")
    values = np.fromfile(folder / "spectra.sli", np.float32).reshape(len(table), -1)
    header = (folder / "spectra.sli.hdr").read_text()
    listed = re.search(r"wavelength = \{(.*?)\}", header, re.DOTALL)[1]
    grid = 1000 * np.array(listed.split(","), float)  # nm, with gaps where air absorbs
    wavelengths, weights = band_weights()
    own = (table["LEVEL_2"] == KINDS[kind]).to_numpy()
    values = values[own]
    names = table["LEVEL_3"][own].to_numpy(str)
    dense = np.array([np.interp(wavelengths, grid, row) for row in values])
    bands = dense @ weights
    good = np.isfinite(bands) & (bands > 0.005) & (bands < LIMITS[kind])
    good = good.all(1)
    bands, names = bands[good], names[good]
    if kind == "soil":
        names[:] = "soil"  # sand and gravel are few
    order = np.argsort(names, kind="stable")
    return bands[order], np.unique(names[order], return_inverse=True)[1]


def draw(rng, kind, shape):
    """Draw spectra of a kind: (*shape, 10), every material (`LEVEL_3`) as often as any other."""
    found, material = measured(kind)
    chosen = rng.integers(material.max() + 1, size=shape)
    first = np.searchsorted(material, chosen)
    count = np.bincount(material)[chosen]
    place = rng.random(np.shape(chosen)) * count
    return found[first + place.astype(int)]
