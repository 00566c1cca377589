"""data_loader.py: samples that cannot be used end in one line that names the file and the cell."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_loader import load_samples, save_samples
from tests.conftest import make_samples
from utils.errors import InputError


def breaking(change):
    """Write a project file whose arrays `change` has spoilt."""

    def write(path):
        save_samples(path / "bad.npz", make_samples())
        with np.load(path / "bad.npz") as file:
            arrays = dict(file)
        change(arrays)
        np.savez(path / "bad.npz", **arrays)
        return path / "bad.npz"

    return write


def change_nine_bands(a):
    a["x"], a["bands"] = a["x"][:, :9], a["bands"][:9]


def change_nine_unnamed(a):
    a["x"] = a["x"][:, :9]


def change_label(a):
    a["y"][0, 0] = 7


def change_empty(a):
    a["x"][3] = -32768


def change_short(a):
    a.update({k: a[k][..., :11] for k in ("x", "y", "months")})


def change_repeat(a):
    a["months"][5] = a["months"][4]


def change_order(a):
    a["months"][[4, 5]] = a["months"][[5, 4]]


def change_rank(a):
    a["x"] = a["x"][:, 0]


def change_scale(a):
    a["x"] = np.where(a["x"] < 0, np.nan, a["x"] / 1e4)


def change_infinite(a):
    a["x"] = np.where(a["x"] == a["x"].max(), np.inf, a["x"].astype(float))


def change_labels_lost(a):
    a["y"] = a["y"][:-1]


def change_pickle(a):
    a["site"] = np.array([{"a": 1}], dtype=object)


def change_short_labels(a):
    a.update(y=a["y"][:, :5], dates=dates_of(24))


def change_flat_labels(a):
    a.update(y=a["y"].ravel(), dates=dates_of(24))


def change_dates_too_many(a):
    a["dates"] = dates_of(25)


def change_dates_far(a):
    a["dates"] = dates_of(24)
    a["dates"][-1] = np.datetime64("2108-01-05")


def change_no_dates(a):
    a["dates"] = dates_of(0)


def change_text_labels(a):
    a["y"] = a["y"].astype(str)


def change_same_id(a):
    a["ids"][4] = a["ids"][3]


def change_first_months(a):
    del a["months"]
    a["first_month"] = np.array(["2017-12", "2018-01"])


def dates_of(count):
    return np.datetime64("2018-01-05") + 31 * np.arange(count)


@pytest.mark.parametrize(
    "change, words",
    [
        (change_short_labels, ["labels", "(60, 5)", "(60, 24)"]),
        (change_flat_labels, ["labels", "(1440,)", "(60, 24)"]),
        (change_dates_too_many, ["dates", "(25,)", "(24,)"]),
        (change_no_dates, ["dates", "(0,)"]),
        (change_dates_far, ["dates run from 2018-01-05 to 2108-01-05"]),
        (change_text_labels, ["labels of type"]),
        (change_same_id, ["sample 3", "2 times"]),
        (change_first_months, ["months", "(2, 24)"]),
        (change_nine_bands, ["B12", "9 bands"]),
        (change_nine_unnamed, ["9 bands", "10"]),
        (change_label, ["label 7", "0 to 5"]),
        (change_empty, ["without any observation", "sample 3"]),
        (change_short, ["11 months", "12"]),
        (change_repeat, ["months", "repeated"]),
        (change_order, ["out of order"]),
        (change_rank, ["shape", "(samples, bands"]),
        (change_scale, ["x 10^4"]),
        (change_infinite, ["infinite"]),
        (change_labels_lost, ["(59, 24)", "(60, 24)"]),
        (change_pickle, ["holds pickled objects, which are refused"]),
    ],
)
def test_spoilt_project_file_is_named_in_one_line(tmp_path, change, words):
    path = breaking(change)(tmp_path)
    with pytest.raises(InputError) as error:
        load_samples(path)
    assert all(word in str(error.value) for word in [path.name, *words]) and "\n" not in str(
        error.value
    )


@pytest.mark.parametrize(
    "name, content",
    [
        ("cut.npz", b"PK\x03\x04 not all of it"),
        ("cut.npy", b"\x93NUMPY\x01\x00v"),
        ("empty.csv", b""),
        ("a.xlsx", b"x"),
        ("noise.parquet", b"PAR1...."),
    ],
)
def test_truncated_or_unknown_file_is_named_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    for path in (tmp_path / name, tmp_path / "absent.npz"):
        with pytest.raises(InputError, match=path.name):
            load_samples(path)


def test_half_a_file_is_refused(sample_file):
    sample_file.write_bytes(sample_file.read_bytes()[:-400])
    with pytest.raises(InputError, match="tiny.npz"):
        load_samples(sample_file)


class Trap:
    """An object whose pickle makes a file when it is read."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_code_in_a_published_array_is_refused_and_not_run(tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.save(tmp_path / "train.npy", trap, allow_pickle=True)
    with pytest.raises(InputError, match="holds pickled objects, which are refused"):
        load_samples(tmp_path / "train.npy")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("array", [np.zeros((5, 13)), np.zeros((5, 9, 48)), np.zeros((2, 3, 4, 5))])
def test_published_array_of_wrong_shape_is_refused(tmp_path, array):
    np.save(tmp_path / "train.npy", array)
    with pytest.raises(InputError, match="shape"):
        load_samples(tmp_path / "train.npy")


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_file_never_ends_in_a_traceback(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    save_samples(folder / "a.npz", make_samples(3, 12))
    content = bytearray((folder / "a.npz").read_bytes())
    for _ in range(3):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    (folder / "a.npz").write_bytes(content)
    try:
        load_samples(folder / "a.npz")
    except InputError as error:
        assert "a.npz" in str(error)
