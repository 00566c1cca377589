"""changes.gpkg: what a user would meet if one of these broke is in each test's name."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.pixels import changes_of
from tests.map_files import drawn_by_level, read_polygons
from tests.stack_files import CRS, GRID
from utils.words import change_confidence


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A map with five events: one across four tiles, one of two months, one of a single pixel."""
    classes = np.zeros((14, 520, 530), np.int16)
    classes[5:, 500:515, 400:527] = 3  # across the tiles' edges: water to bare soil ...
    classes[9:, 505:510, 410:510] = 4  # ... and built on later, within
    classes[6:, 100:110, 100:110] = 1
    classes[7:, 100:110, 110:120] = 1  # a month later, beside it: the same event
    classes[9:, 100:110, 120:130] = 1  # two months later: another
    classes[4:, 300, 300] = 5  # a single pixel
    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch:
        drawn_by_level(folder, patch, classes)
    return folder / "out"


def test_hectares_and_pixels_of_the_events_are_those_of_the_summary(large):
    fields, polygons, meta = read_polygons(large)
    rows = [line.split(",") for line in (large / "summary.csv").read_text().splitlines()]
    changed = [row for row in rows if row[0] == "transition"]
    assert fields["pixels"].sum() == sum(int(row[5]) for row in changed)
    total = sum(float(row[6]) for row in changed)
    assert fields["hectares"].sum() == pytest.approx(total, rel=1e-4)
    assert meta["crs"] == CRS and shapely.is_valid(polygons).all()
    assert shapely.area(polygons) == pytest.approx(fields["pixels"] * 100.0)  # square metres
    for kind in {(row[3], row[4]) for row in changed}:
        mine = (fields["from_class"] == kind[0]) & (fields["to_class"] == kind[1])
        assert fields["pixels"][mine].sum() == sum(
            int(row[5]) for row in changed if (row[3], row[4]) == kind
        )


def test_all_known_events_are_found_and_none_is_cut_at_a_tile(known):
    fields, polygons, _ = read_polygons(known)
    rows = [
        tuple(row)
        for row in zip(
            *(
                fields[name].tolist()
                for name in (
                    "change",
                    "first_month",
                    "median_month",
                    "last_month",
                    "pixels",
                    "next_event",
                    "next_change",
                )
            )
        )
    ]
    to = "\N{RIGHTWARDS ARROW}"
    assert rows == [
        (f"water {to} cropland", "2019-06", "2019-06", "2019-06", 1, 0, None),
        (
            f"water {to} bare soil",
            "2019-07",
            "2019-07",
            "2019-07",
            15 * 127,
            5,
            f"2019-11 bare soil {to} impervious surface",
        ),
        (f"water {to} woodland", "2019-08", "2019-08", "2019-09", 200, 0, None),
        (f"water {to} woodland", "2019-11", "2019-11", "2019-11", 100, 0, None),
        (f"bare soil {to} impervious surface", "2019-11", "2019-11", "2019-11", 500, 0, None),
    ]
    assert fields["hectares"] == pytest.approx(fields["pixels"] * 0.01)
    assert set(fields["confidence"]) == {50}
    x, y = GRID @ (400, 500)
    across = polygons[1]
    assert shapely.bounds(across) == pytest.approx([x, y - 150, x + 1270, y])
    assert len(across.geoms) == 1 and len(across.geoms[0].interiors) == 0


def test_the_smallest_event_is_chosen_by_mmu(tmp_path, monkeypatch):
    classes = np.zeros((14, 20, 30), int)
    classes[5:, :10, :10] = 3  # a hectare
    classes[8:, :5, :5] = 1  # within, a quarter of it
    classes[10:, :10, :10] = 2  # all of it, from two classes: 0.75 and 0.25 hectares
    drawn_by_level(tmp_path, monkeypatch, classes, "--mmu", 0.75)
    fields, _, _ = read_polygons(tmp_path / "out")
    assert fields["pixels"].tolist() == [100, 75] and fields["next_event"].tolist() == [2, 0]


def test_qgis_finds_a_style_and_plays_the_date(known):
    from xml.etree import ElementTree

    with closing(sqlite3.connect(known / "changes.gpkg")) as base:
        row = base.execute("select f_table_name, useAsDefault, styleQML from layer_styles")
        table, default, style = row.fetchone()
        kinds = dict(
            base.execute("select column_name, geometry_type_name from gpkg_geometry_columns")
        )
        types = {name: kind for _, name, kind, *_ in base.execute("pragma table_info(changes)")}
    root = ElementTree.fromstring(style.removeprefix("<!DOCTYPE qgis>"))
    assert (table, default) == ("changes", 1) and root.tag == "qgis"
    assert root.find("temporal").get("startField") == "date" and types["date"] == "DATE"
    assert root.find("temporal").get("enabled") == "1" and kinds == {"geom": "MULTIPOLYGON"}
    renderer = root.find("renderer-v2")
    assert renderer.get("attr") == "change"
    assert len(renderer.findall("categories/category")) == 4
    assert len(renderer.findall("symbols/symbol")) == 4


def test_a_map_without_any_change_has_an_empty_layer(tmp_path, monkeypatch):
    drawn_by_level(tmp_path, monkeypatch, np.zeros((14, 5, 6), int))
    fields, polygons, _ = read_polygons(tmp_path / "out")
    assert len(polygons) == 0 and "date" in fields


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), months=st.integers(3, 20))
def test_the_confidence_of_a_change_is_that_of_the_figures(seed, months):
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(3), (6, months)).transpose(0, 2, 1)  # (N, K, T)
    labels = np.repeat(rng.integers(0, 3, (6, months)), 1, axis=1).astype(np.int8)
    labels[:, 1:][rng.random((6, months - 1)) < 0.6] = 0
    monthly = np.take_along_axis(probability, labels[:, None].astype(int), 1)[:, 0] * 100
    found = changes_of(labels.T[:, None], np.rint(monthly.T[:, None]).astype(np.uint8))
    for row in range(6):
        mine = found.pixel == row
        order = np.argsort(found.month[mine])
        wanted = change_confidence(labels[row], probability[row]) * 100
        assert np.abs(found.confidence[mine][order] - np.clip(wanted, 0, 99)).max(initial=0) <= 1.01
