"""Files appear under their name only when they are whole."""

import os
from contextlib import contextmanager
from pathlib import Path

from utils.errors import InputError


@contextmanager
def whole(path):
    """Yield a temporary path beside `path`; it takes the name `path` when the block ends well and
    is removed when not.

    The move is atomic, so a reader, or a process killed at any moment, finds the old file or the
    new one, never a part. Raises InputError when the folder cannot be written or the disk is full.
    """
    path = Path(path)
    # The suffix stays last: writers such as np.savez and matplotlib choose the format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(
                file.fileno()
            )  # on disk before it takes the name: a power cut must not leave an empty file
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None
