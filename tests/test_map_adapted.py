"""map.py --adapt: the weights are fitted to the stack before it is labelled."""

import json

import numpy as np
import pytest

import models
from mapping import adapted, pipeline
from tests.conftest import assert_one_clear_line, run_script
from tests.map_files import draw, same
from tests.stack_files import values, write_zarr


@pytest.fixture(scope="module")
def fitted(maps, tmp_path_factory):
    """Folder of a map that was adapted, and what read_map says of it."""
    out = tmp_path_factory.mktemp("adapted") / "map"
    return out, draw(maps / "8.zarr", maps / "net.safetensors", out, "--adapt")


def test_the_map_says_that_its_weights_were_adapted_and_keeps_them(maps, fitted):
    out, pixels = fitted
    assert json.loads((out / "config.json").read_text())["--adapt"] is True
    card = models.load(out / adapted.ADAPTED).card
    assert card["adapted"]["series"] == 431  # all pixels of the stack but the six without data
    assert "adapted to the area" in (out / "page" / "data.js").read_text()
    assert not same(pixels, draw(maps / "8.zarr", maps / "net.safetensors", out.parent / "plain"))


@pytest.mark.parametrize("flags", [("--window", 7), ("--workers", 2, "--window", 9)])
def test_an_adapted_map_is_the_same_however_the_work_is_cut(maps, fitted, tmp_path, flags):
    again = draw(maps / "5.zarr", maps / "net.safetensors", tmp_path / "out", "--adapt", *flags)
    assert same(fitted[1], again)


def test_resume_goes_on_with_the_weights_that_labelled_the_first_windows(
    maps, fitted, tmp_path, monkeypatch
):
    flags = (maps / "8.zarr", maps / "net.safetensors", tmp_path / "out", "--adapt", "--window", 8)
    save, kept = pipeline.save_part, []

    def save_one(*words):
        if kept:
            raise KeyboardInterrupt
        kept.append(save(*words))

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "save_part", save_one)
        with pytest.raises(KeyboardInterrupt):
            draw(*flags)
    monkeypatch.setattr(adapted, "adapt", None)  # would fail if it were called again
    assert same(fitted[1], draw(*flags, "--resume"))


def test_a_map_begun_without_is_not_gone_on_with(maps, tmp_path):
    flags = ("map.py", maps / "8.zarr", "--weights", maps / "net.safetensors", "--adapt")
    process = run_script(*flags, "--resume", "--out", maps / "filter1")
    assert_one_clear_line(process, "begun with --adapt None, now True")


def test_too_few_series_leave_the_weights_as_they_are(maps, tmp_path, capsys):
    write_zarr(tmp_path / "small.zarr", values(height=7, width=9))
    flags = (tmp_path / "small.zarr", maps / "net.safetensors")
    found = draw(*flags, tmp_path / "adapted", "--adapt")
    assert "57 series found to adapt to, expected 64" in capsys.readouterr().err
    assert same(found, draw(*flags, tmp_path / "plain"))


@pytest.mark.parametrize("size", [1, 7, 8, 63, 64, 65, 1000])
def test_tiles_lie_within_the_area_and_spread_over_all_of_it(size):
    found = np.array(adapted.starts(size))
    assert 1 <= len(found) <= adapted.TILES and found[0] >= 0 and found[-1] < size
    assert (np.diff(found) >= adapted.SIDE).all()
    step = max(adapted.SIDE, size / adapted.TILES)
    assert found[0] < step and size - found[-1] <= 2 * step
