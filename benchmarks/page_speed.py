"""How large the page of a map is, how long it takes to write, and how soon a browser shows it.

    python benchmarks/page_speed.py --side 2048            # pixels a side
    python benchmarks/page_speed.py --side 10980           # a Sentinel-2 tile; 25 GB of disk

Makes up the finished windows of a map, so that no network and no stack is needed: fields, each of
one class, some of which change for good, and single pixels that change and change back. Then it
draws up the map as map.py does. The share is that of the time of the whole map: labelling at --rate
pixels per second (benchmarks/map_speed.py measures it), and drawing up. Adds a row to
page_speed.csv beside this script.
"""

import csv
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mapping import finishing  # noqa: E402
from mapping.pipeline import Plan  # noqa: E402
from mapping.thinned import CURVES, create_store, save_shown, thin, thinning_of  # noqa: E402
from mapping.unfinished import save_part  # noqa: E402
from mapping.windows import windows_of  # noqa: E402
from utils.bands import BANDS  # noqa: E402
from utils.errors import InputError, run_main  # noqa: E402
from utils.flags import Parser, number, whole_number  # noqa: E402
from utils.legend import URBAN  # noqa: E402
from utils.workers import cores  # noqa: E402

COLUMNS = (
    "megapixels",
    "months",
    "cores",
    "page_mb",
    "files",
    "page_seconds",
    "drawing_seconds",
    "share_of_map",
    "events",
    "polygon_seconds",
    "peak_gb",
    "first_view_seconds",
    "click_seconds",
)
FIELD, WINDOW = 24, 256  # pixels a side
CHANGED, RESTLESS = 0.1, 0.01  # share of fields that change for good, of pixels that change briefly
CLICKS = 20


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument(
        "--side", type=whole_number(at_least=WINDOW), default=2048, help="pixels a side of the map"
    )
    parser.add_argument(
        "--months", type=whole_number(at_least=12, at_most=254), default=48, help="of the map"
    )
    parser.add_argument(
        "--rate",
        type=number(above=0),
        default=78_000,
        help="pixels per second that map.py labels on this machine",
    )
    parser.add_argument("--work", default=tempfile.gettempdir(), help="folder for the made-up map")
    parser.add_argument("--keep", help="folder in which the finished map is left to look at")
    return parser


def main():
    args = make_parser().parse_args()
    with tempfile.TemporaryDirectory(dir=args.work) as folder:
        out = Path(args.keep or folder) / "map"
        if out.exists():
            raise InputError(f"{out}: is there; expected another --keep")
        row = measure(out, args.side, args.months, args.rate)
    values = dict(zip(COLUMNS, row))
    print("  ".join(f"{name} {value}" for name, value in values.items()))
    with open(Path(__file__).with_suffix(".csv"), "a", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        if not file.tell():
            table.writerow(COLUMNS)
        table.writerow(row)


def measure(out, side, months, rate):
    """A row of the table."""
    stack = SimpleNamespace(
        path="made up",
        months=np.datetime64("2020-01") + np.arange(months),
        bands=BANDS,
        geobox=GeoBox((side, side), Affine(10, 0, 600_000, 0, -10, 3_200_000), "EPSG:32649"),
    )
    windows = windows_of((side, side), (WINDOW, WINDOW))
    page = thinning_of((side, side), BANDS, CURVES)
    settings = {"--filter": 1, "--mmu": 0.0}
    parts = out / ".parts"
    make_parts(parts, windows, months, page)
    clock = Clock()
    clock.watch("keep_tile", threads=True)
    for name in ("write_page", "write_changes"):
        clock.watch(name)
    start = time.perf_counter()
    plan = Plan(windows, settings, None, page)
    finishing.draw_up(out, parts, stack, plan, {"legend": URBAN}, "made up")
    drawing = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    files = [file for file in (out / "page").rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    written = clock.seconds["keep_tile"] / cores() + clock.seconds["write_page"]
    first, click = in_browser(out, side)
    return (
        round(side**2 / 1e6, 2),
        months,
        cores(),
        round(size, 1),
        len(files),
        round(written, 1),
        round(drawing, 1),
        round(written / (side**2 / rate + drawing), 3),
        count_events(out),
        round(clock.seconds["write_changes"], 1),
        round(peak, 2),
        first,
        click,
    )


class Clock:
    """Adds up the seconds that functions of mapping.finishing take."""

    def __init__(self):
        self.seconds = {}

    def watch(self, name, *, threads=False):
        """Measure a function; threads: the seconds of the processor, as it runs in several."""
        function, now = getattr(finishing, name), time.thread_time if threads else time.perf_counter
        self.seconds[name] = 0

        def timed(*words):
            start = now()
            result = function(*words)
            self.seconds[name] += now() - start
            return result

        setattr(finishing, name, timed)


def make_parts(parts, windows, months, page):
    """Finished windows and reflectances, as `mapping.pipeline.label_windows` leaves them."""
    create_store(parts / "shown", months, len(BANDS), page)
    for i, window in enumerate(windows):
        rng = np.random.default_rng(i)
        labels = made_up_labels(rng, window, months)
        shape = (window.height, window.width)
        layers = np.empty((2 * months + 4, *shape), np.uint8)
        layers[:months] = labels
        layers[months : 2 * months] = rng.integers(60, 100, (1, *shape))
        layers[2 * months] = 85  # confidence
        layers[2 * months + 1] = 0  # reason
        layers[2 * months + 2 :] = 1  # second class, unfamiliar
        save_part(parts, window, layers)
        level = 300 + 400 * labels[:, None].astype(np.int16)
        noise = rng.integers(0, 300, (months, 1, *shape), np.int16)
        block = np.broadcast_to(level + noise, (months, len(BANDS), *shape))
        save_shown(parts / "shown", window, page, thin(block, window, page))


def made_up_labels(rng, window, months):
    """Labels (T, y, x) uint8 of a window."""
    shape = -(-window.height // FIELD), -(-window.width // FIELD)  # fields down and across
    fields = np.repeat(rng.integers(0, 6, (1, *shape)), months, axis=0)
    changes = rng.random(shape) < CHANGED
    when = rng.integers(1, months, shape)
    after = np.arange(months)[:, None, None] >= when
    fields = np.where(changes & after, rng.integers(0, 6, shape), fields)
    labels = fields.repeat(FIELD, axis=1).repeat(FIELD, axis=2).astype(np.uint8)
    labels = labels[:, : window.height, : window.width].copy()
    rows, columns = np.nonzero(rng.random(labels.shape[1:]) < RESTLESS)
    at = rng.integers(0, months - 3, len(rows))
    for later in range(3):
        labels[at + later, rows, columns] = rng.integers(0, 6, len(rows))
    return labels


def count_events(out):
    """Number of polygons in changes.gpkg."""
    import pyogrio

    return pyogrio.read_info(out / "changes.gpkg", layer="changes")["features"]


def in_browser(out, side):
    """Seconds until the page is drawn, and of a click, the median; empty where there is no
    Chromium.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        return "", ""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_script_timeout(60)
    try:
        browser.get((out / "index.html").as_uri())
        first = browser.execute_async_script(FIRST_VIEW) / 1000
        rng = np.random.default_rng(0)
        clicks = []
        for _ in range(CLICKS):
            row, column = (int(value) for value in rng.integers(0, side, 2))
            clicks.append(browser.execute_async_script(CLICK, row, column) / 1000)
    finally:
        browser.quit()
    return round(first, 2), round(float(np.median(clicks)), 3)


# Milliseconds since the page was asked for, once every tile in view is drawn.
FIRST_VIEW = """
  const done = arguments[0];
  const look = () => {
    const known = window.page ? [...page.tiles.known.values()] : [];
    const ready = known.length && known.every(tile => tile.labels);
    if (ready) requestAnimationFrame(() => done(performance.now())); else setTimeout(look, 5);
  };
  look();
"""
# Milliseconds from a click until the words and the curves of the pixel are there.
CLICK = """
  const [row, column, done] = arguments, start = performance.now();
  page.pick(column, row).then(() => requestAnimationFrame(() => done(performance.now() - start)));
"""


if __name__ == "__main__":
    run_main(main)
