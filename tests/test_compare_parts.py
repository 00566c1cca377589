"""The parts that the methods of a comparison train and are tested on."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pyxccd")
pytest.importorskip("statsmodels")

from comparing import studies
from comparing.cells import Cell, with_gaps
from comparing.parts import parts_for, site_groups
from data_loader import load_samples
from tests.comparing_samples import made_samples, saved_samples
from utils.errors import InputError


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return saved_samples(tmp_path_factory.mktemp("data"))


def test_a_study_of_size_asks_for_no_more_series_than_there_are_to_train_with(monkeypatch):
    samples = made_samples()
    train = len(parts_for(Cell("forest"), samples)["train"])
    monkeypatch.setattr(studies, "SIZES", (20, train, train + 1))
    sizes = [size for size, _ in studies.study_cells("size", ["forest"], samples, Cell(""), 1)]
    assert sizes == [20, train] and train + 1 < len(samples)


def test_no_site_is_on_both_sides(file):
    samples = load_samples(file)
    for cell in (Cell("forest", split="site"), Cell("forest", train_group="B")):
        parts = parts_for(cell, samples)
        site = {name: set(samples.site[rows]) for name, rows in parts.items()}
        assert not site["train"] & site["test"] and not site["validation"] & site["test"]
        assert not site["train"] & site["validation"]
    assert all(name.startswith("B") for name in site["train"] | site["validation"])


def test_fewer_training_series_leave_the_test_part_as_it_is(file):
    samples = load_samples(file)
    whole, few = (
        parts_for(Cell("forest"), samples),
        parts_for(Cell("forest", train_size=24), samples),
    )
    assert len(few["train"]) == 24 and len(few["validation"]) <= 20
    assert (whole["test"] == few["test"]).all()
    other = parts_for(Cell("forest", train_size=24, seed=1), samples)
    assert (other["test"] == few["test"]).all() and (other["train"] != few["train"]).any()


def test_groups_of_sites_without_provinces_go_from_west_to_east():
    samples = made_samples(40)
    lon = np.repeat(np.arange(20.0), 2)
    samples = replace(
        samples,
        site=np.array([f"s{int(99 - 3 * value)}" for value in lon]),
        lonlat=np.stack([lon, lon * 0], axis=1),
    )
    group = site_groups(samples)
    assert len(np.unique(group)) == 6 and (np.sort(group) == group).all()


def test_groups_without_sites_are_an_input_error():
    with pytest.raises(InputError, match="no sites"):
        site_groups(replace(made_samples(), site=None))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_gaps_take_whole_months_and_leave_one(share):
    samples = made_samples()
    gappy = with_gaps(samples, share)
    gone = np.isnan(gappy.x)
    assert (gone.all(axis=1) == gone.any(axis=1)).all() and not gone.all(axis=(1, 2)).any()
    assert abs(gone.mean() - share) < 0.05 and not np.isnan(samples.x).any()
    assert np.array_equal(gappy.x, with_gaps(samples, share).x, equal_nan=True)
