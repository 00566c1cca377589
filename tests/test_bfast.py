"""BFAST and BFAST Monitor: what they find in series with known breaks."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyxccd")
pytest.importorskip("statsmodels")

from comparing.methods import structural_breaks
from comparing.methods.bfast import bfast
from comparing.methods.bfast_monitor import (
    BFASTMonitor,
    cusum_critical_value,
    monitor,
    mosum_critical_value,
    regressors,
    stable_history,
)
from comparing.methods.made_up import made_up_series, season_curve
from comparing.methods.structural_breaks import (
    breakpoints,
    designs,
    residual_maker,
    segment_rss,
    stl_matrices,
)
from tests.comparing_samples import near
from utils.errors import InputError

# BFAST


@pytest.mark.parametrize(
    "magnitude, noise, share", [(-0.2, 0.03, 0.97), (-0.3, 0.07, 0.93), (0.2, 0.02, 0.97)]
)
@pytest.mark.parametrize("steps", [60, 72])
def test_bfast_finds_trend_breaks_within_a_step(steps, magnitude, noise, share):
    at = np.random.default_rng(0).integers(14, steps - 14, 400)
    trend, _ = bfast(
        made_up_series(400, steps=steps, trend_break=at, magnitude=magnitude, noise=noise, seed=2)
    )
    assert near(trend, at).mean() > share


@pytest.mark.parametrize("steps", [60, 72])
def test_bfast_finds_season_breaks_within_a_step(steps):
    at = np.random.default_rng(0).integers(18, steps - 18, 400)
    made = {"steps": steps, "season_break": at, "amplitude": 0.3, "seed": 2}
    clean = made_up_series(400, noise=0, **made)
    before = made_up_series(400, noise=0, **made | {"season_break": None})
    after = made_up_series(400, noise=0, **made | {"season_break": 0})
    # Where the old and the new season cross, a change of one for the other cannot be dated by
    # anyone.
    gap = np.abs(before - after)[np.arange(400)[:, None], np.stack([at - 1, at], axis=1)].min(
        axis=1
    )
    _, season = bfast(clean + 0.03 * np.random.default_rng(5).standard_normal(clean.shape))
    assert near(season, at)[gap > 0.1].mean() > 0.95
    assert (gap > 0.1).mean() > 0.5


@pytest.mark.parametrize("harmonics", [1, 3])
def test_bfast_finds_breaks_of_trend_and_season_in_one_series(harmonics):
    random = np.random.default_rng(1)
    first = random.integers(15, 21, 300)
    second = first + random.integers(20, 26, 300)
    y = made_up_series(
        300, steps=72, trend_break=first, season_break=second, magnitude=-0.3, noise=0.03, seed=3
    )
    trend, season = bfast(y, harmonics=harmonics)
    assert near(trend, first).mean() > 0.9 and near(season, second).mean() > 0.9


@pytest.mark.parametrize("harmonics, share", [(1, 0.78), (3, 0.85)])
@pytest.mark.parametrize("magnitude, noise", [(-0.3, 0.03), (0.3, 0.03), (-0.2, 0.05)])
def test_bfast_dates_a_break_of_trend_and_season_in_the_same_month(
    magnitude, noise, harmonics, share
):
    """As of a changed land cover. Where step and new season cancel out, no one can date it: hence
    not nearer to 1.
    """
    at = np.random.default_rng(0).integers(18, 54, 300)
    y = made_up_series(
        300, steps=72, trend_break=at, season_break=at, magnitude=magnitude, noise=noise, seed=3
    )
    trend, season = bfast(y, harmonics=harmonics)
    assert near(trend | season, at).mean() > share
    assert trend.sum() < 1.2 * len(y) and season.sum() < 1.1 * len(y)  # and finds few besides


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_false_alarms_of_bfast_stay_near_the_level(level):
    """The test errs at its level; BIC then turns down some of its alarms."""
    trend, season = bfast(
        made_up_series(2000, steps=60, noise=0.05, slope=0.02, seed=7), level=level
    )
    assert 0.1 * level < trend.any(axis=1).mean() < 1.2 * level
    assert season.any(axis=1).mean() < 1.2 * level


@pytest.mark.parametrize("steps", [48, 72])
def test_critical_values_hold_their_level_on_new_noise(steps):
    noise = np.random.default_rng(99).standard_normal((5000, steps))
    window = int(0.15 * steps)
    season, trend = stl_matrices(steps)[0], residual_maker(designs(steps, 3)[0])
    statistic = structural_breaks.trend_statistic((noise - noise @ season.T) @ trend, window)
    critical, _ = structural_breaks.critical_values(steps, window, 3, 0.05)
    assert abs((statistic > critical).mean() - 0.05) < 0.012


def test_stl_as_a_matrix_is_stl():
    from statsmodels.tsa.seasonal import STL

    y = made_up_series(1, steps=60, noise=0.1, seed=3)[0]
    fit = STL(y, period=12, seasonal=601, seasonal_deg=0).fit()
    _, trend = stl_matrices(60)
    assert np.allclose(trend @ y, fit.trend)


@pytest.mark.parametrize("kind", [0, 1])
def test_residuals_of_a_segment_are_those_of_least_squares(kind):
    import statsmodels.api as sm

    y = made_up_series(3, steps=40, noise=0.1, seed=3)
    rss = segment_rss(y, kind, 2, 12)
    fit = sm.OLS(y[1, 5:30], designs(40, 2)[kind][5:30]).fit()
    assert np.isclose(rss[1, 5, 30], fit.ssr)
    assert np.isinf(rss[:, 5, 16]).all() and np.isfinite(rss[:, 5, 17]).all()


def test_breakpoints_are_the_best_ones():
    ruptures = pytest.importorskip("ruptures")
    y = made_up_series(20, steps=60, trend_break=25, magnitude=-0.3, noise=0.05, seed=4)
    found = breakpoints(y, 0, 1, 9)
    design = designs(60, 1)[0]
    for series, breaks in zip(y, found):
        places = np.flatnonzero(breaks)
        if len(places):
            search = ruptures.Dynp(model="linear", min_size=9, jump=1).fit(
                np.column_stack([series, design])
            )
            assert search.predict(len(places))[:-1] == places.tolist()
    assert found.any(axis=1).all()


@settings(max_examples=20, deadline=None)
@given(
    st.integers(24, 60),
    st.floats(0.05, 0.5),
    st.integers(0, 2**32 - 1),
    st.floats(-100, 100),
    st.floats(0.1, 1e4),
)
def test_breaks_do_not_depend_on_the_scale_and_keep_their_distance(steps, h, seed, offset, scale):
    random = np.random.default_rng(seed)
    y = made_up_series(3, steps=steps, trend_break=steps // 2, magnitude=0.3, seed=seed)
    y[random.random(y.shape) < 0.2] = np.nan
    trend, season = bfast(y, h=h)
    moved = bfast(offset + scale * y, h=h)
    assert (trend == moved[0]).all() and (season == moved[1]).all()
    shortest = max(int(h * steps), 3)
    for breaks in trend:
        assert (np.diff([0, *np.flatnonzero(breaks), steps]) >= shortest).all()


@pytest.mark.parametrize("value", [0.0, 1000.0, 1 / 3, -7.1])
def test_a_constant_series_has_no_break(value):
    y = np.full((2, 60), value)
    y[1, ::4] = np.nan
    assert not np.any(bfast(y)) and (monitor(y) == -1).all()


def test_a_flag_out_of_range_is_an_input_error():
    with pytest.raises(InputError, match="h 0.7"):
        bfast(np.zeros((1, 60)), h=0.7)
    with pytest.raises(InputError, match="level 0"):
        monitor(np.zeros((1, 60)), level=0)


# BFAST Monitor


@pytest.mark.parametrize("stable, trend", [(False, False), (False, True), (True, True)])
def test_monitor_finds_the_months_that_nrt_finds(
    stable, trend, count=400, steps=72, history=36, level=0.05
):
    random = np.random.default_rng(3)
    at = np.where(random.random(count) < 0.6, random.integers(8, 70, count), 2 * steps)
    y = made_up_series(count, steps=steps, trend_break=at, magnitude=-0.15, noise=0.04, seed=1)
    y[random.random(y.shape) < 0.15] = np.nan
    theirs, critical = nrt_months(y, regressors(steps, 1, trend), history, level, stable)
    ours = monitor(y, history=history, level=level, stable=stable, trend=trend, critical=critical)
    assert (ours == theirs).mean() > 0.99
    assert 0.3 < (theirs >= 0).mean() < 0.9


def nrt_months(y, design, history, level, stable):
    """Detections of nrt with these regressors (N,), and its critical value."""
    mosum, efp = pytest.importorskip("nrt.monitor.mosum"), pytest.importorskip("nrt.utils_efp")
    xarray, pandas = pytest.importorskip("xarray"), pytest.importorskip("pandas")
    dates = pandas.date_range("2015-01-01", periods=y.shape[1], freq="MS")
    y = y.copy()
    # nrt fits the stable part, but counts and scales by the whole history; the published method
    # cuts it off
    if stable:
        for row in y:
            seen = np.flatnonzero(np.isfinite(row[:history]))
            first = efp.history_roc(
                design[seen], row[seen], alpha=level, crit=cusum_critical_value(level)
            )
            row[seen[:first]] = np.nan

    class SameRegressors(mosum.MoSum):
        @staticmethod
        def build_design_matrix(array, trend=True, harmonic_order=1):
            return design[: len(array)]

        def _regressors(self, date):
            return design[[dates.get_loc(date)]]

    cube = xarray.DataArray(
        y.T.reshape(len(dates), 20, -1),
        dims=("time", "y", "x"),
        coords={"time": dates, "y": np.arange(20.0), "x": np.arange(len(y) / 20)},
    )
    peer = SameRegressors(harmonic_order=1, sensitivity=level, h=0.25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of histories too short to fit
        peer.fit(cube[:history], method="OLS")
    # nrt 0.3.0 takes residuals of the history as fitted - observed and those monitored as observed
    # - fitted, so that its first windows mix both signs; here all have one.
    peer.window = -peer.window
    for step in range(history, len(dates)):
        peer.monitor(cube[step].values, dates[step].to_pydatetime())
    days = (dates - pandas.Timestamp(1970, 1, 1)).days.to_numpy()
    found = np.searchsorted(days, peer.detection_date.ravel().astype(int))
    return np.where(peer.mask.ravel() == 3, found, -1), peer.critval


def test_stable_history_is_that_of_nrt():
    nrt = pytest.importorskip("nrt.utils_efp")
    y = made_up_series(
        200, steps=36, trend_break=np.random.default_rng(0).integers(6, 30, 200), noise=0.04, seed=1
    )
    y[np.random.default_rng(1).random(y.shape) < 0.15] = np.nan
    design, seen = regressors(36, 1), np.isfinite(y)
    kept = stable_history(y, seen, design, 0.05).sum(axis=1)
    theirs = [
        use.sum()
        - nrt.history_roc(design[use], row[use], alpha=0.05, crit=cusum_critical_value(0.05))
        for row, use in zip(y, seen)
    ]
    assert (kept == theirs).all()


def test_simulated_critical_values_are_those_of_the_published_table():
    nrt = pytest.importorskip("nrt.utils_efp")
    for h in (0.25, 0.5):
        for level in (0.01, 0.05):
            assert (
                abs(mosum_critical_value(h, level) / nrt._mosum_ols_test_crit(level, h=h) - 1)
                < 0.03
            )


def test_false_alarms_of_the_monitor_stay_below_the_level():
    """The boundary spends its level on a monitoring ten times as long as the history; here it is as
    long.
    """
    found = monitor(
        made_up_series(2000, steps=72, noise=0.05, seed=8), history=36, order=3, stable=False
    )
    assert (found >= 0).mean() < 0.1


def test_monitor_starts_again_behind_a_break():
    y = np.repeat([0.0, 5.0, -5.0], 30) + np.random.default_rng(0).normal(size=(1, 90)) / 5
    found = np.flatnonzero(BFASTMonitor().breaks(y, history=18, level=0.01)[0])
    assert len(found) == 2 and 30 <= found[0] <= 33 and 60 <= found[1] <= 63


def test_made_up_season_peaks_when_it_should():
    curve = season_curve(24, np.array([0.4]), np.array([5.0]), np.array([2.0]))[0]
    assert curve.argmax() == 5 and np.isclose(curve[17], 0.4)
