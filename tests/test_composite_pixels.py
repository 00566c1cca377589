"""composite.py: medians, masks and interpolation beside plain arithmetic."""

import warnings

import numpy as np
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from rasterio.warp import transform

from compositing.grid import window_geobox, windows_of
from compositing.monthly import MISSING, grown, median, medoid, reflectance
from compositing.resampling import doubled, interpolated, on_grid
from tests.stac_scenes import (
    SceneSpec,
    write_tiff,
)
from utils.bands import NO_OBSERVATION


@given(arrays(np.uint16, (5, 6), elements=st.integers(0, 65535)))
def test_interpolation_is_bilinear_and_leaves_no_data_out(coarse):
    found = interpolated(coarse, 2)
    full = interpolated(np.maximum(coarse, 1), 2)
    assert (full == doubled(np.maximum(coarse, 1))).all()
    for row, column in np.ndindex(found.shape):
        near = row // 2 + 1, column // 2 + 1
        beside = near[0] + (1 if row % 2 else -1), near[1] + (1 if column % 2 else -1)
        corners = [(near[0], near[1]), (beside[0], near[1]), (near[0], beside[1]), beside]
        weights = np.array([9, 3, 3, 1]) * [coarse[corner] > 0 for corner in corners]
        expected = 0.0
        if coarse[near]:
            expected = np.average([float(coarse[c]) for c in corners], weights=weights)
        assert abs(found[row, column] - expected) <= 0.51


def test_other_grids_are_met_exactly_and_whatever_the_windows(tmp_path):
    spec = SceneSpec("2022-03-05T10:50:00Z", left=707_000, top=5_630_000, side=300)
    slope = 1000 + 3 * np.arange(300)[:, None] + 5 * np.arange(300)
    write_tiff(tmp_path / "slope.tif", slope.astype(np.uint16), spec)
    corner = transform("EPSG:32631", "EPSG:32632", [708_000], [5_629_000])
    left, top = (round(v[0], -1) for v in corner)
    geobox = GeoBox((120, 90), Affine(10, 0, left, 0, -10, top), "EPSG:32632")
    across, down = np.meshgrid(left + 5 + 10 * np.arange(90), top - 5 - 10 * np.arange(120))
    x, y = transform("EPSG:32632", "EPSG:32631", across.ravel(), down.ravel())
    column, row = (np.array(x) - 707_000) / 10 - 0.5, (5_630_000 - np.array(y)) / 10 - 0.5
    with rasterio.open(tmp_path / "slope.tif") as source:
        smooth, nearest = (on_grid(source, geobox, m) for m in ("bilinear", "nearest"))
        parts = np.zeros_like(smooth)
        for window in windows_of(geobox, 50):
            parts[window.slices] = on_grid(source, window_geobox(geobox, window), "bilinear")
    assert (parts == smooth).all()
    assert abs(smooth.ravel() - (1000 + 3 * row + 5 * column)).max() < 0.51
    exact = 1000 + 3 * np.rint(row) + 5 * np.rint(column)
    assert (nearest.ravel() == exact).mean() > 0.999  # but for places between two pixels


looks_of = arrays(
    np.int16,
    st.tuples(st.integers(1, 9), st.just(3), st.just(4)),
    elements=st.one_of(st.integers(-500, 12000), st.just(MISSING)),
)


@given(looks_of)
def test_median_is_numpys(looks):
    values = np.where(looks == MISSING, np.nan, looks.astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.rint(np.nanmedian(values, axis=0))
    expected = np.where(np.isnan(expected), NO_OBSERVATION, expected)
    assert (median([look.copy() for look in looks]) == expected).all()


@given(arrays(np.int16, (5, 3, 2, 2), elements=st.one_of(st.integers(0, 9000), st.just(MISSING))))
def test_medoid_is_one_of_the_looks_and_the_nearest_to_the_others(looks):
    found = medoid(looks)
    for row, column in np.ndindex(2, 2):
        whole = [v for v in looks[:, :, row, column].astype(float) if (v != MISSING).all()]
        if not whole:
            assert (found[:, row, column] == NO_OBSERVATION).all()
            continue
        costs = [sum(np.linalg.norm(one - other) for other in whole) for one in whole]
        mine = sum(np.linalg.norm(found[:, row, column] - other) for other in whole)
        assert any((found[:, row, column] == one).all() for one in whole)
        assert mine <= min(costs) * (1 + 1e-5) + 1e-3


@given(arrays(bool, (9, 11)), st.integers(0, 4))
def test_clouds_grow_by_a_disc(mask, radius):
    rows, columns = np.nonzero(mask)
    y, x = np.mgrid[:9, :11]
    apart = (y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2
    assert (grown(mask, radius) == (apart <= radius**2).any(axis=-1)).all()


@given(arrays(np.uint16, (4, 5)), st.sampled_from([0, -1000]))
def test_the_offset_keeps_values_below_zero_and_no_data(numbers, offset):
    found = reflectance(numbers, offset, np.ones(numbers.shape, bool))
    assert (found[numbers == 0] == MISSING).all()
    expected = np.minimum(numbers.astype(int) + offset, 32766)
    assert (found == expected)[numbers > 0].all()
