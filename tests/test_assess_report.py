"""assess.py report: accuracy, areas, dates, warnings."""

import csv

import numpy as np
import pytest
from affine import Affine
from assess_files import (
    MONTHS,
    made_up_labels,
    read_rows,
    truth_csv,
    write_map,
    write_stack,
    write_strata,
    write_summary,
)

from assessing.dates import pairs
from assessing.design import design
from assessing.record import load_design
from assessing.report import report
from stacks.area import pixel_hectares
from utils.legend import URBAN, Legend


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


def test_land_that_changes_twice_is_mapped_once_as_change_and_twice_as_transitions(tmp_path):
    labels = made_up_labels()
    labels[11:, 5:15, 5:15] = 1  # the clearing, 1 ha, grows woodland again
    made = write_map(tmp_path / "map", labels)
    write_summary(made, labels)
    out, found = design(made, tmp_path / "a", points=120, minimum=10, page=False)
    truth_csv(out / "reference.csv", found, labels)
    areas = {r["name"]: r for r in read_rows(report(out) / "areas.csv") if r["scope"] == "change"}
    mapped = {name: float(row["mapped"]) for name, row in areas.items()}
    assert mapped["change"] == pytest.approx(1 + 0.6 + 0.04)
    assert mapped["woodland to bare soil"] == mapped["bare soil to woodland"] == 1
    assert float(areas["change"]["estimated"]) == pytest.approx(mapped["change"])
    # A map of other months: its count of changes is not that of the design's months.
    longer = write_map(tmp_path / "longer", np.concatenate([labels, 1 + 0 * labels[:1]]))
    write_summary(longer, labels)
    folder = report(out, map_folder=longer)
    change = next(r for r in read_rows(folder / "areas.csv") if r["name"] == "change")
    assert change["mapped"] == ""


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
    own = found.strata[small]
    cells = f"| {own['points']} | 1 | {own['hectares']:.2f} |"
    assert next(line for line in text.splitlines() if line.endswith(cells)).startswith("| ")
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
