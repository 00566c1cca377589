"""The page of a map: what a user would meet if one of these broke is in the name.

The page is opened from its file in a real browser, Debian's Chromium without a window.
"""

import json
import shutil
import time
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from stack_files import CRS, GRID, save_network, values, write_folder

import map as map_script
from compositing import composite
from mapping.unfinished import link_to_page
from stacks.lonlat import lonlat_grid
from tests.conftest import ROOT
from tests.map_files import drawn_by_level
from utils.errors import InputError
from utils.legend import URBAN, Legend

WAIT = 60  # seconds that a page may take before a test fails


# ---------------------------------------------------------------- the browser


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium; the tests are skipped with a reason where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no chromium and chromedriver here (apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def open_page(browser, folder, fragment="", size=(1400, 900)):
    """Open the page of a map from its file, and wait until it shows a month."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(f"file://{quote(str(folder / 'index.html'))}{fragment}")
    wait_until(lambda: text(browser, "month"))


def wait_until(condition):
    until = time.monotonic() + WAIT
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.03)
    return found


def text(browser, name):
    return browser.find_element("id", name).text


def script(browser, code, *words):
    return browser.execute_script(code, *words)


def go_to(browser, fragment):
    script(browser, "location.hash = arguments[0]", fragment)


def colour_at(browser, column, row):
    """'#rrggbb' that the layer shown paints a pixel of the first tile with."""
    code = """
      const {tiles, layers, state} = page, tile = tiles.get(0, 0, 0);
      const picture = tiles.picture(tile, Math.random(), layers[state.layer].paint);
      const {data} = picture.getContext('2d').getImageData(arguments[0], arguments[1], 1, 1);
      return '#' + [...data].slice(0, 3).map(v => v.toString(16).padStart(2, '0')).join('');"""
    return script(browser, code, column, row)


def requests_beyond(browser, folder):
    """Addresses that the page asked for and that do not lie in its folder."""
    home = f"file://{quote(str(folder))}/"
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    assert any(url.startswith(home) for url in asked)
    fine = (home, "about:", "data:", "blob:")
    return [url for url in asked if not url.startswith(fine)]


# ---------------------------------------------------------------- made-up maps


def draw(stack, weights, out, *flags):
    words = (stack, "--weights", weights, "--out", out, *flags)
    map_script.main([str(word) for word in words])
    return out


@pytest.fixture(scope="module")
def real(tmp_path_factory, shared):
    """The map of the block that was cleared and built on."""
    folder = tmp_path_factory.mktemp("real")
    stack = shared / "changsha_development.tif"
    weights = ROOT / "model_data" / "urban.safetensors"
    return draw(stack, weights, folder / "map", "--first-month", "2019-02")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory, shared):
    """The map of the stack that composite.py makes of the real scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    stack, catalogue = folder / "fields.zarr", shared / "scenes" / "catalog.json"
    bbox = (3.0194, 50.8132, 3.0283, 50.8188)
    composite(stack, bbox=bbox, months="2017-08:2018-11", catalog=catalogue)
    return draw(stack, ROOT / "model_data" / "world.safetensors", folder / "map")


def pixels_of(out, name="labels"):
    with rasterio.open(out / f"{name}.tif") as raster:
        said = SimpleNamespace(
            descriptions=raster.descriptions,
            transform=raster.transform,
            crs=raster.crs,
            count=raster.count,
            tags=raster.tags(),
        )
        return raster.read(), said


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
    labels, raster = pixels_of(out)
    sure = pixels_of(out, "change_confidence")[0][0]
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
    labels, raster = pixels_of(real)
    names = ("last_change", "first_change", "from_to", "change_count", "labels")
    layers = dict(zip(names, ("last", "first", "kind", "count", "labels")))
    for name, layer in layers.items():
        found, of = pixels_of(real, name)
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
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    yellow = 0.29 * red + 0.71 * green
    return np.array([yellow, yellow, blue])


NASTY = "<img src=x onerror=document.title='hit'>"


def test_text_of_the_data_is_never_html(browser, tmp_path):
    names = (NASTY, "</script><script>document.title='hit'</script>", "grass & co", "a", "b", "c")
    net = save_network(tmp_path / "net.safetensors", legend=Legend(names, URBAN.colours))
    folder = tmp_path / "<b>carte d'été 100%25 #1"
    out = draw(write_folder(tmp_path / "monthly", values()), net, folder)
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


def test_no_page_where_none_is_asked_for(tmp_path):
    net = save_network(tmp_path / "net.safetensors")
    stack = write_folder(tmp_path / "monthly", values())
    out = draw(stack, net, tmp_path / "map", "--no-page")
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
                draw(stack, net, tmp_path / place / "map")
        assert not (tmp_path / place / "map" / "index.html").exists()
        out = draw(stack, net, tmp_path / place / "map", "--resume")
        assert (out / "index.html").exists() and (out / "changes.gpkg").exists()
    whole = draw(stack, net, tmp_path / "whole")
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


# ---------------------------------------------------------------- doubt


def test_the_second_class_and_the_years_are_those_of_the_network(tmp_path, monkeypatch):
    classes = np.zeros((14, 1, 2), int)
    classes[5:, 0, 1] = 3
    drawn_by_level(tmp_path, monkeypatch, classes, "--probabilities")
    assert pixels_of(tmp_path / "out", "second")[0][0, 0].tolist() == [1, 1]
    found, raster = pixels_of(tmp_path / "out", "probabilities")
    assert raster.descriptions[:2] == ("2019 water", "2019 woodland") and raster.count == 12
    in_2019 = [50 * 5 / 11 + 5 * 6 / 11, 5, 5, 50 * 6 / 11 + 5 * 5 / 11]
    shown = found[[0, 2, 3], 0, 1]
    assert shown == pytest.approx([in_2019[0], in_2019[2], in_2019[3]], abs=0.51)
    assert found[:6, 0, 0].tolist() == [50, 30, 5, 5, 5, 5]
    assert pixels_of(tmp_path / "out", "change_confidence")[0][0, 0].tolist() == [255, 50]


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
    draw(stack, net, tmp_path / "maps" / "mine")
    other = write_folder(tmp_path / "other", values(seed=1))
    draw(other, net, tmp_path / "maps" / "another")
    page = (tmp_path / "maps" / "mine" / "index.html").as_uri()
    assert link_to_page("monthly", (113.0, 28.0)) == f"{page}#at=113.000000,28.000000&zoom=16"
