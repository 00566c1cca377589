"""What training does to its series: months and labels stay paired."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.augment import AUGMENTATIONS


@pytest.mark.parametrize("name", AUGMENTATIONS)
@given(seed=st.integers(0, 999), steps=st.integers(12, 60))
def test_augmentation_changes_neither_its_input_nor_the_pairing_of_months_and_labels(
    name, seed, steps
):
    torch.manual_seed(seed)
    y = torch.randint(-1, 6, (5, steps))
    x = (y.float() * 1000 + 2000)[:, None].repeat(1, 3, 1)
    x_before, y_before = x.clone(), y.clone()
    new_x, new_y = AUGMENTATIONS[name](x, y)
    assert torch.equal(x, x_before) and torch.equal(y, y_before)
    assert new_x.shape[-1] == new_y.shape[-1] >= 12
    if name in ("flip", "gaps", "crop", "crop_to_year", "splice", "splice_few"):
        seen = torch.isfinite(new_x[:, 0])
        assert torch.equal(new_x[:, 0][seen], (new_y.float() * 1000 + 2000)[seen]) and seen.any()


def lit(n=400, bands=10, steps=36):
    """Series that rise from month to month: x (N, C, T), y (N, T)."""
    x = 1000 + 50 * torch.arange(steps).float().expand(n, bands, steps)
    return x, torch.zeros(n, steps, dtype=torch.long)


def test_illumination_scales_and_shifts_each_band_of_each_series():
    torch.manual_seed(0)
    x, y = lit()
    new, _ = AUGMENTATIONS["illumination"](x, y)
    gains = (new[..., -1] - new[..., 0]) / (x[..., -1] - x[..., 0])  # (N, C)
    offsets = new[..., 0] - gains * x[..., 0]
    torch.testing.assert_close(new, x * gains[..., None] + offsets[..., None], rtol=1e-4, atol=0.1)
    of_series = gains.log().mean(dim=1, keepdim=True)
    assert 0.06 < of_series.std() < 0.1  # of the whole series
    assert 0.03 < (gains.log() - of_series).std() < 0.05  # of each band beside it
    assert 30 < offsets.std() < 50


def test_noise_is_of_each_month_and_partly_common_to_the_bands():
    torch.manual_seed(0)
    x, y = lit()
    share = AUGMENTATIONS["noise"](x, y)[0] / x - 1  # (N, C, T)
    common = share.mean(dim=1, keepdim=True)
    assert 0.015 < common.std() < 0.025 and 0.007 < (share - common).std() < 0.013


def test_months_go_missing_scattered_in_one_run_or_not_at_all():
    torch.manual_seed(0)
    x, y = lit()
    new, _ = AUGMENTATIONS["gaps"](x, y)
    missing = torch.isnan(new)
    assert (missing == missing[:, :1]).all()  # all bands of a month
    gone = missing[:, 0].numpy()  # (N, T)
    starts = (np.diff(gone.astype(int), axis=1, prepend=0) == 1).sum(axis=1)
    lengths = gone.sum(axis=1)
    assert 0.1 < (lengths == 0).mean() < 0.35
    assert 0.4 < (starts > 1).mean() < 0.7  # scattered
    one = starts == 1
    assert 0.1 < one.mean() < 0.4 and lengths[one & (lengths < 10)].max() >= 8
    assert lengths.max() > 0.5 * gone.shape[1]


def test_half_of_the_series_run_backwards_with_flip():
    torch.manual_seed(0)
    x, y = lit()
    new, _ = AUGMENTATIONS["flip"](x, y)
    backwards = (new[:, 0, 0] > new[:, 0, -1]).float().mean()
    assert 0.4 < backwards < 0.6


def test_half_of_the_batches_are_cropped_to_windows_of_half_the_length_or_more():
    torch.manual_seed(0)
    x, y = lit(2)
    lengths = [AUGMENTATIONS["crop"](x, y)[0].shape[-1] for _ in range(300)]
    assert 0.4 < np.mean(np.array(lengths) == 36) < 0.65
    assert 18 <= min(lengths) <= 20


def test_half_of_the_short_windows_are_of_a_year_or_two():
    torch.manual_seed(0)
    x, y = torch.zeros(1, 1, 48), torch.zeros(1, 48)
    lengths = torch.tensor([AUGMENTATIONS["crop_to_year"](x, y)[1].shape[-1] for _ in range(800)])
    assert lengths.min() == 12 and lengths.max() == 48
    assert 0.32 < (lengths <= 24).float().mean() < 0.43


def test_splicing_makes_changes_of_stable_series():
    torch.manual_seed(0)
    y = torch.arange(6).repeat(50)[:, None].repeat(1, 24)  # 300 stable series
    x = (y.float() * 1000)[:, None]
    _, labels = AUGMENTATIONS["splice"](x, y)
    changed = (labels[:, 1:] != labels[:, :-1]).any(dim=1).float().mean()
    assert 0.3 < changed < 0.55  # half are spliced, a sixth of them to their own class
