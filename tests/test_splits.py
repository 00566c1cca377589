"""utils/splits.py: no site in two parts, even parts, and split files that say every sample."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_loader import save_samples, split_samples
from tests.conftest import make_samples
from training.pipeline import train
from utils.errors import InputError
from utils.splits import sites_from_coordinates

EVERY = "".join(f"{i},{('train', 'validation', 'test')[i % 3]}\n" for i in range(60))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), validation=st.floats(0.05, 0.4), test=st.floats(0.05, 0.4))
def test_no_sample_in_two_parts_and_no_site_cut(seed, validation, test):
    samples = make_samples()
    parts = split_samples(samples, "site", validation=validation, test=test, seed=seed)
    rows = np.concatenate(list(parts.values()))
    assert sorted(rows) == list(range(len(samples)))
    sites = [set(samples.site[part]) for part in parts.values()]
    assert sum(map(len, sites)) == len(set(samples.site)) and all(sites)
    again = split_samples(samples, "site", validation=validation, test=test, seed=seed)
    assert all((parts[name] == again[name]).all() for name in parts)


def test_provinces_are_held_out_whole(samples):
    parts = split_samples(samples, "province:A,C")
    assert {site[0] for site in samples.site[parts["test"]]} == {"A", "C"}
    assert {site[0] for site in samples.site[parts["train"]]} == {"B"} and len(parts["validation"])
    for wrong in ("province:X", "province:A,B,C"):
        with pytest.raises(InputError, match="expected some, not all"):
            split_samples(samples, wrong)


def test_sites_are_found_from_coordinates(samples):
    found = sites_from_coordinates(samples.lonlat)
    assert len(set(found)) == 12 and len({(a, b) for a, b in zip(found, samples.site)}) == 12


def test_split_file_decides(tmp_path, samples):
    file = tmp_path / "split.csv"
    pd.DataFrame({"sample": samples.ids, "part": ["train", "validation", "test"] * 20}).to_csv(
        file, index=False
    )
    assert (split_samples(samples, str(file))["test"] == np.arange(2, 60, 3)).all()
    file.write_text("4\n7\n")
    parts = split_samples(samples, str(file))
    assert list(parts["test"]) == [4, 7] and len(parts["train"]) + len(parts["validation"]) == 58
    with pytest.raises(InputError, match="not found"):
        split_samples(samples, "nowhere.csv")


@pytest.mark.parametrize(
    "text, words",
    [
        ("4\nnobody\n", "nobody is not in the data"),
        ("sample,part\n4,train\n5,test\n6,validation\n", "57 of 60 samples are not in it"),
        (EVERY.replace("test", "other"), "parts other, train, validation found"),
        (EVERY.replace("test", "train"), "parts train, validation found"),
        (EVERY + "4,train\n", "a sample occurs twice"),
        ("sample,part\n4,train\n5\n", r"lines of \[1, 2\] columns"),
        ("4,train,yes\n", r"lines of \[3\] columns"),
        ("", "no samples found"),
        ("sample,part\n", "no samples found"),
        ("\n\n", "no samples found"),
        ("# only a comment\n", "no samples found"),
        ("\n".join(map(str, range(60))), "0 samples that are not in it found"),
        (b"\xff\xfe4\x00", "cannot be read"),
        (b"4\x00\n", "split.csv"),
    ],
)
def test_a_split_file_that_cannot_be_used_says_why(tmp_path, samples, text, words):
    file = tmp_path / "split.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words) as error:
        split_samples(samples, str(file))
    assert "split.csv" in str(error.value) or "not in it found" in str(error.value)


def test_a_split_file_may_name_samples_with_any_sign(tmp_path):
    samples = make_samples(6)
    names = ["plot é", "a, b", "#3", "NA", 'the "north"', "6"]
    samples = dataclasses.replace(samples, ids=np.array(names))
    parts = ["train", "test", "train", "validation", "test", "train"]
    file = tmp_path / "der Schnitt to 3.csv"
    pd.DataFrame({"sample": names, "part": parts}).to_csv(file, index=False)
    found = split_samples(samples, str(file))
    assert {part: list(rows) for part, rows in found.items()} == {
        "train": [0, 2, 5],
        "validation": [3],
        "test": [1, 4],
    }


@pytest.mark.parametrize(
    "spec, shares, words",
    [
        ("site", {"test": 0.99}, "2 for validation and 12 for the test leave none of 12 sites"),
        ("sample", {"validation": 0.9}, "54 for validation and 9 for the test leave none of 60"),
        ("site", {"test": -0.3}, "--test -0.3: expected a share"),
        ("site", {"validation": 1.0}, "--validation 1.0: expected a share"),
        ("sample", {"test": float("nan")}, "--test nan"),
        ("sample", {"seed": -1}, "--seed -1"),
        ("sample", {"seed": 0.5}, "--seed 0.5"),
    ],
)
def test_shares_that_cannot_be_are_said_to_be_so(samples, spec, shares, words):
    with pytest.raises(InputError, match=words):
        split_samples(samples, spec, **shares)


def test_too_few_sites_are_said_to_be_few(samples):
    two = samples.take(np.isin(samples.site, ["A_0", "B_1"]))
    with pytest.raises(InputError, match="2 sites found; expected at least 3, or --split sample"):
        split_samples(two, "site")
    assert len(split_samples(two, "site", test=0)["validation"]) == 5


def rare_class(prefix=""):
    """400 series at forty sites. Class 2 stands at four of the sites, class 1 at none."""
    samples = make_samples(400)
    site = np.array([f"{prefix}s{i // 10}" for i in range(400)])
    rare = np.isin(site, [f"{prefix}s{number}" for number in (3, 11, 19, 27)])
    y = np.repeat(np.where(rare, 2, 0)[:, None], 24, axis=1).astype(np.int8)
    return dataclasses.replace(samples, y=y, site=site)


def test_the_split_is_the_most_even_of_many_draws():
    samples = rare_class()
    for seed in range(6):
        parts = split_samples(samples, "site", seed=seed)
        for part in ("validation", "test"):  # six sites each, of which one holds the rare class
            assert (samples.y[parts[part]] == 2).mean() == pytest.approx(1 / 6)


def test_the_sites_beside_a_held_out_province_are_split_evenly_too():
    samples = rare_class("A_")
    samples.site[:100] = "B_s1"  # with one site of the rare class
    for seed in range(6):
        parts = split_samples(samples, "province:B", seed=seed)
        assert (parts["test"] == np.arange(100)).all()
        assert (samples.y[parts["validation"]] == 2).any()


def test_coordinates_that_are_no_place_are_refused(samples):
    lonlat = samples.lonlat.copy()
    lonlat[4] = np.nan
    samples = dataclasses.replace(samples, site=None, lonlat=lonlat)
    with pytest.raises(InputError, match="sample number 4"):
        split_samples(samples)


def test_test_series_that_train_too_are_told(tmp_path, capsys):
    samples = make_samples()
    test = split_samples(samples, "site", seed=0)["test"]
    samples.x[split_samples(samples, "site", seed=0)["train"][:3]] = samples.x[test[:3]]
    save_samples(tmp_path / "copies.npz", samples)
    where = {"runs": tmp_path / "runs", "weights": tmp_path / "weights", "progress": False}
    train(tmp_path / "copies.npz", split="site", epochs=1, **where)
    said = capsys.readouterr().err
    assert f"3 of {len(test)} test series are in the training part too" in said
    save_samples(tmp_path / "own.npz", make_samples())
    train(tmp_path / "own.npz", split="site", epochs=1, **where)
    assert "training part too" not in capsys.readouterr().err
