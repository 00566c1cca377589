"""design.json: all that the estimators need, kept apart from the map.

The map may be made again later, with other weights, and be assessed on the same points.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from utils.errors import InputError
from utils.files import written_whole
from utils.legend import Legend

DESIGN = "design.json"


@dataclass(frozen=True)
class Design:
    """n points in H strata of a map.

    key: tells designs apart; probability: False where the points are no probability sample;
    map, stack: where the points came from; months: the first, and how many; classes, colours;
    grid: {crs, transform, shape}; outside: hectares that no stratum covers; strata: one dict each,
    {code, name, pixels, hectares, points}; points: column -> list of n (id, row, column, lon, lat,
    stratum = position in strata, hectares = area of the pixel).
    """

    key: str
    probability: bool
    map: str
    stack: str
    first_month: str
    month_count: int
    classes: tuple
    colours: tuple
    grid: dict
    outside: float
    strata: list
    points: dict
    settings: dict

    @property
    def months(self):
        return np.datetime64(self.first_month, "M") + np.arange(self.month_count)

    @property
    def legend(self):
        return Legend(tuple(self.classes), tuple(self.colours))

    @property
    def geobox(self):
        grid = self.grid
        return GeoBox(tuple(grid["shape"]), Affine(*grid["transform"]), grid["crs"])

    def column(self, name):
        """A column of the points as an array."""
        return np.array(self.points[name])

    def of_strata(self, name):
        """A value of every stratum as an array."""
        return np.array([stratum[name] for stratum in self.strata])


def save_design(folder, design):
    """Write design.json."""
    with written_whole(Path(folder) / DESIGN) as part:
        part.write_text(json.dumps(asdict(design), indent=1), encoding="utf-8")


def load_design(folder):
    """Read design.json; raises InputError where a folder holds none, or a damaged one."""
    path = Path(folder) / DESIGN
    if not path.is_file():
        raise InputError(f"{folder}: holds no {DESIGN}; expected a folder of assess.py design")
    try:
        return Design(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); expected what design wrote") from error


def check_same_grid(design, chosen):
    """Raise InputError unless a map lies on the design's grid and covers its months and classes."""
    grid, header = design.geobox, chosen.header
    if tuple(grid.shape) != tuple(header.shape):
        found, expected = ("{1} x {0}".format(*shape) for shape in (header.shape, grid.shape))
        raise InputError(
            f"{chosen.folder}: found {found} pixels, expected {expected}: the grid of the design"
        )
    if grid.crs != chosen.geobox.crs:
        raise InputError(
            f"{chosen.folder}: found {header.crs.to_string()}, expected {grid.crs}: the design's"
        )
    corners = [(0, 0), (grid.shape[1], grid.shape[0])]
    shifts = [~grid.transform @ (header.transform @ corner) for corner in corners]
    apart = np.abs(np.array(shifts) - corners).max()
    if apart > 0.01:
        raise InputError(
            f"{chosen.folder}: lies {apart:.3g} pixels beside the grid of the design; "
            "expected the same grid"
        )
    if chosen.months[0] > design.months[0] or chosen.months[-1] < design.months[-1]:
        raise InputError(
            f"{chosen.folder}: covers {chosen.months[0]} to {chosen.months[-1]}, expected at least "
            f"{design.months[0]} to {design.months[-1]}"
        )
    unknown = [name for name in chosen.legend.names if name not in design.classes]
    if unknown:
        raise InputError(
            f"{chosen.folder}: class '{unknown[0]}' is not in the design; expected "
            f"{', '.join(design.classes)}"
        )
