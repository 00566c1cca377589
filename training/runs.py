"""The folder of a run: claimed before anything is written, remembered for --resume.

runs/<name>/ holds config.json and split.csv from the start, state.safetensors and history.csv
after each epoch, and scores.json last of all: a run without scores.json is unfinished.
"""

import hashlib
import json
import re
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd

from utils.errors import InputError
from utils.files import CLAIM, InUse, claimed, new_folder, written_whole

CLAIMS = ".claims"  # in the folder of the weights: one folder for each name in use


@contextmanager
def new_run(runs, weights, base, name=None):
    """Make and hold a run's folder and the name of its weights until the block ends; yield it.

    The folder is runs/`name`, or without a name the first free one of `base`, `base`-2, ... Any
    number of processes may ask at once: each gets a folder and a name of its own. A folder in which
    nothing was written is removed. Raises InputError where `name` is taken.
    """
    with ExitStack() as stack:
        if name is None:
            folder = new_folder(
                runs, base, taken=lambda found: not _take_weights(stack, weights, found)
            )
        else:
            folder = Path(runs) / checked_name(name)
            stack.enter_context(claimed(_claim_of(weights, name)))
        stack.callback(_remove_unused, folder)
        with claimed(folder):
            if (folder / "config.json").exists():
                raise InputError(f"{folder}: this run exists; expected --resume, or another --name")
            yield folder


@contextmanager
def old_run(folder, weights):
    """Hold the folder of an unfinished run, and the name of its weights; yield the folder."""
    with claimed(_claim_of(weights, folder.name)), claimed(folder):
        for left_over in folder.glob(".*.part*"):
            left_over.unlink()
        yield folder


def run_to_resume(runs, base, name=None):
    """Return the folder of run `name`, or of the newest unfinished run of `base`.

    Where all runs of `base` are finished, it is the newest. Raises InputError where there is none.
    """
    if name is not None:
        found = [Path(runs) / checked_name(name)]
    else:
        found = sorted(Path(runs).glob("*/"), key=lambda folder: _number(folder, base) or 0)
        found = [folder for folder in found if _number(folder, base)]
    found = [folder for folder in found if (folder / "config.json").exists()]
    if not found:
        raise InputError(f"{Path(runs) / (name or base)}: no run to resume; expected a config.json")
    unfinished = [folder for folder in found if not (folder / "scores.json").exists()]
    return (unfinished or found)[-1]


def remembered(folder):
    """Return what a run was asked for, by the names of the arguments of `train`."""
    return _config(folder)["options"]


def refuse_changes(folder, asked, parts):
    """Raise InputError unless a run is asked for what it was begun with, and on the same data."""
    config = _config(folder)
    asked, before = json.loads(json.dumps(asked, default=str)), config["options"]
    for name in [*before, *asked]:
        if asked.get(name) != before.get(name):
            flag = "--" + name.replace("_", "-")
            raise InputError(
                f"{folder}: {flag} was {before.get(name)}; expected the same flags to resume"
            )
    for name, digest in digests_of(parts).items():
        if config.get(f"{name}_sha256", digest) != digest:
            path = getattr(parts.source, name)
            raise InputError(
                f"{path}: not the data that {folder} began with; expected the same to resume"
            )


def write_config(folder, asked, parts):
    """Write config.json: what the run was asked for, and which data it has."""
    digests = {f"{name}_sha256": digest for name, digest in digests_of(parts).items()}
    with written_whole(folder / "config.json") as path:
        path.write_text(json.dumps({"options": asked} | digests, indent=1, default=str))


def write_split(folder, parts):
    """Write split.csv: sample, part."""
    tables = [
        pd.DataFrame({"sample": parts.samples.ids[rows], "part": part})
        for part, rows in parts.rows.items()
    ]
    with written_whole(folder / "split.csv") as path:
        pd.concat(tables).to_csv(path, index=False)


def digests_of(parts):
    """SHA-256 of the samples: {"data": ..., "test_data": ...}, the latter where it is given."""
    samples = {"data": parts.samples}
    if parts.source.test_data:
        samples["test_data"] = parts.test
    return {name: _digest(each) for name, each in samples.items()}


def checked_name(name):
    """Return the name of a run; raises InputError for one that is no plain name of a folder."""
    if name in ("", ".", "..") or re.search(r"[/\\\0]", name):
        raise InputError(f"--name {name}: expected a plain name, without a path")
    return name


def _digest(samples):
    digest = hashlib.sha256(np.ascontiguousarray(samples.x))
    digest.update(np.ascontiguousarray(samples.y))
    return digest.hexdigest()


def _config(folder):
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text())
        return config | {"options": dict(config["options"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not readable ({error}); expected what run.py wrote there"
        ) from error


def _claim_of(weights, name):
    return Path(weights) / CLAIMS / name


def _take_weights(stack, weights, name):
    """Claim a name of weights until the stack closes; False where it is used or claimed."""
    file = Path(weights) / f"{name}.safetensors"
    if file.exists():
        return False
    try:
        stack.enter_context(claimed(_claim_of(weights, name)))
    except InUse:
        return False
    return not file.exists()  # written between the two looks


def _remove_unused(folder):
    """Remove the folder of a run that ended before it wrote anything."""
    if not (folder / "config.json").exists():
        with suppress(OSError):
            (folder / CLAIM).unlink(missing_ok=True)
            folder.rmdir()


def _number(folder, base):
    """1 for `base` itself, n for `base`-n, None for another name."""
    match = re.fullmatch(re.escape(base) + r"(?:-(\d+))?", folder.name)
    return match and int(match[1] or 1)
