"""The page of assess.py in a real browser, opened from disk as by a double click."""

import csv
import shutil
import time

import numpy as np
import pytest
from assess_files import made_up_labels, write_map, write_stack

from assessing.design import design
from assessing.report import report
from utils.reference import read_reference

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and its driver")
if CHROMIUM:
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """A made-up area of which the page is made, one class of it with a name that is no HTML."""
    folder = tmp_path_factory.mktemp("page")
    labels = made_up_labels()
    made = write_map(folder / "map", labels, stack=write_stack(folder / "stack", labels))
    out, found = design(
        made, folder / "assess", points=20, minimum=3, more_classes=['<b>shrub</b>, "tall"']
    )
    return out, found, labels


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--window-size=1366,768"):
        options.add_argument(flag)
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def page(area, browser, tmp_path):
    """A browser that sees the page for the first time; `page.folder` gets its downloads."""
    browser.folder = tmp_path
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    browser.get((area[0] / "index.html").as_uri())
    browser.execute_script("localStorage.clear()")
    browser.refresh()
    press(browser, Keys.ESCAPE)  # the help, which opens at the first visit
    yield browser
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def press(driver, *keys):
    webdriver.ActionChains(driver).send_keys(*keys).perform()


def text(driver, name):
    return driver.find_element(By.ID, name).text


def point_shown(driver):
    return driver.find_element(By.ID, "number").get_attribute("value")


def click(driver, container, words):
    """Click the button of a container that bears these words."""
    buttons = driver.find_elements(By.CSS_SELECTOR, f"#{container} button")
    next(button for button in buttons if words in button.text).click()


def downloaded(driver):
    """The file that the page saved, once it is whole."""
    path = driver.folder / "reference.csv"
    WebDriverWait(driver, 10).until(lambda _: path.exists())
    time.sleep(0.2)
    return path


def interpret_by_clicks(driver, month):
    """Woodland, and from `month` on bare soil; sure."""
    click(driver, "classes", "woodland")
    driver.find_element(By.CSS_SELECTOR, f'.thumb[data-month="{month}"]').click()
    driver.find_element(By.ID, "change").click()
    click(driver, "classes", "bare soil")
    click(driver, "confidence", "sure")
    driver.find_element(By.ID, "next").click()


def interpret_by_keys(driver, month):
    """Cropland, and from `month` on impervious surface; unsure."""
    press(driver, "6", *[Keys.ARROW_RIGHT] * month, Keys.ENTER, "5", "d", "n")


def test_three_points_by_clicks_and_three_by_keys_are_saved_and_reported(area, page):
    out, found, _ = area
    for month in (4, 5, 6):
        interpret_by_clicks(page, month)
    for month in (1, 7, 13):
        interpret_by_keys(page, month)
    assert text(page, "progress") == "6 of 20 points done, 3 unsure"
    press(page, "i", 'ann, "the" forester', Keys.ENTER)
    control = webdriver.ActionChains(page).key_down(Keys.CONTROL)
    control.send_keys("s").key_up(Keys.CONTROL).perform()
    path = downloaded(page)
    read = read_reference(path, found.months, list(found.classes), found.points["id"])
    assert read.ids.tolist() == found.points["id"][:6] == ["1", "2", "3", "4", "5", "6"]
    assert read.interpreters == ('ann, "the" forester',)
    expected = np.array([[1] * m + [3] * (14 - m) for m in (4, 5, 6)])
    assert (read.labels[:3] == expected).all() and (read.confidence[:3] == "sure").all()
    expected = np.array([[5] * m + [4] * (14 - m) for m in (1, 7, 13)])
    assert (read.labels[3:] == expected).all() and (read.confidence[3:] == "unsure").all()
    assert "6 interpreted points of 20" in (report(out, path) / "report.md").read_text()


def test_nothing_is_lost_when_the_tab_crashes(area, page):
    interpret_by_keys(page, 5)
    press(page, "2", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)  # in the midst of point 2
    assert "no class yet" in text(page, "segments")
    address, crashing = page.current_url, page.current_window_handle
    page.switch_to.new_window("tab")
    another = page.current_window_handle
    page.switch_to.window(crashing)
    with pytest.raises(WebDriverException, match="crashed"):
        page.execute_cdp_cmd("Page.crash", {})
        page.find_element(By.ID, "progress")
    page.switch_to.window(another)
    page.get(address)
    assert text(page, "progress") == "1 of 20 points done, 1 unsure"
    assert point_shown(page) == "2"
    assert text(page, "segments").splitlines() == [
        "2019-02 to 2019-03: woodland",
        "2019-04 to 2020-03: no class yet",
    ]


def test_a_saved_file_is_taken_up_by_another_browser(area, page):
    for month in (4, 9):
        interpret_by_keys(page, month)
    click(page, "classes", "<b>shrub</b>")
    press(page, "s", "n", "c", "n")
    press(page, "i", "bo", Keys.ENTER)
    page.find_element(By.ID, "save").click()
    first = downloaded(page).read_text()
    page.execute_script("localStorage.clear()")
    page.refresh()
    press(page, Keys.ESCAPE)
    assert text(page, "progress") == "0 of 20 points done"
    page.find_element(By.ID, "file").send_keys(str(page.folder / "reference.csv"))
    WebDriverWait(page, 5).until(lambda _: "4 points were taken over" in text(page, "message"))
    (page.folder / "reference.csv").unlink()
    page.find_element(By.ID, "save").click()
    assert downloaded(page).read_text() == first
    with open(page.folder / "reference.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[4]["class"] == '<b>shrub</b>, "tall"' and rows[5]["confidence"] == "cannot tell"


def test_a_file_that_a_spreadsheet_saved_with_semicolons_is_taken_up(area, page):
    interpret_by_keys(page, 4)
    press(page, "i", "bo", Keys.ENTER)
    page.find_element(By.ID, "save").click()
    path = downloaded(page)
    path.write_text("\ufeff" + path.read_text().replace(",", ";"))
    press(page, "p", "u", "u", "u", "u")
    page.find_element(By.ID, "file").send_keys(str(path))
    WebDriverWait(page, 5).until(lambda _: "1 points were taken over" in text(page, "message"))
    assert text(page, "progress") == "1 of 20 points done, 1 unsure"


def test_any_point_and_the_unsure_ones_are_found_again(area, page):
    for month in (4, 5):
        interpret_by_keys(page, month)  # points 1 and 2, unsure
    interpret_by_clicks(page, 6)
    press(page, "g", "17", Keys.ENTER)
    assert point_shown(page) == "17" and page.switch_to.active_element.tag_name == "body"
    press(page, "k")
    assert point_shown(page) == "1"
    press(page, "k")
    assert point_shown(page) == "2"
    press(page, "g", "21", Keys.ENTER)
    assert "There is no point 21" in text(page, "message") and point_shown(page) == "2"
    press(page, "g", "9", Keys.ESCAPE)
    assert point_shown(page) == "2"


def test_two_tabs_of_one_page_do_not_write_over_each_others_work(area, page):
    first, address = page.current_window_handle, page.current_url
    interpret_by_keys(page, 4)
    page.switch_to.new_window("tab")
    page.get(address)
    interpret_by_keys(page, 5)  # point 2, in the second tab
    page.switch_to.window(first)
    WebDriverWait(page, 5).until(lambda _: text(page, "progress").startswith("2 of 20"))
    press(page, "n", "c")  # point 3, in the first tab, which went on to point 2
    page.refresh()
    assert text(page, "progress") == "3 of 20 points done, 2 unsure"


@pytest.mark.parametrize("height", [720, 600])
def test_a_small_laptop_shows_all_answers_without_scrolling(area, page, height):
    metrics = {"width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    press(page, "1", Keys.ARROW_RIGHT, Keys.ENTER, "2")
    judge = "const judge = document.getElementById('judge'); return "
    assert page.execute_script(judge + "judge.scrollHeight <= judge.clientHeight")
    inside = "return document.getElementById('next').getBoundingClientRect().bottom <= innerHeight"
    assert page.execute_script(inside)
    press(page, "?")
    script = "const help = document.getElementById('help'); return "
    assert page.execute_script(script + "help.scrollHeight <= help.clientHeight")
    press(page, Keys.ESCAPE)
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_file_of_another_design_is_refused_and_nothing_changes(area, page):
    interpret_by_keys(page, 4)
    path = page.folder / "other.csv"
    path.write_text(
        "id,interpreter,first_month,last_month,class,confidence\n"
        "1,a,2019-02,2020-03,woodland,sure\n77,a,2019-02,2020-03,woodland,sure\n"
    )
    page.find_element(By.ID, "file").send_keys(str(path))
    WebDriverWait(page, 5).until(lambda _: "Nothing was taken over" in text(page, "message"))
    assert "point 77 is not of this design" in text(page, "message")
    path.write_text(
        "id,interpreter,first_month,last_month,class,confidence,lon,lat\n"
        "1,a,2019-02,2020-03,woodland,sure,112.9,28.1\n"
    )
    page.find_element(By.ID, "file").send_keys(str(path))
    WebDriverWait(page, 5).until(lambda _: "point 1 lies elsewhere" in text(page, "message"))
    press(page, "p")
    assert "cropland" in text(page, "segments")


def test_every_action_can_be_undone_and_no_half_point_is_saved(area, page):
    press(page, "3", *[Keys.ARROW_RIGHT] * 3, Keys.ENTER)
    assert "no class yet" in text(page, "segments")
    press(page, "s", "n")
    assert "needs a class for every segment" in text(page, "message")
    assert text(page, "progress") == "0 of 20 points done"
    press(page, "u")
    assert text(page, "message") == "Undone: the last action at point 1."
    press(page, "u", "u", "u")
    assert point_shown(page) == "1"
    assert text(page, "segments") == "2019-02 to 2020-03: no class yet"
    page.find_element(By.ID, "save").click()
    assert "nothing to save" in text(page, "message")


def test_a_browser_whose_storage_is_full_says_so_and_loses_nothing_while_it_is_open(area, page):
    full = "Storage.prototype.setItem = () => { throw new Error('QuotaExceededError'); }"
    page.execute_script(full)
    press(page, "2", "d")
    assert "Not kept by this browser" in text(page, "filed")
    assert text(page, "progress") == "1 of 20 points done, 1 unsure"
    press(page, "n", "p")
    assert "woodland" in text(page, "segments")
