"""The page of a stack alone: true colour and curves, to look at data before any network."""

import os
import shutil
from pathlib import Path

from tqdm import tqdm

from mapping.thinned import CURVES, create_store, open_store, save_shown, thin, thinning_of
from mapping.unfinished import FINISHED, PARTS, check_space
from mapping.webpage import data_of_stack, write_front, write_reflectances
from mapping.windows import window_size, windows_of
from stacks.source import MissingBands
from stacks.stack import open_stack
from utils.errors import InputError, note
from utils.files import claimed


def make_stack_page(
    stack,
    out=None,
    *,
    first_month=None,
    scale=None,
    offset="none",
    nodata=(),
    curves=CURVES,
    overwrite=False,
):
    """Write index.html of a stack into the folder `out`, default maps/NAME OF STACK-stack.

    Arguments as in `mapping.pipeline.make_map`. Returns the folder. Raises InputError.
    """
    name = Path(stack).resolve().stem
    out = Path(out or Path("maps") / f"{name}-stack")
    reading = {"first_month": first_month, "scale": scale, "nodata": nodata, "offset": offset}
    try:
        opened = open_stack(stack, **reading)
    except MissingBands as error:
        if not error.there:
            raise
        opened = open_stack(stack, bands=error.there, **reading)
    for text in opened.notes:
        note(text)
    with claimed(out):
        if (out / FINISHED).exists() or any((out / PARTS).glob("*.npy")):
            raise InputError(f"{out}: holds a map; expected another --out for the page of a stack")
        if (out / "index.html").exists() and not overwrite:
            raise InputError(f"{out}: holds a page (--overwrite starts over)")
        thinning = thinning_of(opened.geobox.shape, opened.bands, curves)
        work = out / PARTS
        shutil.rmtree(work, ignore_errors=True)  # of an earlier try
        shown = thinning.bytes(len(opened.months), len(opened.bands))
        check_space(out, 4e6 + 3 * shown)
        keep_reflectances(opened, thinning, work / "shown")
        folder = work / "finished"
        said = write_reflectances(open_store(work / "shown"), thinning, folder / "page")
        write_front(folder, data_of_stack(opened, out.name, said))
        move_page(folder, out)
        shutil.rmtree(work)
    print(f"{out}: look at index.html")
    return out


def keep_reflectances(stack, thinning, store):
    """Read the stack window by window and keep what the page shows of it."""
    create_store(store, len(stack.months), len(stack.bands), thinning)
    windows = windows_of(stack.geobox.shape, window_size(stack))
    for window in tqdm(windows, unit="window", desc="reading"):
        block = stack.read(*window.slices)
        save_shown(store, window, thinning, thin(block, window, thinning))


def move_page(folder, out):
    """Move index.html and the folder page into place."""
    try:
        shutil.rmtree(out / "page", ignore_errors=True)
        os.replace(folder / "page", out / "page")
        os.replace(folder / "index.html", out / "index.html")
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error})") from error
