"""The files of a page, without a browser: what would break for a user is in each test's name."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import map as map_script
from mapping.unfinished import link_to_page
from stacks.lonlat import lonlat_grid
from tests.map_files import drawn_by_level, mapped, raster_of
from tests.stack_files import save_network, values, write_folder
from utils.errors import InputError


def test_no_page_where_none_is_asked_for(tmp_path):
    net = save_network(tmp_path / "net.safetensors")
    stack = write_folder(tmp_path / "monthly", values())
    out = mapped(stack, net, tmp_path / "map", "--no-page")
    assert not (out / "index.html").exists() and not (out / "page").exists()
    assert (out / "changes.gpkg").exists()


def test_a_map_interrupted_while_the_page_is_written_goes_on(tmp_path, monkeypatch):
    net = save_network(tmp_path / "net.safetensors")
    stack = write_folder(tmp_path / "monthly", values())

    def stop(*words):
        raise KeyboardInterrupt

    for place in ("mapping.finishing.write_reflectances", "mapping.finishing.write_polygons"):
        with monkeypatch.context() as patch:
            patch.setattr(place, stop)
            with pytest.raises(KeyboardInterrupt):
                mapped(stack, net, tmp_path / place / "map")
        assert not (tmp_path / place / "map" / "index.html").exists()
        out = mapped(stack, net, tmp_path / place / "map", "--resume")
        assert (out / "index.html").exists() and (out / "changes.gpkg").exists()
    whole = mapped(stack, net, tmp_path / "whole")
    names = [file.relative_to(whole) for file in (whole / "page").rglob("*") if file.is_file()]
    assert len(names) > 12
    for name in names:
        ours, theirs = ((folder / name).read_bytes() for folder in (out, whole))
        same_title = ours.replace(b'"title":"map"', b'"title":"whole"')
        assert same_title == theirs, name


def test_places_are_right_to_a_metre_over_a_whole_tile():
    grid = GeoBox((10980, 10980), Affine(10, 0, 600000, 0, -10, 7200000), "EPSG:32649")
    coarse, fine = lonlat_grid(grid, 33), lonlat_grid(grid, 65)
    apart = []
    for name in ("lon", "lat"):
        few, many = (np.array(g[name]).reshape(g["points"], -1) for g in (coarse, fine))
        middle = (few[:-1, :-1] + few[1:, :-1] + few[:-1, 1:] + few[1:, 1:]) / 4
        apart.append(np.abs(middle - many[1::2, 1::2]).max() * 111_000)
    assert max(apart) < 1


def test_the_second_class_and_the_years_are_those_of_the_network(tmp_path, monkeypatch):
    classes = np.zeros((14, 1, 2), int)
    classes[5:, 0, 1] = 3
    drawn_by_level(tmp_path, monkeypatch, classes, "--probabilities")
    assert raster_of(tmp_path / "out", "second")[0][0, 0].tolist() == [1, 1]
    found, raster = raster_of(tmp_path / "out", "probabilities")
    assert raster.descriptions[:2] == ("2019 water", "2019 woodland") and raster.count == 12
    in_2019 = [50 * 5 / 11 + 5 * 6 / 11, 5, 5, 50 * 6 / 11 + 5 * 5 / 11]
    shown = found[[0, 2, 3], 0, 1]
    assert shown == pytest.approx([in_2019[0], in_2019[2], in_2019[3]], abs=0.51)
    assert found[:6, 0, 0].tolist() == [50, 30, 5, 5, 5, 5]
    assert raster_of(tmp_path / "out", "change_confidence")[0][0, 0].tolist() == [255, 50]


def test_a_page_never_replaces_a_map(tmp_path, monkeypatch):
    drawn_by_level(tmp_path, monkeypatch, np.zeros((14, 5, 6), int))
    stack = write_folder(tmp_path / "other", values())
    words = [stack, "--stack-page", "--overwrite", "--out", tmp_path / "out"]
    with pytest.raises(InputError, match="holds a map"):
        map_script.main([str(word) for word in words])


def test_demo_leads_to_the_pixel_on_the_newest_page_of_its_stack(tmp_path, monkeypatch):
    net = save_network(tmp_path / "net.safetensors")
    stack = write_folder(tmp_path / "monthly", values())
    monkeypatch.chdir(tmp_path)
    assert link_to_page("monthly", (113.0, 28.0)) is None
    mapped(stack, net, tmp_path / "maps" / "mine")
    other = write_folder(tmp_path / "other", values(seed=1))
    mapped(other, net, tmp_path / "maps" / "another")
    page = (tmp_path / "maps" / "mine" / "index.html").as_uri()
    assert link_to_page("monthly", (113.0, 28.0)) == f"{page}#at=113.000000,28.000000&zoom=16"
