"""Files appear under their name only when they are whole; a folder is worked in by one process."""

import csv
import os
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from utils.errors import InputError

CLAIM = ".claim"  # in a folder that a process works in


class InUse(InputError):
    """Another process works in the folder."""


@contextmanager
def written_whole(path):
    """Yield a temporary path beside `path`. The file moves to `path` when the block ends well.

    The temporary file is removed when the block fails. The move is one step of the file system.
    So a reader finds the old file or the new one, never a part of a file, even where this process
    is killed.
    Raises InputError when the folder cannot be written or the disk is full.
    """
    path = Path(path)
    # The suffix stays last: writers such as np.savez and matplotlib choose the format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        # On disk before it takes the name: a power cut must not leave an empty file. Windows
        # refuses to flush a file that was opened for reading only, therefore "r+".
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)


@contextmanager
def claimed(folder):
    """Make `folder` and hold it for this process until the block ends.

    The claim is a lock of the operating system, so that a killed process leaves none behind.
    Raises InUse (an InputError) when another process holds the folder, and InputError when it
    cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / CLAIM)
        lock.acquire(timeout=0)
    except Timeout:
        raise InUse(
            f"{folder}: another process works in it; wait for that process, or give another folder"
        ) from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    try:
        yield folder
    finally:
        lock.release()


def write_csv(path, rows):
    """Write a table; the first row holds the names of the columns."""
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def new_folder(parent, name, *, taken=lambda name: False):
    """Make and return the first folder of `name`, `name-2`, `name-3`, ... that did not exist.

    The folder is made in one step, so that two processes never get the same one. A number that was
    used before an existing later one is not given again: runs stay in the order of their numbers.
    taken: says for a name that it is taken elsewhere, for example by a file of weights.
    """
    parent = Path(parent)
    used = [_number_of(path.name, name) for path in _entries(parent)]
    number = 1 + max(used, default=0)
    while True:
        candidate = name if number == 1 else f"{name}-{number}"
        number += 1
        if taken(candidate):
            continue
        try:
            (parent / candidate).mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"{parent}: cannot be written ({error.strerror or error})") from error
        return parent / candidate


def _entries(folder):
    return list(folder.iterdir()) if folder.is_dir() else []


def _number_of(entry, name):
    """1 for `name` itself, n for `name-n`, 0 for anything else."""
    if entry == name:
        return 1
    number = entry.removeprefix(f"{name}-")
    return int(number) if entry.startswith(f"{name}-") and number.isdecimal() else 0
