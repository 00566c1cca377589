"""What an interpreter wrote is read as written, or named in one line."""

import numpy as np
import pytest

from utils.errors import InputError
from utils.reference import read_reference

MONTHS = np.arange("2020-01", "2020-05", dtype="datetime64[M]")
NAMES = ["water", "woodland", "cropland"]
HEAD = "id,first_month,last_month,class,confidence"
WIDE = "id,2020-01,2020-02,2020-03,2020-04"


def read(folder, *lines, **how):
    path = folder / "reference.csv"
    path.write_text("\n".join(lines))
    return read_reference(path, MONTHS, NAMES, **how)


def test_a_segment_may_last_a_single_month(tmp_path):
    found = read(
        tmp_path,
        HEAD,
        "7,2020-01,2020-02,water,",
        "7,2020-03,2020-03,cropland,",
        "7,2020-04,2020-04,woodland,",
    )
    assert found.ids.tolist() == ["7"] and found.labels.tolist() == [[0, 0, 2, 1]]


def test_the_least_sure_word_of_a_point_counts(tmp_path):
    rows = ("1,2020-01,2020-02,water,unsure", "1,2020-03,2020-04,water,sure", "2,,,,cannot tell")
    found = read(tmp_path, HEAD, *rows)
    assert found.confidence.tolist() == ["unsure", "cannot tell"]
    assert found.labels.tolist() == [[0] * 4, [-1] * 4]


def test_points_csv_holds_a_class_for_each_month(tmp_path):
    found = read(tmp_path, WIDE, "3,water,water,cropland,cropland", "4,,,,", known_ids=[3, 4])
    assert found.ids.tolist() == ["3"] and found.labels.tolist() == [[0, 0, 2, 2]]


def test_what_a_spreadsheet_made_of_the_file_is_read(tmp_path):
    expected = [[0, 0, 2, 2]]
    for first, last in (("2020-01-01", "2020-02-01"), ("01.01.2020", "01.02.2020")):
        rows = (f"7,{first},{last},water,", "7,2020-03,2020-04,cropland,", ",,,,", "8,,,,sure")
        found = read(tmp_path, HEAD, *rows)
        assert found.ids.tolist() == ["7"] and found.labels.tolist() == expected
    path = tmp_path / "reference.csv"
    text = "\n".join([f"{HEAD},interpreter", "7,2020-01,2020-04,water,,Jörg"])
    path.write_bytes(text.replace(",", ";").encode("cp1252"))
    assert read_reference(path, MONTHS, NAMES).interpreters == ("Jörg",)


@pytest.mark.parametrize("month", ["Jan-20", "1/1/2020", "2020-01-02", "02.01.2020", "2020-13"])
def test_a_month_that_cannot_be_told_is_never_guessed(tmp_path, month):
    with pytest.raises(InputError, match=f"row 3 .id 7.: first_month '{month}' found"):
        read(tmp_path, HEAD, ",,,,", f"7,{month},2020-04,water,")


@pytest.mark.parametrize(
    "lines, words",
    [
        ((HEAD, "7,2020-03,2020-02,water,"), "row 2 .id 7.: ends before it begins"),
        ((HEAD, "7,2020-01,2020-05,water,"), "last_month 2020-05 lies outside the map"),
        ((HEAD, "7,2020-1,2020-02,water,"), "first_month '2020-1' found; expected YYYY-MM"),
        ((HEAD, "7,2020-01,2020-04,ice,"), "class 'ice' found; expected one of water"),
        ((HEAD, "7,2020-01,2020-04,water,surely"), "row 2: confidence 'surely' found"),
        (
            (HEAD, "7,2020-01,2020-03,water,", "7,2020-03,2020-04,water,"),
            "row 3 .id 7.: overlaps another row",
        ),
        ((HEAD, "7,2020-01,2020-03,water,"), "id 7 has no class in 2020-04"),
        ((HEAD, "9,2020-01,2020-04,water,"), "id 9 is not among the points of the design"),
        ((WIDE, "7,water,,water,water"), "id 7 has no class in 2020-02"),
        ((WIDE, "7,water,water,water,ice"), "id 7: class 'ice' found"),
        ((WIDE, *["7,water,water,water,water"] * 2), "id 7 stands in two rows"),
        ((WIDE, "7,,,,"), "no point is interpreted"),
        ((f"{WIDE},2020-05", "7,water,water,water,water,"), "month 2020-05 lies outside the map"),
        (("id,2020-01,2020-02", "7,water,water"), "2020-03 missing; expected columns 2020-01 to"),
        (("id,what", "7,water"), "columns id, what found"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_row_or_point(tmp_path, lines, words):
    with pytest.raises(InputError, match=words):
        read(tmp_path, *lines, known_ids=[7])
