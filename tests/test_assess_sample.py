"""assess.py design: strata, how many points each gets, and which pixels are drawn."""

import sqlite3
import struct
from contextlib import closing

import numpy as np
import pytest
from assess_files import made_up_labels, read_rows, truth_csv, write_map, write_strata
from hypothesis import given
from hypothesis import strategies as st

from assessing import grid
from assessing.allocation import allocate, expected_spread, points_for_error
from assessing.design import design
from assessing.record import load_design
from assessing.report import report


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


def test_a_map_with_every_pixel_labelled_leaves_no_land_outside(tmp_path):
    made = write_map(tmp_path / "map", np.abs(made_up_labels(height=41, width=57)))
    _, found = design(made, tmp_path / "all", points=200, page=False)
    assert str(found.outside) == "0.0"  # not a rounding error, not -0.0


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
