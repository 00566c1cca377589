"""How often the offset of processing baseline 04.00 is decided right, whatever the metadata say.

    python benchmarks/composite_offsets.py --scenes ../shared/data/scenes/catalog.json

Takes the real scenes, which hold no offset. Adds the 1000 to some, gives each scene metadata as
catalogues write them, and lets compositing/offsets.py decide. `alike`: all scenes of one kind.
`mixed`: kinds drawn by chance for each scene, the mean of 60 draws; kinds of one metadata are among
them, and nothing but the pixels can tell those apart. Writes composite_offsets.csv.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from compositing import offsets  # noqa: E402
from compositing.catalogues import open_catalogue  # noqa: E402
from compositing.deciding import decide_all  # noqa: E402
from compositing.grid import geobox_of_bbox, probe_geobox  # noqa: E402
from compositing.monthly import MASKED, clear_of  # noqa: E402
from compositing.plan import find_scenes  # noqa: E402
from compositing.reading import Reader  # noqa: E402
from utils.errors import run_main  # noqa: E402
from utils.files import write_csv  # noqa: E402
from utils.flags import Parser  # noqa: E402

BBOX = (3.0194, 50.8132, 3.0283, 50.8188)  # the real scenes
MONTHS = np.arange("2017-08", "2018-12", dtype="datetime64[M]")
DRAWS = 60
# name: baseline, catalogue's offset, flag of an applied offset, what the numbers hold
KINDS = {
    "old baseline": ("02.14", 0, None, 0),
    "new baseline alone": ("05.10", None, None, 1000),
    "new baseline, offset": ("05.10", -1000, None, 1000),
    "new baseline, offset, flag false": ("05.10", -1000, False, 1000),
    "taken off, flag true": ("05.10", -1000, True, 0),
    "taken off, offset still there": ("05.10", -1000, None, 0),
    "taken off, flag false": ("05.10", -1000, False, 0),
    "taken off, nothing said": ("05.10", None, None, 0),
    "not taken off, flag true": ("05.10", -1000, True, 1000),
    "no baseline, offset": ("", -1000, None, 1000),
    "no baseline, nothing said, 1000 in": ("", None, None, 1000),
    "no baseline, nothing said": ("", None, None, 0),
    "old baseline, 1000 in": ("02.14", 0, None, 1000),
    "old baseline alone, 1000 in": ("02.14", None, None, 1000),
}
MIXED = tuple(KINDS)[:7]
COLUMNS = ("what", "scenes", "wrong_scenes", "wrong_pixels_percent")


def glances(path):
    """The real scenes, and for each its judged bands (4, y, x), clear pixels and classes (y, x)."""
    catalogue, geobox = open_catalogue(path), geobox_of_bbox(BBOX)
    reader, grid = Reader(catalogue), probe_geobox(geobox)
    scenes = [one.scene for one in find_scenes(catalogue, geobox, MONTHS)]
    seen = {}
    for scene in scenes:
        bands = [reader.glance(scene, band, grid) for band in (*offsets.JUDGED, "SCL")]
        *numbers, classes = bands
        seen[scene.id] = np.stack(numbers), clear_of(classes, MASKED, 0), classes
    return scenes, seen


def wrong_decisions(scenes, seen, kinds):
    """Number of wrong scenes among those with clear pixels, and their share of the clear pixels."""
    dressed, looks = [], {}
    for scene, kind in zip(scenes, kinds):
        baseline, offset, flag, held = KINDS[kind]
        said = {"catalogue_offset": offset, "offset_applied": flag, "name_baseline": ""}
        dressed.append(replace(scene, baseline=baseline, **said))
        values, clear, classes = seen[scene.id]
        values = np.where(values > 0, values + held, 0)
        looks[scene.id] = offsets.look(values, clear, classes), offsets.surface_of(values, clear)
    decisions = decide_all(dressed, looks)
    number, share = 0, 0
    for scene, kind in zip(scenes, kinds):
        wrong = decisions[scene.id].offset != -KINDS[kind][3]
        clear = looks[scene.id][0].clear
        number += wrong and clear > 0
        share += wrong * clear
    return number, share / sum(pixels.clear for pixels, _ in looks.values())


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--scenes", required=True, metavar="FILE", help="catalogue of real scenes")
    parser.add_argument("--csv", default=str(Path(__file__).with_suffix(".csv")), help="result")
    return parser


def main():
    args = make_parser().parse_args()
    scenes, seen = glances(args.scenes)
    clear = sum(mask.any() for _, mask, _ in seen.values())
    rows = []
    for kind in KINDS:
        number, share = wrong_decisions(scenes, seen, [kind] * len(scenes))
        rows.append((f"alike: {kind}", clear, number, round(100 * share, 3)))
    rng, found = np.random.default_rng(0), []
    for _ in range(DRAWS):
        found.append(wrong_decisions(scenes, seen, rng.choice(MIXED, len(scenes))))
    number, share = np.mean(found, axis=0)
    rows.append(("mixed", clear, round(number, 2), round(100 * share, 3)))
    write_csv(args.csv, [COLUMNS, *rows])
    for row in (COLUMNS, *rows):
        print(*row, sep="\t")


if __name__ == "__main__":
    run_main(main)
