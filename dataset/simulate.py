"""Make the simulated samples, dataset/urban.npz, from radiative transfer. See dataset/README.md.

    python dataset/simulate.py                       # the set that ships: 12,000 series, seed 0
    python dataset/simulate.py --series 1000 --seed 7 --out mine.npz             # another set
    python dataset/simulate.py --region world --series 13800 --out world.npz     # all climates
    python dataset/simulate.py --figures img         # figures of the card, from the set in --out

Needs dataset/requirements.txt. The same --series and --seed give the same bytes for any number of
--processes. The climates of the world are described in dataset/world.md.
"""

import importlib.util
import multiprocessing
import sys
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dataset import canopy, change, climate, sensor, surfaces, vegetation, water, world, worldcover
from dataset.pixels import Pixels
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser, whole_number

MISSING = NO_OBSERVATION
# Share of snow that shows, by class: crowns hide it, streets are swept.
SNOW_HOLD = np.array([0.3, 0.45, 1, 1, 0.6, 1])
SITE_SIZE = 150  # series a site: 12,000 are 80 sites
WORLD_SITE_SIZE = 60  # the same of the world: more places, as there are more kinds of land


def covers(each):
    """Each pixel as it would look if one class covered it throughout, (n, T, 6, 10), in the order
    of CLASSES.
    """
    tables = {kind: canopy.grow(each.rng, kind) for kind in canopy.TYPES}
    topsoil = surfaces.soil(each, bright=(0.35, 0.85), rough=(0.1, 0.5))
    # Subsoil is dug up: less humus, brighter.
    subsoil = surfaces.soil(each, bright=(0.50, 1.15), rough=(0.0, 0.4))
    grass = vegetation.grassland(each, tables, topsoil)
    wood = vegetation.woodland(each, tables, topsoil)
    lake = water.water(each, topsoil)
    crops = vegetation.cropland(each, tables, topsoil, lake)
    street_green = np.where(each.chance(0.5)[..., None], wood, grass)
    lake = water.water_year(each, lake, topsoil * 0.7, grass)
    bare = surfaces.bare(each, subsoil, grass)
    built = surfaces.impervious(each, street_green)
    return np.stack([lake, wood, grass, bare, built, crops], axis=2)


def flood(each):
    """Share of the pixel under water for a month or two: no change. (n, T), only in wet months of
    low fields.
    """
    low_lying = each.some_uniform(0.15, 0.3, 0.8)
    return each.runs(chance=0.02, longest=2) * (each.site.wetness > 0.6) * low_lying


def draw_pixels(rng, number, region):
    """The pixels of a site, and what each looks like under each class (n, T, 6, 10)."""
    if region == "world":
        each = Pixels(rng, world.make_site(rng, number), WORLD_SITE_SIZE)
        return each, worldcover.covers(each)
    each = Pixels(rng, climate.make_site(rng, number), SITE_SIZE)
    return each, covers(each)


def simulate_site(seed, number, region="china"):
    """One site: counts (SITE_SIZE, 10, T) int16, labels (SITE_SIZE, T) int8, lonlat (SITE_SIZE, 2),
    the site's name.
    """
    rng = np.random.default_rng([seed, number])
    each, pure = draw_pixels(rng, number, region)
    site, n = each.site, each.n
    labels, shares = change.histories(rng, n)
    drowned = flood(each) * (shares[..., 0] < 0.5)
    shares *= (1 - drowned)[..., None]
    shares[..., 0] += drowned
    own = np.einsum("ntc,ntcb->ntb", shares, pure)
    beside = rng.choice(6, size=n, p=change.START)  # the class across the edge
    neighbour = np.take_along_axis(pure, beside[:, None, None, None], 2)[:, :, 0]
    at_edge = each.chance(0.6)
    edge = np.where(at_edge, each.beta(1, 3) * 0.40, 0)
    own = sensor.snowfall(each, own, shares @ SNOW_HOLD)
    neighbour = sensor.snowfall(each, neighbour, SNOW_HOLD[beside][:, None])
    reflectance = sensor.observe(each, own, neighbour, edge)
    counts = sensor.offset(rng, np.round(reflectance * 1e4))
    counts = np.clip(counts, 1, 16000)
    x = np.where(np.isnan(counts), MISSING, counts).astype(np.int16)
    lonlat = [site.lon, site.lat] + rng.uniform(-0.02, 0.02, (n, 2))
    return x.transpose(0, 2, 1), labels, np.round(lonlat, 5), site.name


def simulate(series, seed=0, processes=1, region="china"):
    """Simulate a set of samples: the arrays of the .npz, as a dict."""
    size = WORLD_SITE_SIZE if region == "world" else SITE_SIZE
    numbers = range(-(-series // size))
    work = partial(simulate_site, seed, region=region)
    several = processes > 1
    with multiprocessing.get_context("spawn").Pool(processes) if several else _Here() as pool:
        sites = pool.imap(work, numbers)
        done = list(tqdm(sites, total=len(numbers), unit="site", desc="simulating"))
    x, y, lonlat, names = zip(*done, strict=True)
    return {
        "x": np.concatenate(x)[:series],
        "y": np.concatenate(y)[:series],
        "lonlat": np.concatenate(lonlat)[:series],
        "first_month": np.full(series, str(climate.FIRST_MONTH)),
        "site": np.repeat(names, size)[:series],
        "bands": np.array(BANDS),
        "classes": np.array(change.CLASSES),
    }


class _Here:
    """A pool of no process but this one."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    imap = staticmethod(map)


def make_parser():
    """Return the command line."""
    parser = Parser(__doc__)
    data = parser.add_argument_group("what to make").add_argument
    data("--series", type=whole_number(1), default=12000, help="number of series, 150 a site")
    data(
        "--region",
        choices=("china", "world"),
        default="china",
        help="where the sites lie: eastern China, or the climates of dataset/world.py",
    )
    data("--seed", type=whole_number(0), default=0, help="seed of the random numbers")
    data("--out", type=Path, default=Path("dataset/urban.npz"), help="file to write (.npz)")
    how = parser.add_argument_group("how").add_argument
    how(
        "--processes",
        type=whole_number(1),
        default=2,
        help="number of processes; the result is the same for any",
    )
    how(
        "--figures",
        type=Path,
        metavar="FOLDER",
        help="make no data, draw the figures of --out here",
    )
    return parser


def arguments(argv=None):
    """Read the command line; raises InputError for a file that cannot be written."""
    args = make_parser().parse_args(argv)
    if args.out.suffix != ".npz":
        raise InputError(f"--out {args.out}: expected a name that ends in .npz")
    if not args.out.parent.is_dir():
        raise InputError(f"--out {args.out}: the folder {args.out.parent} does not exist")
    return args


def main(argv=None):
    args = arguments(argv)
    if args.figures:
        from dataset import figures

        return figures.draw(args.out, args.figures)
    needed = ("prosail", "pyrsr", "earthlib")[: 3 if args.region == "world" else 2]
    lacking = [name for name in needed if importlib.util.find_spec(name) is None]
    if lacking:
        raise InputError(
            f"{' and '.join(lacking)} not installed; "
            "expected: pip install -r dataset/requirements.txt"
        )
    arrays = simulate(args.series, args.seed, args.processes, args.region)
    with written_whole(args.out) as path, open(path, "wb") as file:
        np.savez_compressed(file, **arrays)
    changed = (arrays["y"][:, 1:] != arrays["y"][:, :-1]).any(1).mean()
    sites = len(set(arrays["site"]))
    missing = (arrays["x"] == MISSING).mean()
    megabytes = args.out.stat().st_size / 1e6
    print(
        f"{args.out}: {args.series} series of {sites} sites, {changed:.0%} change, "
        f"{missing:.1%} of the months are missing, {megabytes:.1f} MB"
    )


if __name__ == "__main__":
    run_main(main)
