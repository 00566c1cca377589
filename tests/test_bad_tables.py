"""data_loader.py: tables of samples that cannot be used are named, with the row and the column."""

import numpy as np
import pandas as pd
import pytest

from data_loader import BANDS, load_samples
from tests.conftest import make_samples, table_of
from utils.errors import InputError
from utils.legend import URBAN


def spoil_table(change):
    def write(path):
        change(table_of(make_samples())).to_csv(path / "bad.csv", index=False)
        return path / "bad.csv"

    return write


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.drop(columns="B8A"), ["band B8A not in it", "9 bands"]),
        (lambda t: pd.concat([t, t.tail(1)]), ["twice", "2019-11"]),
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
    "row, column, value, words",
    [
        (7, "B4", "1234,5", ["row 9", "column B4", "'1234,5'", "sample 0"]),
        (100, "B12", "cloud", ["row 102", "column B12", "'cloud'", "sample 4"]),
        (3, "lon", "113 E", ["row 5", "column lon", "'113 E'"]),
        (3, "lat", "28,1", ["row 5", "column lat", "'28,1'"]),
        (2, "label", "woodlnd", ["row 4", "column label", "'woodlnd'", "ids only"]),
        (2, "label", "1.5", ["label 1.5"]),
        (9, "month", "03/02/2018", ["row 11", "column month", "'03/02/2018'", "YYYY-MM"]),
        (9, "month", "2108-09", ["sample 0 runs from 2017-12 to 2108-09", "at most 600"]),
        (9, "month", "2018-13", ["row 11", "column month", "'2018-13'"]),
        (9, "sample", None, ["row 11", "column sample", "a name in every row"]),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_cell_that_cannot_be_read_is_named(tmp_path, row, column, value, words, suffix):
    table = table_of(make_samples()).astype({column: object})
    table.loc[row, column] = value
    path = tmp_path / f"points{suffix}"
    if suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.assign(**{column: table[column].astype(str).where(table[column].notna())}).to_parquet(
            path
        )
    with pytest.raises(InputError) as error:
        load_samples(path)
    assert all(word in str(error.value) for word in [path.name, *words]), str(error.value)


def test_a_sample_without_a_site_is_named(tmp_path):
    table = table_of(make_samples())
    table.loc[table["sample"] == "7", "site"] = None
    table.to_csv(tmp_path / "points.csv", index=False)
    with pytest.raises(InputError, match="points.csv: sample 7 has no site"):
        load_samples(tmp_path / "points.csv")
    table.assign(site=None).to_csv(tmp_path / "points.csv", index=False)
    assert load_samples(tmp_path / "points.csv").site is None  # no site is known of any sample


def test_one_word_among_class_ids_is_no_class(tmp_path):
    table = table_of(make_samples()).astype({"label": object})
    table.loc[5, "label"] = "o"
    table.to_csv(tmp_path / "points.csv", index=False)
    with pytest.raises(InputError, match="row 7, column label .*'o' found"):
        load_samples(tmp_path / "points.csv")


def test_a_number_in_a_column_that_earth_engine_wrote_is_named(tmp_path):
    (tmp_path / "town").mkdir()
    rows = ["bands_value,label,system:time_start,latitude,longitude"]
    for month in range(1, 13):
        words = ", ".join(f"{band}={'null' if month == 3 else 900}" for band in BANDS)
        rows.append(f'"{{{words}, VV=-8.1}}",1,2020-{month:02d}-01T00:00:00,24.8,118.6')
    file = tmp_path / "town" / "1.csv"
    file.write_text("\n".join(rows))
    assert np.isnan(load_samples(tmp_path).x[0, :, 2]).all()
    for wrong in ("B4=9OO", "Z=900"):  # no number; and no B4
        file.write_text("\n".join([*rows[:6], rows[6].replace("B4=900", wrong), *rows[7:]]))
        with pytest.raises(InputError, match="row 7, column .*sample town/1"):
            load_samples(tmp_path)


def test_a_file_of_earth_engine_that_lacks_a_column_is_named_with_it(tmp_path):
    (tmp_path / "points").mkdir()
    file = tmp_path / "points" / "1.csv"
    file.write_text("bands_value,label,latitude,longitude\n{B2=1},1,24.8,118.6\n")
    with pytest.raises(InputError, match=r"1\.csv: columns system:time_start missing"):
        load_samples(tmp_path / "points")
