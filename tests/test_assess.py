"""assess.py: the sample, the report, and what bad input ends in."""

import csv
import json
import sqlite3
import struct
from contextlib import closing

import numpy as np
import pytest
from affine import Affine
from assess_files import (
    MONTHS,
    made_up_labels,
    truth_csv,
    write_map,
    write_stack,
    write_strata,
    write_summary,
)
from hypothesis import given
from hypothesis import strategies as st

import assess
from assessing import grid
from assessing.agreement import agreement, kappa
from assessing.allocation import allocate, expected_spread, points_for_error
from assessing.dates import pairs
from assessing.design import design
from assessing.record import load_design
from assessing.report import report
from data_loader import load_samples
from stacks.area import pixel_hectares
from tests.conftest import assert_one_clear_line, run_script
from utils.errors import InputError
from utils.legend import URBAN, Legend


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """A map with its labels, and a design of 120 points without a page."""
    folder = tmp_path_factory.mktemp("area")
    labels = made_up_labels()
    made = write_map(folder / "map", labels)
    out, _ = design(made, folder / "assess", points=120, minimum=10, page=False)
    return made, labels, out


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# --- the sample --------------------------------------------------------------------------------


def test_the_guides_example_of_a_sample_size_comes_out():
    # Olofsson et al. (2014), table 5 and equation 13: a standard error of 0.01 takes 641 points.
    shares = np.array([0.02, 0.015, 0.32, 0.645])
    right = np.array([0.7, 0.6, 0.9, 0.95])
    assert points_for_error(shares, np.sqrt(right * (1 - right)), 0.01) == 641


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=12),
    st.integers(0, 3000),
    st.integers(0, 40),
)
def test_every_stratum_gets_its_minimum_and_never_more_than_its_pixels(pixels, more, minimum):
    pixels = np.array(pixels)
    lowest = np.minimum(minimum, pixels)
    points = int(lowest.sum()) + more
    given_points = allocate(points, pixels, expected_spread(pixels % 2 == 0), minimum)
    assert (given_points >= lowest).all() and (given_points <= pixels).all()
    assert given_points.sum() == min(points, pixels.sum())


def test_points_lie_in_their_stratum_and_none_is_drawn_twice(area):
    made, labels, out = area
    found = load_design(out)
    rows, columns = found.column("row"), found.column("column")
    assert len(set(zip(rows, columns))) == len(rows) == 120
    for row, column, stratum in zip(rows, columns, found.column("stratum")):
        series = labels[:, row, column]
        name = found.strata[stratum]["name"]
        expected = found.classes[series[-1]]
        changed = (series != series[0]).any()
        assert name.endswith(f"to {expected}" if changed else f"stable {expected}")
    assert sum(s["pixels"] for s in found.strata) == (labels[0] >= 0).sum()


def test_the_same_seed_draws_the_same_pixels_however_the_raster_is_cut(area, tmp_path, monkeypatch):
    made, _, out = area

    def small(path):
        return [
            grid.Tile(row, column, min(7, 40 - row), min(9, 50 - column))
            for row in range(0, 40, 7)
            for column in range(0, 50, 9)
        ]

    for module in ("strata", "sample", "grid"):
        monkeypatch.setattr(f"assessing.{module}.tiles_of", small)
    _, again = design(made, tmp_path / "again", points=120, minimum=10, page=False)
    assert again.points == load_design(out).points
    _, other = design(made, tmp_path / "other", points=120, minimum=10, page=False, seed=1)
    assert other.points != again.points


def test_the_number_of_a_point_says_nothing_of_its_stratum(area):
    strata = load_design(area[2]).column("stratum")
    assert (np.diff(strata) != 0).mean() > 0.5  # in order of strata it would be below 0.05


def test_training_points_are_spread_over_classes_and_place_and_marked(area, tmp_path):
    out, found = design(area[0], tmp_path / "t", points=60, minimum=4, training=True, page=False)
    counts = np.bincount(found.column("stratum"))
    assert not found.probability
    assert counts.min() >= 4 and np.sort(counts)[1:].max() <= 2 * np.sort(counts)[1:].min()
    truth_csv(out / "reference.csv", found, area[1])
    assert "NO PROBABILITY SAMPLE" in (report(out) / "report.md").read_text()


def test_points_open_in_qgis_with_their_stratum_and_weight(area):
    from pyogrio.raw import read

    found = load_design(area[2])
    meta, _, geometry, fields = read(area[2] / "points.gpkg", layer="points")
    columns = dict(zip(meta["fields"], fields))
    assert meta["crs"] == "EPSG:32649" and len(geometry) == 120
    rows = read_rows(area[2] / "points.csv")
    assert [int(row["id"]) for row in rows] == columns["id"].tolist()  # as AcATaMa wants them
    x, y = struct.unpack("<dd", geometry[7][-16:])
    column, row = ~found.geobox.transform @ (x, y)  # AcATaMa looks them up in the map
    expected = found.points["row"][7] + 0.5, found.points["column"][7] + 0.5
    assert (row, column) == pytest.approx(expected)
    weights = sum(float(row["weight"]) for row in rows)
    assert weights == pytest.approx(found.of_strata("hectares").sum(), rel=1e-3)
    assert rows[0]["2019-02"] == ""


def test_qgis_colours_points_by_whether_they_are_interpreted_and_labels_them(area):
    from xml.etree import ElementTree

    with closing(sqlite3.connect(area[2] / "points.gpkg")) as base:
        row = base.execute("select f_table_name, useAsDefault, styleQML from layer_styles")
        table, default, style = row.fetchone()
    root = ElementTree.fromstring(style.removeprefix("<!DOCTYPE qgis>"))
    assert (table, default, root.get("labelsEnabled")) == ("points", 1, "1")
    assert '"2019-02"' in root.find("renderer-v2").get("attr")
    assert root.find("labeling/settings/text-style").get("fieldName") == "id"


# --- the report --------------------------------------------------------------------------------


def test_a_reference_equal_to_the_map_gives_the_maps_own_areas_and_full_accuracy(area, tmp_path):
    made, labels, out = area
    found = load_design(out)
    path = truth_csv(tmp_path / "reference.csv", found, labels)
    folder = report(out, path)
    accuracy = read_rows(folder / "accuracy.csv")
    assert all(
        float(row["value"]) == 1 for row in accuracy if row["points"] != "0" and row["value"]
    )
    areas = {(r["scope"], r["name"]): r for r in read_rows(folder / "areas.csv")}
    for label, name in enumerate(found.classes):
        hectares = (labels[-1] == label).sum() / 100
        assert float(areas[str(found.months[-1]), name]["estimated"]) == pytest.approx(hectares)
    cleared = areas["change", "woodland to bare soil"]
    assert float(cleared["estimated"]) == pytest.approx(1.0)
    dates = {row["name"]: row for row in read_rows(folder / "dates.csv")}
    assert float(dates["true changes dated in the very month"]["value"]) == 1
    assert float(dates["mean lag"]["value"]) == 0
    assert (folder / "areas.png").stat().st_size > 10_000


def test_the_error_matrix_of_the_last_month_adds_up_to_the_area(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    wrong = labels.copy()
    wrong[-1][labels[-1] == 3] = 4  # all bare soil of the last month is called impervious
    again = write_map(tmp_path / "wrong", wrong)
    path = truth_csv(tmp_path / "reference.csv", found, labels)
    folder = report(out, path, map_folder=again)
    cells = {(r["map"], r["reference"]): r for r in read_rows(folder / "error_matrix.csv")}
    assert sum(int(cell["points"]) for cell in cells.values()) == 120
    shares = {pair: float(cell["share"]) for pair, cell in cells.items()}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    missed = shares["impervious surface", "bare soil"] * found.of_strata("hectares").sum()
    assert missed == pytest.approx(1.0, rel=1e-4)  # the clearing is 100 pixels of 0.01 ha
    assert "| impervious surface | " in (folder / "report.md").read_text()


def test_a_map_made_again_two_months_late_is_assessed_on_the_same_points(area, tmp_path):
    made, labels, out = area
    late = labels.copy()
    late[2:] = labels[:-2]
    again = write_map(tmp_path / "late", late)
    path = truth_csv(tmp_path / "reference.csv", load_design(out), labels)
    dates = {r["name"]: r for r in read_rows(report(out, path, map_folder=again) / "dates.csv")}
    assert float(dates["mean lag"]["value"]) == 2
    assert float(dates["true changes dated within 1 month"]["value"]) == 0
    assert float(dates["true changes dated within 3 months"]["value"]) == 1


def test_changes_that_the_map_misses_or_invents_count_as_errors(area, tmp_path):
    made, labels, out = area
    wrong = labels.copy()
    wrong[:, 5:15, 5:15] = 1  # the clearing is missed ...
    wrong[6:, 25:35, 10:20] = 3  # ... and another one invented
    again = write_map(tmp_path / "wrong", wrong)
    path = truth_csv(tmp_path / "reference.csv", load_design(out), labels)
    rows = read_rows(report(out, path, map_folder=again) / "accuracy.csv")
    clearing = {r["measure"]: r for r in rows if r["name"] == "woodland to bare soil"}
    assert {name: float(row["value"]) for name, row in clearing.items()} == {
        "user's accuracy": 0,
        "producer's accuracy": 0,
    }
    change = {r["measure"]: float(r["value"]) for r in rows if r["name"] == "change"}
    assert 0.1 < change["user's accuracy"] < 0.7 and 0.1 < change["producer's accuracy"] < 0.7


def test_a_reference_that_knows_of_no_change_is_warned_of(area, tmp_path):
    _, labels, out = area
    stable = np.repeat(labels[:1], MONTHS, axis=0)
    path = truth_csv(tmp_path / "reference.csv", load_design(out), stable)
    assert "holds no change at all" in (report(out, path) / "report.md").read_text()


def test_a_map_and_a_reference_without_any_change_say_how_much_change_there_can_be(tmp_path):
    labels = np.full((MONTHS, 20, 20), 1, np.int8)
    labels[:, 0, 0] = 3  # a class with one pixel
    made = write_map(tmp_path / "map", labels)
    out, found = design(made, tmp_path / "a", points=40, page=False)
    assert [stratum["points"] for stratum in found.strata] == [39, 1]  # of 399 and of 1 pixels
    text = (report(out, truth_csv(out / "reference.csv", found, labels)) / "report.md").read_text()
    assert "No point of the sample changes" in text and "holds no change, so nothing" in text
    assert "has one point" not in text and "± 0.00 (0" not in text


def test_a_map_whose_classes_stand_in_another_order_is_the_same_map(area, tmp_path):
    _, labels, out = area
    order = [3, 5, 0, 1, 4, 2]
    legend = Legend(*([values[i] for i in order] for values in (URBAN.names, URBAN.colours)))
    place = np.array([*np.argsort(order), -1], np.int8)
    again = write_map(tmp_path / "again", place[labels], legend=legend)
    path = truth_csv(tmp_path / "reference.csv", load_design(out), labels)
    assert "all months: **1.00" in (report(out, path, map_folder=again) / "report.md").read_text()


def test_mapped_areas_stand_beside_the_estimates_where_they_are_of_the_same_area(tmp_path):
    labels = made_up_labels()
    made = write_map(tmp_path / "map", labels)
    write_summary(made, labels)
    out, found = design(made, tmp_path / "a", points=120, minimum=10, page=False)
    truth_csv(out / "reference.csv", found, labels)
    areas = {(r["scope"], r["name"]): r["mapped"] for r in read_rows(report(out) / "areas.csv")}
    assert float(areas["2020-03", "bare soil"]) == 1.0
    assert float(areas["change", "woodland to bare soil"]) == 1.0
    assert float(areas["change", "change"]) == pytest.approx(1 + 0.6 + 0.04)
    assert float(areas["all months", "bare soil"]) == pytest.approx(8 / 14, rel=1e-4)
    half = np.zeros(labels.shape[1:], np.uint8)
    half[20:] = 255
    strata = write_strata(tmp_path / "half.tif", half)
    out, found = design(made, tmp_path / "half", strata=strata, points=60, page=False)
    truth_csv(out / "reference.csv", found, labels)
    assert {row["mapped"] for row in read_rows(report(out) / "areas.csv")} == {""}


def test_strata_of_any_raster_and_by_year_count_every_pixel(area, tmp_path):
    made, labels, _ = area
    quarters = np.zeros(labels.shape[1:], np.uint8)
    quarters[20:] = 1
    quarters[:, :5] = 255
    path = write_strata(tmp_path / "quarters.tif", quarters)
    out, found = design(made, tmp_path / "q", strata=path, points=60, page=False)
    inside = (quarters != 255) & (labels[0] >= 0)
    assert [s["pixels"] for s in found.strata] == np.bincount(quarters[inside]).tolist()
    truth_csv(out / "reference.csv", found, labels)
    assert "**1.00" in (report(out) / "report.md").read_text()
    _, years = design(made, tmp_path / "y", by="year", points=60, minimum=5, page=False)
    assert [s["name"] for s in years.strata] == [
        "stable woodland",
        "stable cropland",
        "change in 2019",
    ]


@pytest.mark.parametrize(
    "true, mapped, lags",
    [
        ([5], [5], [0]),
        ([5], [8], [3]),
        ([5, 9], [8], [-1]),
        ([5], [30], []),
        ([3, 4], [4, 5], [0, 2]),
    ],
)
def test_changes_pair_up_closest_first_and_once(true, mapped, lags):
    assert pairs(np.array(true), np.array(mapped), 12).tolist() == lags


def test_warnings_name_strata_with_one_point_unsure_points_and_points_left_out(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    path = truth_csv(tmp_path / "reference.csv", found, labels)
    small = int(np.argmin(found.of_strata("pixels")))
    rows = read_rows(path)
    strata = dict(zip(found.points["id"], found.points["stratum"]))
    mine = [number for number in found.points["id"] if strata[number] == small]
    others = [number for number in found.points["id"] if strata[number] != small]
    kept = [row for row in rows if row["id"] not in mine[1:]]
    for row in kept:
        if row["id"] == others[0]:
            row["confidence"] = "unsure"
        if row["id"] == others[1]:
            row["confidence"], row["class"] = "cannot tell", ""
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(kept)
    text = (report(out, path) / "report.md").read_text()
    assert "has one point" in text and "1 unsure points are counted" in text
    assert "1 points that nobody could tell" in text
    assert f"{len(mine) - 1} of 120 points are not interpreted" in text
    text = (report(out, path, unsure=False) / "report.md").read_text()
    assert "1 unsure points are left out" in text
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(row for row in kept if row["id"] not in mine)
    assert "has no point" in (report(out, path) / "report.md").read_text()


def test_points_csv_filled_in_by_hand_is_read_too(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    rows = read_rows(out / "points.csv")
    for place, row in enumerate(rows[:80]):
        series = labels[:, found.points["row"][place], found.points["column"][place]]
        row.update({str(m): found.classes[k] for m, k in zip(found.months, series)})
    path = tmp_path / "points.csv"
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), delimiter=";")  # as many spreadsheets write
        table.writeheader()
        table.writerows(rows)
    text = (report(out, path) / "report.md").read_text()
    assert "80 interpreted points of 120" in text and "40 of 120 points are not" in text


def test_on_a_grid_in_degrees_areas_are_those_of_the_ground(tmp_path):
    # Thirty degrees of latitude: a pixel in the north is two thirds of one in the south.
    labels = np.full((MONTHS, 60, 20), 1, np.int8)
    labels[:, 20:] = 5
    made = write_map(
        tmp_path / "map", labels, crs="EPSG:4326", transform=Affine(0.5, 0, 10, 0, -0.5, 60)
    )
    out, found = design(made, tmp_path / "a", points=400, page=False)
    hectares = pixel_hectares(found.geobox)
    assert hectares[0] < 0.7 * hectares[-1]
    expected = 20 * hectares[:20].sum()
    assert found.strata[0]["hectares"] == pytest.approx(expected)
    areas = report(out, truth_csv(out / "reference.csv", found, labels)) / "areas.csv"
    rows = [row for row in read_rows(areas) if row["scope"] == str(found.months[-1])]
    woodland = next(row for row in rows if row["name"] == "woodland")
    # The strata are the classes here, and their ground areas are known: no error is left.
    assert float(woodland["estimated"]) == pytest.approx(expected, rel=1e-5)
    total = sum(float(row["estimated"]) for row in rows)
    assert total == pytest.approx(found.of_strata("hectares").sum(), rel=1e-5)


def test_a_wanted_standard_error_sets_the_points(area, tmp_path):
    _, few = design(area[0], tmp_path / "few", se=0.03, minimum=5, page=False)
    _, many = design(area[0], tmp_path / "many", se=0.015, minimum=5, page=False)
    assert len(many.points["id"]) == pytest.approx(4 * len(few.points["id"]), abs=5)
    assert few.settings["se"] == 0.03


def test_kinds_of_change_on_little_land_are_one_stratum(area, tmp_path):
    # 100, 60 and 4 of 1,976 pixels change.
    made, number = area[0], iter("abc")
    for rare, expected in ((0, 5), (0.01, 5), (0.04, 4)):
        out = tmp_path / next(number)
        _, found = design(made, out, rare=rare, points=120, minimum=10, page=False)
        assert len(found.strata) == expected  # with two stable strata; one kind alone is no group
    other = found.strata[-1]
    assert (other["name"], other["pixels"]) == ("other change", 64)
    assert found.strata[2]["name"] == "woodland to bare soil"


def test_the_report_marks_figures_that_few_points_decide(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    wrong = labels.copy()
    wrong[:, :3] = 1  # some woodland of the reference is cropland on the map
    path = truth_csv(tmp_path / "reference.csv", found, wrong)
    text = (report(out, path) / "report.md").read_text()
    assert "fewer than 5 points decide the error" in text
    rows = read_rows(out / "report" / "accuracy.csv")
    cropland = next(row for row in rows if row["name"] == "cropland")
    cleared = next(row for row in rows if row["name"] == "woodland to bare soil")
    assert float(cleared["deciding"]) < 5 < float(cropland["deciding"])
    lines = {line.split(" |")[0]: line for line in reversed(text.splitlines())}
    assert lines["| woodland to bare soil"].count(") †") == 2
    assert lines["| cropland"].split(" | ")[1].endswith(")")


def test_differences_mark_the_assessed_pixel_and_the_months_that_differ(tmp_path):
    labels = made_up_labels()
    stack = write_stack(tmp_path / "stack", labels)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, found = design(made, tmp_path / "a", points=12, minimum=2)
    late = labels.copy()
    late[1:] = labels[:-1]  # the reference dates every change a month later
    truth_csv(out / "reference.csv", found, late)
    page = (report(out) / "differences.html").read_text()
    sections = page.split("<section>")[1:]
    assert sections
    for section in sections:
        assert "1 of 14 months differ" in section and section.count('class="differs"') == 1
        month = section.split("Reference</th>")[1].split("</p>")[0].split(", ")[1][:7]
        before = str(np.datetime64(month) - 1)
        assert f"<p>{before}</p>" in section.split("Differ</th>")[1]
        # 14 months: a full row of twelve chips of 31 pixels, and two
        assert section.count('<path d="M0 0H372V31H62V62H0Z" fill="url(#mark)"/>') == 1


# --- two interpreters --------------------------------------------------------------------------


def test_kappa_is_cohens():
    # 140 of 200 answers agree, 82 of them by chance: (0.70 - 0.41) / (1 - 0.41).
    table = np.array([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    assert kappa(table) == pytest.approx(0.492, abs=0.001)


def test_two_interpreters_are_compared_in_classes_and_dates(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    late = labels.copy()
    late[1:] = labels[:-1]
    one = truth_csv(tmp_path / "ann.csv", found, labels)
    other = truth_csv(tmp_path / "bo.csv", found, late, only=100, interpreter="bo")
    text = agreement(out, one, other)
    assert "|\n\n" in text  # or Markdown would take the next line into the table
    assert "100 points" in text and "| within 1 month | 100% | - |" in text
    assert "| in the very month | 0% | - |" in text and "| months apart, mean | 1.0 | - |" in text
    assert "| changed or not | 100.0% | 1.00 |" in text
    assert all(row["months_that_differ"] == "1" for row in read_rows(out / "agreement.csv"))


def test_shares_of_dates_have_an_interval_over_points(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    late = labels.copy()
    late[1:, 20:] = labels[:-1, 20:]  # only in the south are changes dated a month later
    one = truth_csv(tmp_path / "ann.csv", found, labels)
    other = truth_csv(tmp_path / "bo.csv", found, late, interpreter="bo")
    lines = {line.split(" |")[0]: line for line in agreement(out, one, other).splitlines()}
    value, interval = lines["| in the very month"].split(" | ")[1:]
    low, high = interval.removesuffix(" |").replace("%", "").split(" to ")
    assert 0 < int(low) < int(value.removesuffix("%")) < int(high) < 100


def test_points_on_which_two_agree_are_a_reference_and_the_others_are_left_to_settle(
    area, tmp_path
):
    _, labels, out = area
    found = load_design(out)
    late = labels.copy()
    late[1:] = labels[:-1]
    one = truth_csv(tmp_path / "ann.csv", found, labels)
    other = truth_csv(tmp_path / "bo.csv", found, late, interpreter="bo")
    lines = one.read_text().splitlines()
    first = next(line for line in lines[1:] if f"{line.split(',')[3]}" == "2020-03")
    number = first.split(",")[0]
    whole = f"{number},ann,2019-02,2020-03,,cannot tell,,"
    lines = [line for line in lines if line.split(",")[0] != number]
    one.write_text("\n".join([*lines, whole]) + "\n")
    agreement(out, one, other)
    differ = {row["id"] for row in read_rows(out / "agreement.csv")}
    agreed = {row["id"] for row in read_rows(out / "agreed.csv")}
    assert number in differ and not differ & agreed and len(differ | agreed) == 120
    changed = (labels != labels[0]).any(axis=0)[found.points["row"], found.points["column"]]
    assert len(agreed) in (120 - changed.sum(), 120 - changed.sum() - 1)
    text = (report(out, out / "agreed.csv") / "report.md").read_text()
    assert "by ann and bo" in text and "points are not interpreted" in text


# --- bad input ---------------------------------------------------------------------------------

HEAD = "id,interpreter,first_month,last_month,class,confidence\n"
WHOLE = "2019-02,2020-03,woodland,sure\n"


@pytest.mark.parametrize(
    "text, words",
    [
        (HEAD, "no point is interpreted"),
        ("", "cannot be read"),
        (HEAD + "1,a," + WHOLE + "999,a," + WHOLE, "id 999 is not among"),
        (HEAD + "1,a,2018-01,2020-03,woodland,sure\n", "2018-01 lies outside the map"),
        (HEAD + "1,a,2019-02,2021-03,woodland,sure\n", "2021-03 lies outside the map"),
        (HEAD + "1,a," + WHOLE + "1,a,2019-05,2020-03,cropland,sure\n", "overlaps another row"),
        (HEAD + "1,a,2019-05,2019-02,woodland,sure\n", "ends before it begins"),
        (HEAD + "1,a,2019-02,2019-09,woodland,sure\n", "no class in 2019-10"),
        (HEAD + "1,a,2019-02,2020-03,,sure\n", "no class found"),
        (HEAD + "1,a,2019-02,2020-03,jungle,sure\n", "class 'jungle' found"),
        (HEAD + "1,a,2019-02,2020-03,woodland,perhaps\n", "confidence 'perhaps' found"),
        (HEAD + "1,a,Feb-19,2020-03,woodland,sure\n", "first_month 'Feb-19' found"),
        (HEAD + "1,a,2019-02,20\n", "last_month '20' found"),
        (HEAD + "1,a,2019-02,2020-03,,cannot tell\n", "no point is left"),
        ("a,b\n1,2\n", "columns a, b found"),
        ("id,2019-02,2030-01\n1,woodland,woodland\n", "2030-01 lies outside"),
    ],
)
def test_a_reference_that_cannot_be_used_ends_in_one_line(area, tmp_path, text, words):
    path = tmp_path / "reference.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        report(area[2], path)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_the_reference_of_another_design_is_refused_though_its_ids_are_the_same(area, tmp_path):
    made, labels, out = area
    rows = "1,a,2019-02,2020-03,woodland,sure"
    found = load_design(out)
    here = f"{found.points['lon'][0]:.5f},{found.points['lat'][0]:.5f}"  # as a spreadsheet rounds
    path = tmp_path / "reference.csv"
    path.write_text(f"{HEAD.strip()},lon,lat\n{rows},{here}\n")
    report(out, path)
    path.write_text(f"{HEAD.strip()},lon,lat\n{rows},112.9,28.1\n")
    for read in (lambda: report(out, path), lambda: agreement(out, path, path)):
        with pytest.raises(InputError, match="id 1 lies at 112.9.*another design"):
            read()


def test_a_map_on_another_grid_or_with_fewer_months_is_refused(area, tmp_path):
    _, labels, out = area
    path = truth_csv(tmp_path / "reference.csv", load_design(out), labels)
    for name, wrong, words in (
        ("small", labels[:, :-1], "pixels"),
        ("short", labels[:-1], "covers"),
    ):
        again = write_map(tmp_path / name, np.ascontiguousarray(wrong))
        with pytest.raises(InputError, match=words):
            report(out, path, map_folder=again)
    moved = write_map(tmp_path / "moved", labels, transform=Affine(10, 0, 5, 0, -10, 3100000))
    with pytest.raises(InputError, match="beside the grid"):
        report(out, path, map_folder=moved)
    zone = write_map(tmp_path / "zone", labels, crs="EPSG:32650")
    with pytest.raises(InputError, match="32650"):
        report(out, path, map_folder=zone)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--points", "0"], "--points"),
        (["--points", "20"], "expected at least"),
        (["--se", "0"], "--se"),
        (["--se", "0.001"], "takes 98,054 points"),
        (["--strata", "small.tif"], "small.tif"),
        (["--strata", "float.tif"], "whole numbers"),
        (["--strata", "nothing.tif"], "no pixel lies in a stratum"),
        (["--strata", "gone.tif"], "not found"),
        ([], "config.json names no stack"),
    ],
)
def test_a_design_that_cannot_be_made_ends_in_one_line(area, tmp_path, monkeypatch, flags, words):
    monkeypatch.chdir(tmp_path)
    shape = area[1].shape[1:]
    write_strata("small.tif", np.zeros((5, 5), np.uint8))
    write_strata("float.tif", np.zeros(shape, np.float32))
    write_strata("nothing.tif", np.full(shape, 255, np.uint8))
    page = ["--no-page"] if flags else []
    with pytest.raises(InputError) as error:
        assess.main(["design", str(area[0]), "--out", "out", *page, *flags])
    assert words in str(error.value)
    assert not (tmp_path / "out" / "design.json").exists()


def test_a_design_is_never_written_over_by_mistake(area, tmp_path):
    out, _ = design(area[0], tmp_path / "a", points=60, minimum=5, page=False)
    with pytest.raises(InputError, match="holds a design"):
        design(area[0], out, points=60, minimum=5, page=False)
    (out / "reference.csv").write_text("work of a week")
    with pytest.raises(InputError, match="belongs to the old points"):
        design(area[0], out, points=60, minimum=5, page=False, overwrite=True)
    assert (out / "reference.csv").read_text() == "work of a week"


def test_a_full_disk_ends_in_one_line_and_leaves_no_design(area, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assessing.design.write_page", full)
    labels = area[1]
    stack = write_stack(tmp_path / "stack", labels)
    made = write_map(tmp_path / "map", labels, stack=stack)
    with pytest.raises(InputError, match="No space left"):
        design(made, tmp_path / "a", points=60, minimum=5)
    assert not (tmp_path / "a" / "design.json").exists()
    monkeypatch.undo()
    design(made, tmp_path / "a", points=60, minimum=5)  # the next try needs no flag


def test_a_damaged_design_or_map_ends_in_one_line(area, tmp_path):
    with pytest.raises(InputError, match="holds no design.json"):
        report(tmp_path)
    (tmp_path / "design.json").write_text(json.dumps({"key": 1}))
    with pytest.raises(InputError, match="damaged"):
        report(tmp_path)
    with pytest.raises(InputError, match="holds no labels.tif"):
        design(tmp_path, tmp_path / "out")


def test_a_map_without_any_label_has_nothing_to_sample(tmp_path):
    made = write_map(tmp_path / "map", np.full((MONTHS, 8, 8), -1, np.int8))
    with pytest.raises(InputError, match="nothing to sample"):
        design(made, tmp_path / "out", page=False)


def test_the_stack_gives_series_and_chips_but_never_the_maps_answer(tmp_path):
    labels = made_up_labels()
    stack = write_stack(tmp_path / "stack", labels)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, found = design(made, tmp_path / "a", points=12, minimum=2)
    page = [out / "index.html", *(out / "page").rglob("*")]
    shown = "".join(path.read_text() for path in page if path.suffix in (".html", ".js", ".css"))
    for word in ("stratum", "stable", "weight", "woodland to bare soil", "hectares"):
        assert word not in shown
    names = {path.stem for path in (out / "page" / "points").glob("*.js")}
    assert names == set(found.points["id"])
    series = np.load(out / "series.npz")
    at = found.points["row"][0], found.points["column"][0]
    assert series["x"].shape == (12, 10, MONTHS)
    import rasterio

    with rasterio.open(sorted(stack.glob("*.tif"))[0]) as raster:
        assert (raster.read()[:, at[0], at[1]] == series["x"][0, :, 0]).all()


def test_an_interpreters_file_makes_training_samples(tmp_path):
    labels = made_up_labels()
    stack = write_stack(tmp_path / "stack", labels)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, found = design(made, tmp_path / "t", points=40, minimum=4, training=True)
    path = truth_csv(out / "reference.csv", found, labels, only=30)
    with open(path, "a") as file:
        file.write(f"{found.points['id'][35]},ann,2019-02,2020-03,,cannot tell,,\n")
    samples = load_samples(path)
    assert len(samples) == 30 and samples.x.shape[1:] == (10, MONTHS)
    at = [np.array(found.points[name][:30]) for name in ("row", "column")]
    assert (samples.y == labels[:, at[0], at[1]].T).all()
    assert samples.ids.tolist() == found.points["id"][:30] and samples.months[0] == found.months[0]
    with pytest.raises(InputError, match="has no series.npz"):
        load_samples(path.rename(tmp_path / "reference.csv"))


def test_the_page_does_without_bands_that_a_stack_lacks(tmp_path):
    labels = made_up_labels()
    six = [0, 1, 2, 7, 8, 9]  # as Landsat has
    stack = write_stack(tmp_path / "stack", labels, bands=six)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, _ = design(made, tmp_path / "a", points=12, minimum=2)
    series = np.load(out / "series.npz")
    assert series["bands"].tolist() == ["B2", "B3", "B4", "B8A", "B11", "B12"]
    assert series["x"].shape[1] == 6


def test_the_script_says_what_it_drew_and_ends_bad_input_in_one_line(area, tmp_path):
    done = run_script("assess.py", "design", area[0], "--out", tmp_path / "a", "--no-page")
    assert "600 points of 1,976 pixels" in done.stdout and "stable woodland" in done.stdout
    assert_one_clear_line(run_script("assess.py", "report", tmp_path / "a"), "reference.csv")
