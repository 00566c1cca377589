import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_loader import BANDS, load_samples, save_samples, split_samples
from tests.conftest import make_samples
from utils.errors import InputError
from utils.legend import COAST, URBAN
from utils.splits import sites_from_coordinates


def table_of(samples):
    """The samples as a long table."""
    n, _, steps = samples.x.shape
    rows = {
        "sample": np.repeat(samples.ids, steps),
        "month": np.tile(samples.months.astype(str), n),
    }
    rows |= {band: samples.x[:, i].ravel() for i, band in enumerate(samples.bands)}
    rows |= {
        "label": samples.y.ravel(),
        "lon": np.repeat(samples.lonlat[:, 0], steps),
        "lat": np.repeat(samples.lonlat[:, 1], steps),
        "site": np.repeat(samples.site, steps),
    }
    return pd.DataFrame(rows)


def published_array(samples):
    """(N, 13, T): ten bands, label, longitude, latitude."""
    n, _, steps = samples.x.shape
    place = np.repeat(samples.lonlat[:, :, None], steps, axis=2)
    return np.concatenate([np.nan_to_num(samples.x, nan=500), samples.y[:, None], place], axis=1)


def test_project_file_comes_back_as_it_was_saved(sample_file, samples):
    again = load_samples(sample_file)
    np.testing.assert_allclose(again.x, np.rint(samples.x))
    np.testing.assert_array_equal(again.y, samples.y)
    np.testing.assert_array_equal(again.months, samples.months)
    assert again.legend == URBAN and again.bands == BANDS and list(again.site) == list(samples.site)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_long_table_gives_the_same_samples(tmp_path, samples, suffix):
    path = tmp_path / f"points{suffix}"
    table = table_of(samples)
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    again = load_samples(path)
    np.testing.assert_allclose(again.x, samples.x, rtol=1e-4)
    np.testing.assert_array_equal(again.y, samples.y)
    np.testing.assert_array_equal(again.lonlat, samples.lonlat)
    assert list(again.ids) == list(samples.ids)


def test_long_table_takes_class_names_and_leaves_out_months_empty(tmp_path, samples):
    table = table_of(samples)
    table["label"] = np.array(URBAN.names)[table["label"]]
    table.loc[5, "label"] = np.nan
    table = table.drop(index=7)
    table.to_csv(tmp_path / "points.csv", index=False)
    again = load_samples(tmp_path / "points.csv")
    assert again.legend == URBAN and again.y[0, 5] == -1 and again.y[0, 7] == -1
    assert np.isnan(again.x[0, :, 7]).all() and again.y[0, 8] == samples.y[0, 8]


@pytest.mark.parametrize("rows", ["coordinates last", "(N, T, 11)"])
def test_published_arrays_read_label_6_as_5_and_stay_unchanged(tmp_path, samples, rows):
    array = published_array(samples)
    array[:, 10][array[:, 10] == 5] = 6
    if rows == "(N, T, 11)":
        array = array[:, :11].swapaxes(1, 2)
    np.save(tmp_path / "train.npy", array)
    again = load_samples(tmp_path / "train.npy")
    np.testing.assert_array_equal(again.y, samples.y)
    assert again.months[0] == np.datetime64("2017-12") and again.legend == URBAN
    assert (np.load(tmp_path / "train.npy") == array).all()
    if rows == "coordinates last":
        np.testing.assert_allclose(again.lonlat, samples.lonlat)
        latitude_first = array[:, [*range(11), 12, 11]]
        np.save(tmp_path / "other.npy", latitude_first)
        np.testing.assert_allclose(load_samples(tmp_path / "other.npy").lonlat, samples.lonlat)
    assert load_samples(tmp_path / "train.npy", first_month="2020-03").months[0] == np.datetime64(
        "2020-03"
    )


def test_earth_engine_folder_is_the_same_as_the_packed_coast_series(shared):
    points, coast = load_samples(shared / "gee_points"), load_samples(shared / "coast_train.npz")
    row = [np.abs(coast.lonlat - place).sum(1).argmin() for place in points.lonlat]
    assert points.legend == COAST and len(points) == 177
    np.testing.assert_array_equal(points.y, coast.y[row])
    np.testing.assert_allclose(points.x, coast.x[row], atol=0.51)
    np.testing.assert_array_equal(points.site, coast.site[row])


def test_dates_within_months_become_monthly_medians(tmp_path, samples):
    dates = np.array(
        ["2020-01-03", "2020-01-19"] + [f"2020-{m:02d}-10" for m in range(3, 13)] + ["2021-01-01"]
    )
    x = np.full((2, 10, 13), 1000, np.int16)
    x[0, :, 1], x[1, :, 0] = 3000, -32768
    np.savez(tmp_path / "dates.npz", x=x, dates=dates, label=np.array(["Forest", "Pasture"]))
    again = load_samples(tmp_path / "dates.npz")
    assert again.x.shape == (2, 10, 13) and again.x[0, 0, 0] == 2000 and again.x[1, 0, 0] == 1000
    assert np.isnan(again.x[:, :, 1]).all() and (again.y[1, again.y[1] >= 0] == 1).all()


def test_bands_and_classes_can_be_chosen(sample_file, samples):
    some = load_samples(sample_file, bands=["B8", "B4"], classes=["water", "cropland"])
    np.testing.assert_array_equal(some.x, load_samples(sample_file).x[:, [6, 2]])
    assert some.legend.names == ("water", "cropland", "other")
    np.testing.assert_array_equal(some.y == 2, ~np.isin(samples.y, [0, 5]))


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


@pytest.mark.parametrize(
    "change, words",
    [
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
        (change_pickle, ["pickle"]),
    ],
)
def test_spoilt_project_file_is_named_in_one_line(tmp_path, change, words):
    path = breaking(change)(tmp_path)
    with pytest.raises(InputError) as error:
        load_samples(path)
    assert all(word in str(error.value) for word in [path.name, *words]) and "\n" not in str(
        error.value
    )


def spoil_table(change):
    def write(path):
        change(table_of(make_samples())).to_csv(path / "bad.csv", index=False)
        return path / "bad.csv"

    return write


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.drop(columns="B8A"), ["B8A missing", "9 bands"]),
        (lambda t: pd.concat([t, t.tail(1)]), ["twice", "2019-11"]),
        (lambda t: t.iloc[[1, 0, *range(2, len(t))]], ["out of order"]),
        (lambda t: t.assign(label=9), ["label 9"]),
        (lambda t: t.assign(label=np.where(t["label"] == 0, "lava", "water")), []),
        (lambda t: t.assign(month="soon"), ["month"]),
        (lambda t: t.assign(month=np.nan), ["month"]),
        (lambda t: t[t["month"] < "2018-06"], ["6 months"]),
        (lambda t: t.iloc[:0], ["bad.csv"]),
    ],
)
def test_spoilt_table_is_named_in_one_line(tmp_path, change, words):
    path = spoil_table(change)(tmp_path)
    if not words:  # class names of its own make a legend of its own
        assert load_samples(path).legend.names == ("lava", "water")
        with pytest.raises(InputError, match="lava"):
            load_samples(path, legend=URBAN)
        return
    with pytest.raises(InputError) as error:
        load_samples(path)
    assert all(word in str(error.value) for word in [path.name, *words])


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


def test_pickled_published_array_is_refused(tmp_path):
    np.save(tmp_path / "train.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="pickle"):
        load_samples(tmp_path / "train.npy")


@pytest.mark.parametrize("array", [np.zeros((5, 13)), np.zeros((5, 9, 48)), np.zeros((2, 3, 4, 5))])
def test_published_array_of_wrong_shape_is_refused(tmp_path, array):
    np.save(tmp_path / "train.npy", array)
    with pytest.raises(InputError, match="shape"):
        load_samples(tmp_path / "train.npy")


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
    for text in ("4\nnobody\n", "sample,part\n4,train\n4,test\n", "sample,part\n4,other\n"):
        file.write_text(text)
        with pytest.raises(InputError, match="split.csv"):
            split_samples(samples, str(file))
    with pytest.raises(InputError, match="not found"):
        split_samples(samples, "nowhere.csv")


def test_series_may_begin_in_different_months(tmp_path, samples):
    table = table_of(samples)
    late = table["sample"] == "1"
    table.loc[late, "month"] = (
        pd.to_datetime(table.loc[late, "month"]) + pd.DateOffset(months=5)
    ).dt.strftime("%Y-%m")
    table.to_csv(tmp_path / "points.csv", index=False)
    again = load_samples(tmp_path / "points.csv")
    assert again.months.shape == (60, 24) and again.months_of(1)[0] == again.months_of(0)[0] + 5
    assert again.take(np.arange(3)).months.shape == (3, 24)
