"""assess.py: bad input ends in one line, and nobody's work is lost."""

import json

import numpy as np
import pytest
from affine import Affine
from assess_files import MONTHS, truth_csv, write_map, write_stack, write_strata

import assess
from assessing.agreement import agreement
from assessing.design import design
from assessing.record import load_design
from assessing.report import report
from utils.errors import InputError

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
