"""A page opened from its file in a real browser, Debian's Chromium without a window."""

import json
import shutil
import time
from urllib.parse import quote

import pytest

WAIT = 60  # seconds that a page may take before a test fails


def open_browser():
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
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


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
