"""What tests of composite.py ask of a stack."""

import csv
import hashlib
import warnings
from pathlib import Path

import numpy as np
import zarr

from tests.stac_scenes import (
    FINE,
    classes,
    truth,
)
from utils.bands import BANDS, NO_OBSERVATION

PLAIN = {"cloud_buffer": 0, "resampling": "nearest"}


def bytes_of(folder):
    """Digest of each file of a stack."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def rows_of(stack):
    """scenes.csv of a stack: {scene: row}."""
    path = Path(stack).with_name(f"{Path(stack).stem}_scenes.csv")
    with open(path, newline="") as file:
        return {row["scene"]: row for row in csv.DictReader(file)}


def block_of(stack, left, top, size):
    """reflectance (T, C, y, x) of a stack from a corner in metres on, 1 outside of it."""
    root = zarr.open_group(str(stack), mode="r")
    numbers = [float(v) for v in root["spatial_ref"].attrs["GeoTransform"].split()]
    right, down = round((left - numbers[0]) / 10), round((numbers[3] - top) / 10)
    values = np.pad(root["reflectance"][:], ((0, 0), (0, 0), (9, 9), (9, 9)), constant_values=1)
    return values[:, :, down + 9 : down + 9 + size, right + 9 : right + 9 + size]


def expected_of(specs):
    """Median (C, y, x) of what scenes of one month and place truly show, by NumPy."""
    result = []
    for band in BANDS:
        looks = []
        for spec in specs:
            numbers = truth(spec, band).astype(float)
            numbers = numbers if band in FINE else numbers.repeat(2, 0).repeat(2, 1)
            cloudy = (classes(spec) == 9).repeat(2, 0).repeat(2, 1)
            looks.append(np.where(cloudy, np.nan, numbers))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result.append(np.nanmedian(looks, axis=0))
    found = np.array(result)
    return np.where(np.isnan(found), NO_OBSERVATION, np.rint(found))


def assert_month_is(stack, step, specs):
    """The stack's month holds the true median of these scenes, to 1."""
    spec = specs[0]
    found = block_of(stack, spec.left, spec.top, spec.side)[step]
    inside = found[0] != 1
    assert inside.any()
    assert abs(found - expected_of(specs))[:, inside].max() <= 1
