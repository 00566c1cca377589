"""The page of a map in a browser: what a user would meet if one of these broke is in the name."""

import shutil

import numpy as np
import pytest
import rasterio

import map as map_script
from compositing import composite
from tests.conftest import ROOT
from tests.map_files import mapped, raster_of
from tests.page_browser import (
    colour_at,
    go_to,
    open_browser,
    open_page,
    requests_beyond,
    script,
    text,
    wait_until,
)
from tests.stack_files import CRS, GRID, save_network, values, write_folder
from utils.errors import InputError
from utils.legend import URBAN, Legend, rgb


@pytest.fixture(scope="module")
def browser():
    opened = open_browser()
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def real(tmp_path_factory, shared):
    """The map of the block that was cleared and built on."""
    folder = tmp_path_factory.mktemp("real")
    stack = shared / "changsha_development.tif"
    weights = ROOT / "model_data" / "urban.safetensors"
    return mapped(stack, weights, folder / "map", "--first-month", "2019-02")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory, shared):
    """The map of the stack that composite.py makes of the real scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    stack, catalogue = folder / "fields.zarr", shared / "scenes" / "catalog.json"
    bbox = (3.0194, 50.8132, 3.0283, 50.8188)
    composite(stack, bbox=bbox, months="2017-08:2018-11", catalog=catalogue)
    return mapped(stack, ROOT / "model_data" / "world.safetensors", folder / "map")


def words_of_pixel(labels, months, names):
    """The words by which the page says a labelled pixel: the class of each run of months."""
    lines = [f"{months[0]} {names[labels[0]]}"]
    for month in range(1, len(months)):
        if labels[month] != labels[month - 1]:
            before, after = names[labels[month - 1]], names[labels[month]]
            lines.append(f"{months[month]} {before} \N{RIGHTWARDS ARROW} {after}")
    return lines


@pytest.mark.parametrize(("which", "count"), [("real", 200), ("scenes", 200), ("large", 40)])
def test_what_the_page_says_of_a_pixel_is_what_the_rasters_say(browser, request, which, count):
    out = request.getfixturevalue(which)
    labels, raster = raster_of(out)
    sure = raster_of(out, "change_confidence")[0][0]
    months, names = raster.descriptions, URBAN.names
    rng = np.random.default_rng(0)
    to_lonlat = rasterio.warp.transform
    open_page(browser, out)
    for _ in range(count):
        row, column = (int(rng.integers(size)) for size in labels.shape[1:])
        month = int(rng.integers(len(months)))
        x, y = raster.transform @ (column + 0.5, row + 0.5)
        (lon,), (lat,) = to_lonlat(raster.crs, "EPSG:4326", [x], [y])
        go_to(browser, f"month={months[month]}&layer=labels&at={lon:.7f},{lat:.7f}&zoom=4")
        where = f"row {row + 1}, column {column + 1};"
        said = wait_until(lambda where=where: where in (t := text(browser, "pixel")) and t)
        assert text(browser, "month") == months[month]
        series = labels[:, row, column]
        if series[0] == 255:
            assert said.startswith("No label")
            continue
        lines = said.splitlines()
        assert lines[0] == f"{months[month]}: {names[series[month]]}"
        expected = words_of_pixel(series, months, names)
        assert [line for line, want in zip(lines[1:], expected) if not line.startswith(want)] == []
        assert lines[1 + len(expected)].startswith(
            "No change" if len(expected) == 1 else f"{len(expected) - 1} change"
        )
        if len(expected) > 1:
            assert f", {sure[row, column]} % (until" in lines[len(expected)]
    assert browser.get_log("browser") == [] and requests_beyond(browser, out) == []


def test_each_layer_shows_the_colours_of_its_raster(browser, real):
    labels, raster = raster_of(real)
    names = ("last_change", "first_change", "from_to", "change_count", "labels")
    layers = dict(zip(names, ("last", "first", "kind", "count", "labels")))
    for name, layer in layers.items():
        found, of = raster_of(real, name)
        open_page(browser, real, f"#layer={layer}")
        wait_until(lambda: script(browser, "return page.tiles.held > 0"))
        for row, column in ((13, 18), (5, 12), (14, 14), (20, 20)):
            value = found[-1, row, column]
            wanted = of.tags[f"colour_{value}"]
            if name == "change_count":
                value = min(value, 6)
                wanted = of.tags[f"colour_{value}"]
            assert colour_at(browser, column, row) == wanted, (name, row, column)


def test_slider_keys_and_play_move_the_month(browser, real):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    open_page(browser, real, "#month=2021-08&layer=labels")
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.ARROW_LEFT)
    assert text(browser, "month") == "2021-07"
    browser.find_element("id", "slider").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert text(browser, "month") == "2021-09"
    browser.find_element("id", "play").click()
    wait_until(lambda: text(browser, "month") == "2021-11")
    browser.find_element("id", "play").click()
    wait_until(lambda: "month=2021-1" in browser.current_url)


def test_hectares_of_the_legend_are_those_of_the_summary(browser, real):
    rows = [line.split(",") for line in (real / "summary.csv").read_text().splitlines()]
    open_page(browser, real, "#month=2021-08&layer=labels")
    legend = text(browser, "legend").splitlines()
    for kind, month, name, _, _, _, area in rows:
        if kind == "class" and month == "2021-08" and name != "no label":
            shown = float(legend[legend.index(name) + 1].removesuffix(" ha"))
            assert shown == pytest.approx(float(area), rel=0.005, abs=1e-4)


def test_the_map_is_usable_by_mouse_touch_and_keys_alone(browser, large):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    open_page(browser, large)
    canvas = browser.find_element("id", "map")
    before = script(browser, "return [page.viewer.column, page.viewer.zoom]")
    ActionChains(browser).drag_and_drop_by_offset(canvas, 120, 0).perform()
    after = script(browser, "return [page.viewer.column, page.viewer.zoom]")
    assert after[0] == pytest.approx(before[0] - 120 / before[1], abs=3 / before[1])
    assert text(browser, "pixel").startswith("Click"), "a drag is no click"
    ActionChains(browser).move_to_element(canvas).click().perform()
    wait_until(lambda: "row " in text(browser, "pixel"))
    canvas.send_keys("+")
    assert script(browser, "return page.viewer.zoom") > after[1]
    canvas.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    row, column = script(
        browser, "return [Math.floor(page.viewer.row), Math.floor(page.viewer.column)]"
    )
    wait_until(lambda: f"row {row + 1}, column {column + 1};" in text(browser, "pixel"))
    zoom = script(browser, "return page.viewer.zoom")
    pinch = {"x": 400, "y": 400, "scaleFactor": 2.0, "gestureSourceType": "touch"}
    browser.execute_cdp_cmd("Input.synthesizePinchGesture", pinch)
    assert script(browser, "return page.viewer.zoom") > 1.3 * zoom


def test_every_control_has_a_name_for_screen_readers(browser, real):
    open_page(browser, real, "#at=112.91388,28.10078")
    wait_until(lambda: not script(browser, "return document.getElementById('curves').hidden"))
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = ("button", "slider", "combobox", "checkbox", "application", "image", "link")
    nameless = [
        node["role"]["value"]
        for node in tree
        if not node.get("ignored")
        and node["role"]["value"] in told
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []


def test_the_second_palette_is_told_apart_by_colour_blind_eyes(browser, real):
    open_page(browser, real, "#month=2024-05&layer=labels")
    browser.find_element("id", "palette").click()
    colours = script(browser, "return page.colours()")
    assert len(set(colours)) == 6 and colours != list(URBAN.colours)
    apart = [
        np.linalg.norm(seen_without_red_and_green(a) - seen_without_red_and_green(b))
        for i, a in enumerate(colours)
        for b in colours[:i]
    ]
    assert min(apart) > 40  # of 255, in the colours that are left


def seen_without_red_and_green(colour):
    """What is left of a colour to eyes without green receptors (Viénot et al. 1999)."""
    red, green, blue = rgb(colour)
    yellow = 0.29 * red + 0.71 * green
    return np.array([yellow, yellow, blue])


NASTY = "<img src=x onerror=document.title='hit'>"


def test_text_of_the_data_is_never_html(browser, tmp_path):
    names = (NASTY, "</script><script>document.title='hit'</script>", "grass & co", "a", "b", "c")
    net = save_network(tmp_path / "net.safetensors", legend=Legend(names, URBAN.colours))
    folder = tmp_path / "<b>carte d'été 100%25 #1"
    out = mapped(write_folder(tmp_path / "monthly", values()), net, folder)
    open_page(browser, out, "#layer=labels")
    assert NASTY in text(browser, "legend") and names[1] in text(browser, "transitions")
    x, y = GRID @ (10.5, 10.5)
    (lon,), (lat,) = rasterio.warp.transform(CRS, "EPSG:4326", [x], [y])
    go_to(browser, f"at={lon},{lat}")
    wait_until(lambda: "row 11, column 11;" in text(browser, "pixel"))
    assert text(browser, "title") == folder.name
    assert not script(browser, "return document.querySelectorAll('img').length")
    assert script(browser, "return document.title") == f"{folder.name}: land cover change"
    assert browser.get_log("browser") == [] and requests_beyond(browser, out) == []


def test_a_folder_that_lost_a_tile_says_so(browser, tmp_path, large):
    shutil.copytree(large, tmp_path / "map")
    (tmp_path / "map" / "page" / "tiles" / "0" / "0_0.js").unlink()
    open_page(browser, tmp_path / "map", "#layer=labels&zoom=4")
    script(browser, "page.pick(3, 3)")
    wait_until(lambda: "is the folder whole?" in text(browser, "pixel"))


def test_a_stack_alone_has_a_page_of_true_colour_and_curves(browser, tmp_path, shared):
    stack = shared / "changsha_stable.tif"
    words = [stack, "--first-month", "2019-02", "--stack-page", "--out", tmp_path / "stack"]
    map_script.main([str(word) for word in words])
    assert sorted(file.name for file in (tmp_path / "stack").iterdir() if file.name[0] != ".") == [
        "index.html",
        "page",
    ]
    with pytest.raises(InputError, match="holds a page"):
        map_script.main([str(word) for word in words])
    open_page(browser, tmp_path / "stack", "#month=2022-05&at=112.985,28.0243")
    curves = wait_until(
        lambda: script(browser, "return page.state.at && page.state.at.curves && page.state.at")
    )
    with rasterio.open(stack) as raster:
        row, column = raster.index(112.985, 28.0243)
        assert (curves["row"], curves["column"]) == (row, column)
        true = raster.read(window=((row, row + 1), (column, column + 1))).reshape(64, 10).T
    shown = np.array(curves["curves"]["values"], float)
    seen = (true < 32767).all(axis=0) & (true != 0).any(axis=0)
    assert np.isnan(shown[:, ~seen]).all()
    span = np.ptp(true[:, seen])
    assert np.abs(shown - true)[:, seen].max() <= span / 254
    assert browser.get_log("browser") == [] and requests_beyond(browser, tmp_path / "stack") == []
