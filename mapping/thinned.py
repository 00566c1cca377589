"""The reflectances that a map's page shows: true colour and the curves of single pixels.

A page cannot read the stack, because a browser lets no file read another. So the page brings what
it shows. A whole Sentinel-2 tile would be 100 GB. So the page holds every n-th pixel of every n-th
row. The number n is the smallest that keeps the page under a number of pixels. It is 1 for small
areas. The pixels are kept in files of the work folder while the map is made.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.bands import NO_OBSERVATION
from utils.files import written_whole

COLOUR_PIXELS = 2**21  # of true colour in a page
CURVES = 2**17  # pixels whose curves are in a page
TRUE_COLOUR = ("B4", "B3", "B2")


@dataclass(frozen=True)
class Thinning:
    """Which pixels a page shows: every `colour`-th of true colour, every `curves`-th of curves.

    red_green_blue: positions of these bands, empty where the stack lacks one; shape: of the area.
    """

    colour: int
    curves: int
    red_green_blue: tuple
    shape: tuple

    def bytes(self, months, bands):
        """Bytes of the reflectances that are kept."""
        pixels = [np.prod(thinned_shape(self, step)) for step in (self.colour, self.curves)]
        return 2.0 * months * (3 * pixels[0] + bands * pixels[1])


class Shown(NamedTuple):
    """Reflectances of a window or of the area: colour (T, 3, y, x), curves (T, C, y, x), int16."""

    colour: np.ndarray
    curves: np.ndarray


def thinning_of(shape, bands, curve_pixels):
    """The Thinning of an area of `shape` (rows, columns) whose page holds so many curves."""
    known = [bands.index(band) for band in TRUE_COLOUR if band in bands]
    red_green_blue = tuple(known) if len(known) == 3 else ()
    pixels = float(np.prod(shape))
    colour = int(np.ceil((pixels / COLOUR_PIXELS) ** 0.5))
    curves = int(np.ceil((pixels / max(1, curve_pixels)) ** 0.5))
    return Thinning(max(1, colour), max(1, curves), red_green_blue, tuple(shape))


def thin(block, window, thinning):
    """What a page shows of a window: Shown of reflectance (T, C, y, x)."""
    rows, columns = picked(window, thinning.colour)
    colour = block[:, thinning.red_green_blue, rows, columns]
    rows, columns = picked(window, thinning.curves)
    return Shown(colour.copy(), block[:, :, rows, columns].copy())


def picked(window, step):
    """Slices of the rows and columns of a window that every `step`-th pixel of the area takes."""
    rows = slice(-window.top % step, None, step)
    columns = slice(-window.left % step, None, step)
    return rows, columns


def create_store(folder, months, bands, thinning):
    """Make the two files of the area's reflectances in `folder`, unless they are there already."""
    shapes = {
        "colour": (months, len(thinning.red_green_blue), *thinned_shape(thinning, thinning.colour)),
        "curves": (months, bands, *thinned_shape(thinning, thinning.curves)),
    }
    for name, shape in shapes.items():
        file = Path(folder) / f"{name}.npy"
        if not file.exists():
            with written_whole(file) as part:
                np.lib.format.open_memmap(part, "w+", np.int16, shape).flush()


def thinned_shape(thinning, step):
    """Rows and columns that are left of the area."""
    return tuple(-(-size // step) for size in thinning.shape)


def save_shown(folder, window, thinning, shown):
    """Keep the reflectances of a finished window in the files of the area."""
    steps = (thinning.colour, thinning.curves)
    for name, step, values in zip(Shown._fields, steps, shown):
        if not values.size:
            continue
        whole = np.lib.format.open_memmap(Path(folder) / f"{name}.npy", "r+")
        top = -(-window.top // step)
        left = -(-window.left // step)
        height, width = values.shape[2:]
        # Not flushed: the kernel keeps what a killed process wrote, and to wait for the disk at
        # every window costs more than the rest of the page.
        whole[:, :, top : top + height, left : left + width] = values


def open_store(folder):
    """Shown of the whole area, read from disk where it is looked at."""
    folder = Path(folder)
    files = [folder / f"{name}.npy" for name in Shown._fields]
    return Shown(*(np.load(file, mmap_mode="r") for file in files))


def observed(values):
    """Where reflectances (..., T, C, y, x) hold an observation in every band: (..., T, y, x)."""
    return values.min(axis=-3) > NO_OBSERVATION
