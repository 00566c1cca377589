"""The work folder of a map, OUT/.parts: one file a finished window, so that an interrupted map can
go on.

`settings.json` says what decides the pixels: stack, weights, flags. Parts are never mixed with
those of other settings.
"""

import hashlib
import json
import os
import shutil
from bisect import bisect_left, bisect_right
from contextlib import suppress
from pathlib import Path

import numpy as np

from utils.errors import InputError
from utils.files import written_whole

FINISHED = "config.json"  # in OUT: the map is whole, and these were its settings
PARTS, SETTINGS = ".parts", "settings.json"  # the work folder in OUT, and a file in it


def fingerprint(path):
    """SHA-256 over names, sizes and times of change of a stack's files: another stack under this
    name shows.
    """
    path = Path(path)
    inside = path.rglob("*") if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in sorted(file for file in inside if file.is_file()):
        state = file.stat()
        line = f"{file.relative_to(path)} {state.st_size} {state.st_mtime_ns}\n"
        digest.update(line.encode())
    return digest.hexdigest()


def begin(out, settings, *, resume, overwrite):
    """Prepare the work folder; returns it, or None if this very map is finished already.

    Raises InputError where it would mix two maps, or throw away work that nobody said may go.
    """
    out, parts = Path(out), Path(out) / PARTS
    unfinished, finished = parts / SETTINGS, out / FINISHED
    old = unfinished if any(parts.glob("*.npy")) else finished if finished.is_file() else None
    if old and not overwrite:
        if not resume:
            raise InputError(f"{out}: holds {what_is_there(old == unfinished)}")
        check_settings(out, json.loads(old.read_text(encoding="utf-8")), settings)
        if old == finished:
            return None
    try:
        if overwrite:
            shutil.rmtree(parts, ignore_errors=True)
            finished.unlink(missing_ok=True)
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error})") from error
    for leftover in parts.rglob(".*.part.*"):  # of a process that was killed while writing
        leftover.unlink()
    write_settings(unfinished, settings)
    return parts


def what_is_there(unfinished):
    """What a folder holds, and the flags that say what to do with it."""
    if unfinished:
        return "an unfinished map (--resume goes on with it; --overwrite starts over)"
    return "a map (--overwrite starts over)"


def write_settings(path, settings):
    """Write the settings of a map as JSON."""
    with written_whole(path) as file:
        file.write_text(json.dumps(settings, indent=1), encoding="utf-8")


def begun_with(out, key):
    """What a map that is in `out` already, finished or not, was begun with; None if there is none
    that can be read.
    """
    for file in (Path(out) / PARTS / SETTINGS, Path(out) / FINISHED):
        with suppress(OSError, ValueError):
            return json.loads(file.read_text(encoding="utf-8")).get(key)
    return None


def check_settings(out, old, new):
    """Raise InputError if the map in `out` was begun with other settings."""
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise InputError(
                f"{out}: begun with {key} {short(old.get(key))}, now {short(new.get(key))}; "
                "expected the same to go on (--overwrite starts over)"
            )


def short(value):
    """A setting as it fits into a line."""
    text = str(value)
    return text if len(text) <= 40 else text[:12] + "..."


def check_space(out, needed):
    """Raise InputError if the disk of `out` has less than `needed` bytes left."""
    folder = Path(out).resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{out}: {free / 1e6:,.0f} MB free on its disk, "
            f"expected at least {needed / 1e6:,.0f} MB"
        )


def part_path(parts, window):
    """File of a finished window."""
    return Path(parts) / f"{window.name}.npy"


def save_part(parts, window, layers):
    """Keep the layers (L, y, x) of a window; the file has its name only when it is whole."""
    with written_whole(part_path(parts, window)) as file, open(file, "wb") as stream:
        np.save(stream, layers)


def load_area(parts, windows, window, *, halo):
    """Layers (L, y, x) of a window and of `halo` pixels around it, as far as the stack goes.

    windows: top -> left -> Window, all of the stack; window: any rows and columns of it. Returns
    the layers, and the row and column at which the window begins in them. Raises InputError for a
    damaged part.
    """
    rows, columns = window.slices
    rows = slice(max(0, rows.start - halo), rows.stop + halo)
    columns = slice(max(0, columns.start - halo), columns.stop + halo)
    lines = []
    for top in covering(sorted(windows), rows.start, rows.stop):
        starts = covering(sorted(windows[top]), columns.start, columns.stop)
        pieces = [load_piece(parts, windows[top][left], rows, columns) for left in starts]
        lines.append(np.concatenate(pieces, axis=2))
    begins = window.top - rows.start, window.left - columns.start
    return np.concatenate(lines, axis=1), begins


def covering(starts, start, stop):
    """Those of the sorted starts of windows that may reach into start .. stop."""
    return starts[max(0, bisect_right(starts, start) - 1) : bisect_left(starts, stop)]


def load_piece(parts, window, rows, columns):
    """What a finished window holds of these rows and columns: (L, y, x)."""
    path = part_path(parts, window)
    try:
        layers = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); remove it and add --resume to compute it again"
        ) from error
    inside = [
        slice(max(0, s.start - start), s.stop - start)
        for s, start in ((rows, window.top), (columns, window.left))
    ]
    return layers[:, *inside]


def publish(folder, out, settings):
    """Move what is finished from `folder` into `out`, then say that the map is whole and remove
    the work folder.
    """
    out = Path(out)
    try:
        for entry in sorted(Path(folder).iterdir()):
            if entry.is_dir():  # the page's: no folder replaces one that holds files
                shutil.rmtree(out / entry.name, ignore_errors=True)
            os.replace(entry, out / entry.name)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error})") from error
    write_settings(out / FINISHED, settings)
    shutil.rmtree(out / PARTS)


def link_to_page(stack, lonlat, maps="maps"):
    """Address of the newest page among the maps of a stack, opened at (longitude, latitude).

    maps: folder of maps, as map.py names them. None where no map of this stack has a page.
    """
    wanted = str(Path(stack).resolve())
    pages = []
    for page in Path(maps).glob("*/index.html"):
        if begun_with(page.parent, "stack") == wanted:
            pages.append((page.stat().st_mtime, page))
    if not pages:
        return None
    at = ",".join(f"{value:.6f}" for value in lonlat)
    return f"{max(pages)[1].resolve().as_uri()}#at={at}&zoom=16"
