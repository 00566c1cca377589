"""data_loader.py: every format gives the same Samples, also one of your own."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import data_loader
from data_loader import BANDS, Samples, load_samples, save_samples
from tests.conftest import make_samples, table_of
from utils.errors import InputError
from utils.legend import COAST, URBAN, legend_for
from utils.tables import read_labels


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


def test_every_label_of_earth_engine_becomes_its_class(tmp_path):
    head = "bands_value,label,latitude,longitude,system:time_start\n"
    words = "{" + ", ".join(f"{band}=1000" for band in BANDS) + "}"
    folder = tmp_path / "FJ"
    folder.mkdir()
    for label in range(1, 7):
        rows = [f'"{words}",{label},24.8,118.6,2020-{month:02d}' for month in range(1, 13)]
        (folder / f"{label}.csv").write_text(head + "\n".join(rows) + "\n")
    points = load_samples(tmp_path)
    assert points.y[:, 0].tolist() == [0, 1, 2, -1, 3, 4] and points.legend == COAST


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


@settings(max_examples=25)
@given(st.permutations(range(6 * 14)))
def test_the_order_of_rows_does_not_matter(tmp_path_factory, order):
    samples = make_samples(6, 14)
    table = table_of(samples)
    table["sample"] = "plot " + table["sample"].replace("5", "10")  # not the order of the alphabet
    table.loc[3, "label"], table.loc[4, "B4"] = np.nan, np.nan
    table = table.drop(index=[0, 27])  # series that begin late and end early
    folder = tmp_path_factory.mktemp("rows")
    table.to_csv(folder / "sorted.csv", index=False)
    table.loc[[row for row in order if row in table.index]].to_csv(folder / "any.csv", index=False)
    expected, found = (load_samples(folder / name) for name in ("sorted.csv", "any.csv"))
    for field in dataclasses.fields(Samples):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))
    assert list(found.ids) == ["plot 0", "plot 1", "plot 2", "plot 3", "plot 4", "plot 10"]


def test_two_yearly_exports_one_after_the_other_are_one_series(tmp_path, samples):
    table = table_of(samples)
    late = table["month"] >= "2018-12"
    pd.concat([table[late], table[~late]]).to_csv(tmp_path / "points.csv", index=False)
    again = load_samples(tmp_path / "points.csv")
    np.testing.assert_array_equal(again.months, samples.months)
    np.testing.assert_array_equal(again.y, samples.y)


@pytest.mark.parametrize("empty", ["", "  ", "NA", "NaN", "null"])
def test_an_empty_cell_is_no_observation(tmp_path, empty):
    table = table_of(make_samples()).astype({"B4": object, "label": object})
    table.loc[7, ["B4", "label"]] = empty
    table.to_csv(tmp_path / "points.csv", index=False)
    again = load_samples(tmp_path / "points.csv")
    assert np.isnan(again.x[0, 2, 7]) and again.y[0, 7] == -1
    assert np.isnan(again.x).sum() == np.isnan(make_samples().x).sum() + 1


def read_mine(path, first_month=None, legend=None):
    """A reader as the docstring of data_loader.py asks for: a text file of one number a line."""
    numbers = np.loadtxt(path).reshape(3, 2, 12)
    months = np.arange(np.datetime64("2020-01"), np.datetime64("2021-01"))
    return Samples(numbers, np.zeros((3, 12)), months, ("B8", "B4"), URBAN)


def test_a_reader_of_your_own_is_one_function_and_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(data_loader.READERS, ".mine", read_mine)
    np.savetxt(tmp_path / "a.mine", np.arange(72.0) * 100)
    found = load_samples(tmp_path / "a.mine", bands=["B4"], classes=["water"])
    assert found.x.dtype == np.float32 and found.y.dtype == np.int8
    np.testing.assert_array_equal(found.x[:, 0], (np.arange(72) * 100).reshape(3, 2, 12)[:, 1])
    assert list(found.ids) == ["0", "1", "2"] and found.bands == ("B4",)
    with pytest.raises(InputError, match="a.mine: band B2.*2 bands found"):
        load_samples(tmp_path / "a.mine")
    np.savetxt(tmp_path / "short.mine", np.arange(5.0))
    with pytest.raises(InputError, match="short.mine: cannot be read .ValueError"):
        load_samples(tmp_path / "short.mine")
    monkeypatch.setitem(data_loader.READERS, ".mine", lambda path, **hints: {"x": 1})
    with pytest.raises(InputError, match="returned dict; expected Samples"):
        load_samples(tmp_path / "a.mine")


def test_bands_may_stand_in_any_order_and_be_absent(tmp_path, samples):
    order = [9, 0, 5, 2]
    some = dataclasses.replace(samples, x=samples.x[:, order], bands=("B12", "B2", "B7", "B4"))
    save_samples(tmp_path / "some.npz", some)
    table_of(some).to_csv(tmp_path / "some.csv", index=False)
    for path in (tmp_path / "some.npz", tmp_path / "some.csv"):
        with pytest.raises(InputError, match="band B3, B5.*4 bands found"):
            load_samples(path)
        found = load_samples(path, absent_bands="nan")
        assert found.bands == BANDS and np.isnan(found.x[:, [1, 3, 4, 6, 7, 8]]).all()
        np.testing.assert_allclose(found.x[:, [0, 2, 5, 9]], samples.x[:, [0, 2, 5, 9]], atol=0.51)
        with pytest.raises(InputError, match="without any observation"):
            load_samples(path, bands=["B3"], absent_bands="nan")
        with pytest.raises(InputError, match="'error' or 'nan'"):
            load_samples(path, absent_bands="zero")
        with pytest.raises(InputError, match="bands B2, B7, B2 asked for.*each band once"):
            load_samples(path, bands=("B2", "B7", "B2"))


def test_integers_of_a_reader_may_mark_what_is_missing(tmp_path):
    arrays = {"x": np.full((2, 10, 12), 900, np.int16), "first_month": "2020-01"}
    arrays["x"][1, :, 4] = -32768
    np.savez(tmp_path / "plain.npz", **arrays, note=np.array([{"a": 1}], dtype=object))
    found = load_samples(tmp_path / "plain.npz")  # other arrays are not even looked at
    assert np.isnan(found.x[1, :, 4]).all() and (found.y == -1).all()
    with pytest.raises(InputError, match="begins in 2020-01, .* not in 2019-01"):
        load_samples(tmp_path / "plain.npz", first_month="2019-01")


def test_names_with_blanks_accents_and_to_come_back(tmp_path):
    legend = legend_for(["forêt to prairie", "sol nu", "eau", "blé d'hiver", "bâti", "vigne"])
    samples = make_samples()
    samples = dataclasses.replace(samples, legend=legend)
    path = tmp_path / "données de l'été to 2020" / "mes séries.npz"
    save_samples(path, samples)
    table = table_of(samples)
    table["label"] = np.array(legend.names)[table["label"]]
    table["sample"] = "parcelle nº " + table["sample"]
    table.to_csv(path.with_suffix(".csv"), index=False)
    assert load_samples(path).legend.names == legend.names
    again = load_samples(path.with_suffix(".csv"), legend=legend)
    np.testing.assert_array_equal(again.y, samples.y)
    assert again.ids[1] == "parcelle nº 1"


def test_reflectance_beyond_the_integers_is_saved_as_the_limit(tmp_path, samples):
    samples.x[0, 0, 0], samples.x[0, 0, 1] = 70_000, -70_000
    save_samples(tmp_path / "bright.dat", samples)  # any suffix: the file keeps its name
    (tmp_path / "bright.dat").rename(tmp_path / "bright.npz")
    again = load_samples(tmp_path / "bright.npz")
    assert again.x[0, 0, 0] == 32767 and again.x[0, 0, 1] == -32767


def test_classes_named_by_numbers_are_found_by_their_names():
    table = pd.DataFrame({"label": ["20", "10", ""]}, dtype=object)
    labels, legend = read_labels("points.csv", table, legend_for(("10", "20")))
    assert labels.tolist() == [1, 0, -1] and legend.names == ("10", "20")
    labels, _ = read_labels("points.csv", table.replace({"20": "1", "10": "0"}), legend)
    assert labels.tolist() == [1, 0, -1]  # no name, so an id
