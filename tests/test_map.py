"""Mapping an area: what a user would meet if one of these broke is in each test's name."""

import csv
import json

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

import models
from mapping.figures import hectares_by_kind
from mapping.summary import Row
from tests.map_files import STACK, by_level, draw, drawn_by_level
from tests.stack_files import CRS, FIRST, GRID, read_map, save_network, write_folder
from utils.changes import spatial_majority_filter
from utils.legend import URBAN, Legend

MONTHS = [str(FIRST + i) for i in range(len(STACK))]
NAMES = [
    "change_confidence",
    "change_count",
    "confidence",
    "first_change",
    "from_to",
    "labels",
    "last_change",
    "reason",
    "second",
]


def test_spatial_filter_equals_that_of_the_whole_image(maps):
    plain, filtered = (
        read_map(maps / f"filter{width}")[0]["labels"].view(np.int8) for width in (1, 3)
    )
    assert (filtered == spatial_majority_filter(plain, 3)).all() and (filtered != plain).any()


def test_files_are_cogs_on_the_stacks_grid_that_say_what_they_hold(maps):
    out = maps / "filter1"
    assert sorted(file.stem for file in out.glob("*.tif")) == NAMES
    for name in NAMES:
        valid, errors, _ = cog_validate(out / f"{name}.tif", strict=True)
        assert valid, (name, errors)
        assert (
            "<paletteEntry" in (style := (out / f"{name}.qml").read_text())
            or "colorrampshader" in style
        )
        with rasterio.open(out / f"{name}.tif") as raster:
            assert (
                raster.crs == CRS and raster.shape == STACK.shape[2:] and raster.nodata is not None
            )
            assert raster.transform.almost_equals(GRID, 1e-6) and all(raster.descriptions)
            if raster.count == 1 and raster.dtypes[0] != "int32":  # where TIFF has colour tables
                assert raster.colormap(1)[0][3] == 255
    with rasterio.open(out / "labels.tif") as raster:
        assert list(raster.descriptions) == MONTHS and raster.tags()["value_2"] == "grassland"
        assert raster.tags()["colour_0"] == URBAN.colours[0]
    with rasterio.open(out / "from_to.tif") as raster:
        assert raster.tags()["value_605"] == "cropland to impervious surface"
    with rasterio.open(out / "reason.tif") as raster:
        assert raster.tags()["value_1"] == "no observation in any month"
    assert "bare soil" in (out / "labels.qml").read_text()
    for figure in ("map.png", "classes.png", "transitions.png"):
        assert (out / figure).read_bytes()[:4] == b"\x89PNG"
    assert not (out / ".parts").exists()


def test_geotiff_grid_is_kept_to_the_last_digit(maps, tmp_path):
    draw(maps / "monthly", maps / "net.safetensors", tmp_path)
    for name in NAMES:
        with rasterio.open(tmp_path / f"{name}.tif") as raster:
            assert raster.transform == GRID and raster.crs == rasterio.CRS.from_string(CRS)


def test_rasters_mean_what_they_say(tmp_path, monkeypatch):
    classes = np.zeros((14, 1, 4), int)
    classes[5:, 0, 1] = 3  # water to bare soil in 2019-07 ...
    classes[9:, 0, 1] = 4  # ... to impervious surface in 2019-11
    classes[11:, 0, 2] = 5  # water to cropland in 2020-01
    unseen = np.zeros((14, 1, 4), bool)
    unseen[:, 0, 3] = True
    pixels, summary, _ = drawn_by_level(tmp_path, monkeypatch, classes, unseen=unseen)
    assert pixels["labels"][:, 0, :3].tolist() == classes[:, 0, :3].tolist()
    assert (pixels["labels"][:, 0, 3] == 255).all()
    assert pixels["change_count"][0, 0].tolist() == [0, 2, 1, 255]
    assert pixels["first_change"][0, 0].tolist() == [0, 201907, 202001, -1]
    assert pixels["last_change"][0, 0].tolist() == [0, 201911, 202001, -1]
    assert pixels["from_to"][0, 0].tolist() == [0, 405, 106, 65535]
    assert pixels["confidence"][0, 0].tolist() == [50, 50, 50, 255]
    assert pixels["reason"][0, 0].tolist() == [0, 0, 0, 1]
    rows = list(csv.DictReader(summary.splitlines()))
    changes = [
        (r["month"], r["from_class"], r["to_class"], r["pixels"], r["hectares"])
        for r in rows
        if r["kind"] == "transition"
    ]
    assert changes == [
        ("2019-07", "water", "bare soil", "1", "0.0100"),
        ("2019-11", "bare soil", "impervious surface", "1", "0.0100"),
        ("2020-01", "water", "cropland", "1", "0.0100"),
    ]
    last = {
        r["class"]: r["pixels"] for r in rows if r["kind"] == "class" and r["month"] == "2020-03"
    }
    assert last == {
        "no label": "1",
        "water": "1",
        "impervious surface": "1",
        "cropland": "1",
        "woodland": "0",
        "grassland": "0",
        "bare soil": "0",
    }


def test_every_pixel_without_a_label_has_a_reason(tmp_path, monkeypatch):
    unseen = np.zeros((14, 6, 5), bool)
    unseen[:, 0, :] = True
    unseen[3:, 1, :] = True  # three months are left
    unseen[5:, 2, :] = True  # five
    pixels, _, _ = drawn_by_level(
        tmp_path, monkeypatch, np.ones((14, 6, 5), int), "--min-months", 5, unseen=unseen
    )
    assert pixels["reason"][0, :, 0].tolist() == [1, 2, 0, 0, 0, 0]
    assert ((pixels["reason"] > 0) == (pixels["labels"] == 255)).all()

    monkeypatch.setattr(
        models,
        "label",
        lambda net, x, **options: (np.full(x[:, 0].shape, -1, np.int8), *by_level(net, x)[1:]),
    )
    pixels, _, _ = draw(tmp_path / "monthly", tmp_path / "net.safetensors", tmp_path / "silent")
    assert set(np.unique(pixels["reason"])) == {1, 3} and (pixels["labels"] == 255).all()


def test_area_without_any_observation_is_mapped_as_such(maps, tmp_path):
    write_folder(tmp_path / "monthly", np.full_like(STACK, -32768))
    pixels, _, _ = draw(tmp_path / "monthly", maps / "net.safetensors", tmp_path / "out")
    assert (pixels["reason"] == 1).all() and (pixels["labels"] == 255).all()


def test_hectares_add_up_to_the_ground_area_in_degrees(tmp_path, monkeypatch):
    from pyproj import Geod

    grid = rasterio.Affine(1e-2, 0, 112.9, 0, -1e-2, 28.1)
    classes = np.random.default_rng(0).integers(0, 6, (14, 30, 20))
    _, summary, _ = drawn_by_level(
        tmp_path, monkeypatch, classes, "--window", 7, transform=grid, crs="EPSG:4326"
    )
    area = [
        float(r["hectares"])
        for r in csv.DictReader(summary.splitlines())
        if r["kind"] == "class" and r["month"] == "2019-02"
    ]
    lon, lat = 112.9 + np.arange(21) * 1e-2, 28.1 - np.arange(31) * 1e-2
    around = (
        np.r_[lon, np.full(31, lon[-1]), lon[::-1], np.full(31, lon[0])],
        np.r_[np.full(21, lat[0]), lat, np.full(21, lat[-1]), lat[::-1]],
    )
    assert sum(area) == pytest.approx(
        abs(Geod(ellps="WGS84").polygon_area_perimeter(*around)[0]) / 10_000, rel=1e-6
    )


def test_names_with_to_and_accents_and_blanks_go_all_the_way(tmp_path):
    names = ("bare", "bare to built", "built to built", "forêt claire", "built", "eau à marée")
    folder = tmp_path / "carte d'été, à moi"
    folder.mkdir()
    legend = Legend(names, URBAN.colours)
    net = save_network(folder / "réseau neuf.safetensors", legend=legend)
    stack = write_folder(folder / "été 2019", STACK)
    pixels, summary, _ = draw(stack, net, folder / "ma carte")
    with rasterio.open(folder / "ma carte" / "from_to.tif") as raster:
        assert raster.tags()["value_103"] == "bare to built to built"  # two kinds with one text
        assert raster.tags()["value_205"] == "bare to built to built"
    rows = [row for row in csv.DictReader(summary.splitlines()) if row["kind"] == "transition"]
    known = [Row("transition", row["month"], "", *map(row.get, PAIR)) for row in rows]
    kinds = hectares_by_kind(known, dict(enumerate(names)))
    found, times = np.unique(
        np.concatenate([from_to_codes(labels) for labels in [pixels["labels"]]]), return_counts=True
    )
    assert {code: round(sum(kinds[code].values()) * 100) for code in kinds} == dict(
        zip(found.tolist(), times.tolist())
    )


PAIR = ("from_class", "to_class", "pixels", "hectares")


def from_to_codes(labels):
    """Code of every transition in labels (T, y, x)."""
    before, after = labels[:-1].astype(int), labels[1:].astype(int)
    return ((before + 1) * 100 + after + 1)[before != after]


@pytest.mark.parametrize("name", ["changsha_development", "changsha_stable"])
def test_real_series_are_mapped_on_their_own_grid(maps, tmp_path, shared, name):
    pixels, _, settings_ = draw(
        shared / f"{name}.tif", maps / "net.safetensors", tmp_path, "--first-month", "2019-02"
    )
    with (
        rasterio.open(shared / f"{name}.tif") as stack,
        rasterio.open(tmp_path / "labels.tif") as labels,
    ):
        assert (
            stack.transform == labels.transform
            and stack.crs == labels.crs
            and stack.shape == labels.shape
        )
        assert labels.descriptions[0] == "2019-02" and labels.descriptions[-1] == "2024-05"
        empty = stack.read(1) == 32767
    assert ((pixels["reason"][0] == 1) == empty).all()
    assert all(cog_validate(file, strict=True)[0] for file in tmp_path.glob("*.tif"))
    assert json.loads((tmp_path / "config.json").read_text()) == settings_
