"""Breaks of the bands: where a change of land cover costs less."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models.breaks import LEAST_COST, NOISE, break_strength, cost_at
from models.label import decode_with, label, label_plain
from utils.bands import BANDS, NO_OBSERVATION
from utils.legend import URBAN


def plain_strength(series, months=12, least=3):
    """Strength of the breaks of one series (C, T), band by band and month by month."""
    strength = []
    for month in range(series.shape[1]):
        squares = []
        for band in series:
            before, after = band[max(0, month - months) : month], band[month : month + months]
            before, after = before[np.isfinite(before)], after[np.isfinite(after)]
            n, m = len(before), len(after)
            if min(n, m) < least:
                continue
            spread = (n * before.var() + m * after.var()) / (n + m) + NOISE**2
            squares.append((after.mean() - before.mean()) ** 2 / spread * n * m / (n + m))
        strength.append(np.sqrt(np.mean(squares)) if squares else 0)
    return np.array(strength)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 9999),
    steps=st.integers(1, 40),
    missing=st.sampled_from([0, 0.4, 0.9, 1]),
)
def test_strength_is_that_of_the_formula(seed, steps, missing):
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.uniform(100, 6000), 600, (4, 3, steps)).astype(np.float32)
    x[rng.random((4, 1, steps)).repeat(3, axis=1) < missing] = np.nan
    x[0, 1] = np.nan  # a band that is missing
    found = break_strength(torch.from_numpy(x)).numpy()
    expected = np.stack([plain_strength(each.astype(float)) for each in x], axis=1)
    np.testing.assert_allclose(found, expected, atol=0.01, rtol=0.01)


def test_seasons_and_a_single_odd_month_are_no_break_and_a_step_is():
    months = np.arange(48)
    season = 2000 + 800 * np.sin(2 * np.pi * months / 12)
    odd = np.where(months == 20, 6000, season)
    step = np.where(months >= 24, season + 1500, season)
    x = np.stack([season, odd, step])[:, None].repeat(10, axis=1).astype(np.float32)
    strength = break_strength(torch.from_numpy(x)).numpy()[12:37]
    assert strength[:, 0].max() < 1 and strength[:, 1].max() < 1.5
    assert strength[12, 2] == strength[:, 2].max() > 4


def test_a_change_costs_all_where_nothing_breaks_and_little_where_the_bands_do():
    costs = cost_at(torch.tensor([0.0, 3.0, 100.0]), 41.0, 3.0)
    torch.testing.assert_close(
        costs, torch.tensor([41.0, (41 + LEAST_COST) / 2, LEAST_COST]), atol=0.01, rtol=0
    )


def network(**card):
    torch.manual_seed(3)
    net = models.build("patchnet", bands=BANDS, legend=URBAN).eval()
    with torch.no_grad():
        for each in net.parameters():
            each.mul_(3 if each.ndim > 1 else 1)
    net.card |= card
    return net


def series(count, steps=36):
    """Series of which every second one steps up in the middle, as maps hold them."""
    rng = np.random.default_rng(0)
    x = rng.normal(1500, 300, (count, 10, steps))
    x[::2, :, steps // 2 :] += 2500
    x[rng.random((count, 1, steps)).repeat(10, axis=1) < 0.2] = NO_OBSERVATION
    return x.astype(np.int16)


def test_labels_change_where_the_bands_break_and_nowhere_else():
    x = series(400)
    logits = torch.zeros(400, 6, 36)  # a change in the middle is worth 18 nats in all series
    logits[:, 0, :18] = logits[:, 1, 18:] = 1
    labels = decode_with(network(**{"break": 3.0}), x, logits, 60.0).numpy()
    changed = (labels[:, 1:] != labels[:, :-1]).any(axis=1)
    assert changed[::2].all() and not changed[1::2].any()
    assert (labels[::2].argmax(axis=1) == 18).all()
    assert not decode_with(network(), x, logits, 60.0).any()


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_fast_and_plain_labels_are_the_same(kind):
    x, net = series(500), network(switch_cost=40.0, **{"break": 3.0})
    if kind == "float32":
        x = np.where(x == NO_OBSERVATION, np.nan, x).astype(np.float32)
    plain = label_plain(net, x)
    for batch in (64, 3840):
        labels, confidence = label(net, x, batch_size=batch, threads=2)
        assert (labels == plain[0]).mean() > 0.9999
        np.testing.assert_allclose(confidence, plain[1], atol=1e-4)
