"""PatchNet's input: months and bands that are missing, and weights of before bands could be."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from training.augment import LACKING, bands
from utils.bands import BANDS
from utils.legend import URBAN

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = models.build("patchnet", bands=BANDS, legend=URBAN)
    torch.nn.init.normal_(net.absent)
    return net.eval()


def series(n=20, months=30, seed=0):
    return 200 + 3000 * torch.rand(n, 10, months, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_series_without_a_band_is_labelled_by_its_other_bands(net):
    x = series()
    x[:, 3] = torch.nan
    other = x.clone()
    other[:, 6] *= 2
    assert torch.isfinite(net(x)).all()
    assert not torch.allclose(net(x), net(other))


@torch.no_grad()
def test_which_band_is_missing_makes_a_difference(net):
    x = series()
    x[:, 2] = x[:, 3] = 1500.0  # as the mean of the bands that are filled in
    first, second = x.clone(), x.clone()
    first[:, 2], second[:, 3] = torch.nan, torch.nan
    assert not torch.allclose(net(first), net(second))


@torch.no_grad()
def test_other_series_of_a_batch_do_not_change_a_label(net):
    x = series()
    x[3, 5] = torch.nan
    x[7, :, 4:9] = torch.nan
    x[8, :4, 11] = torch.nan
    together = net(x)
    for row in (0, 3, 7, 8):
        torch.testing.assert_close(net(x[row : row + 1])[0], together[row], rtol=1e-4, atol=1e-4)


def test_missing_band_is_estimated_from_those_that_go_with_it():
    x = series(400)
    x[:, 7] = 0.9 * x[:, 6] + 100 + 20 * torch.randn(400, 30)  # B8A follows B8
    inputs = models.build("patchnet", bands=BANDS, legend=URBAN).inputs
    inputs.fit(x)
    hidden = x.clone()
    hidden[:50, 7] = torch.nan
    hidden[50:100, 3, :9] = torch.nan
    hidden[:, :, 20] = torch.nan
    full, _ = inputs(x, 30)
    found, holes = inputs(hidden, 30)
    assert holes.sum() == 50 * 29 + 50 * 9 + 10 * 400
    near = (found - full)[7, :, :50][[*range(20), *range(21, 30)]]
    assert near.abs().max() < 0.15  # spreads: the noise is 0.02
    assert (found[:10, 20] == 0).all() and (found[10, 20] == 0).all()
    rest = torch.ones_like(holes)
    rest[7, :, :50], rest[3, :9, 50:100], rest[:, 20] = False, False, False
    torch.testing.assert_close(found[:10][rest], full[:10][rest])


@torch.no_grad()
def test_missing_month_is_no_missing_band(net):
    x = series()
    x[:, :, 5:9] = torch.nan
    other = models.build("patchnet", bands=BANDS, legend=URBAN).eval()
    other.load_state_dict(net.state_dict() | {"absent": torch.zeros(96, 10)})
    torch.testing.assert_close(net(x), other(x))


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_share_absent_counts_only_months_that_were_seen(seed, patch, tokens):
    generator = torch.Generator().manual_seed(seed)
    holes = torch.rand(4, tokens, patch, 5, generator=generator) < 0.5
    found = models.NETWORKS["patchnet"].share_absent(holes).reshape(4, tokens, 5)
    for token, row in np.ndindex(tokens, 5):
        months = holes[:, token, :, row]  # (C, patch)
        seen = ~months.all(dim=0)
        for band in range(4):
            expected = float(months[band, seen].float().mean()) if seen.any() else 0.0
            assert float(found[band, token, row]) == pytest.approx(expected)


def test_weights_of_before_bands_could_be_missing_are_read(tmp_path, net):
    from safetensors import safe_open
    from safetensors.torch import save_file

    models.save(tmp_path / "new.safetensors", net)
    with safe_open(tmp_path / "new.safetensors", "pt") as file:
        metadata = file.metadata()
        old = {
            name: file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118, safe_open gives no mapping
            if "absent" not in name and "covariance" not in name
        }  # noqa: SIM118
    save_file(old, tmp_path / "old.safetensors", metadata=metadata)
    x = series()
    with torch.no_grad():
        torch.testing.assert_close(models.load(tmp_path / "old.safetensors")(x), net(x))


def test_every_parameter_has_a_gradient_in_a_batch_without_gaps():
    net = models.build("patchnet", bands=BANDS, legend=URBAN).train()
    net(series()).sum().backward()
    assert all(each.grad is not None for each in net.parameters())


@given(st.integers(0, 2**31), st.sampled_from([3, 6, 10]))
@settings(deadline=None, max_examples=30)
def test_bands_hide_whole_bands_and_never_all(seed, count):
    torch.manual_seed(seed)
    x = torch.ones(40, count, 12)
    hidden, _ = bands(x, torch.zeros(40, 12), share=1.0)
    gone = torch.isnan(hidden)
    assert (gone.all(2) == gone.any(2)).all()
    assert not gone.all(2).all(1).any()
    assert gone.any()


def test_bands_that_sensors_lack_name_the_right_bands():
    named = [{band for band, gone in zip(BANDS, row) if gone} for row in LACKING.tolist()]
    assert {"B5", "B6", "B7", "B8"} in named  # Landsat and HLS
    assert {"B8A"} in named
    assert {"B5", "B6", "B7", "B8A", "B11", "B12"} in named  # four bands are left


def test_large_network_is_built_by_name_and_read_again(tmp_path):
    net = models.build("patchnet_large", bands=BANDS, legend=URBAN).eval()
    assert 400_000 < models.count_parameters(net) < 450_000
    models.save(tmp_path / "large.safetensors", net)
    x = series()
    with torch.no_grad():
        torch.testing.assert_close(models.load(tmp_path / "large.safetensors")(x), net(x))


@torch.no_grad()
@pytest.mark.parametrize("missing", [None, 4])
def test_lower_precision_rounds_the_scores_and_changes_nothing_else(net, missing):
    x = series(200)
    x[:3, :, 7] = torch.nan
    if missing:
        x[:5, missing] = torch.nan
    exact = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        lower = net(x)
    assert lower.dtype == torch.bfloat16
    torch.testing.assert_close(lower.float(), exact, rtol=0.05, atol=0.05 * exact.std())
    assert not torch.equal(lower.float(), exact)


def test_gradients_and_inference_compute_the_same_scores(net):
    x = series(30)
    with torch.no_grad():
        fast = net(x)
    torch.testing.assert_close(net(x), fast)


@torch.no_grad()
def test_values_that_are_no_numbers_count_as_missing(net):
    x = series(3)
    x[0, :, 5], x[1, :, 5], x[2, 4, 5] = torch.inf, -torch.inf, torch.inf
    other = torch.where(torch.isfinite(x), x, torch.nan)
    torch.testing.assert_close(net(x), net(other))
