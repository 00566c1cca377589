"""Values and arrays as scripts that a page loads from its own folder."""

import base64
import json
import shutil
import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SHARED_FILES = ("base.js", "viewer.js", "charts.js", "base.css")
LEVEL = 6  # of deflate: 9 takes three times as long for a tenth less


def pack(array, level=LEVEL):
    """The bytes of an array of uint8, deflated, as base64 text; `tsscd.unpack` reads it.

    level: 1 for noise, which no level makes much smaller.
    """
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array), level)).decode("ascii")


def differences(labels):
    """Labels (T, ...) uint8, each month less the month before, modulo 256: almost only zeros."""
    changes = labels.copy()
    changes[1:] -= labels[:-1]
    return changes


def write_script(path, name, value):
    """Write a script that hands `value`, whatever JSON can hold, to the page under `name`.

    Text in it stays text: nothing is ever read as HTML.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # ASCII only, so that the script means the same in whatever encoding it is read.
    words = json.dumps(name), json.dumps(value, separators=(",", ":"), allow_nan=False)
    path.write_text(f"tsscd.arrived({words[0]},{words[1]});\n", encoding="ascii")


def copy_files(folder, files):
    """Copy the shared files, and `files` of a page of its own, into a folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for file in [*(HERE / name for name in SHARED_FILES), *files]:
        shutil.copyfile(file, Path(folder) / Path(file).name)
