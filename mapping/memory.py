"""How this process holds its memory."""

import ctypes
from contextlib import suppress
from functools import cache


@cache
def keep_memory():
    """Let this process keep the memory that it frees for its next batch or window, where its C
    library is glibc.

    To give large arrays back and have them anew costs as much time as reading does, on virtual
    machines much more.
    """
    trim_threshold, mmap_max, arena_max = -1, -4, -8  # numbers of malloc.h
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_max, 0)
        mallopt(arena_max, 1)


def give_back_memory():
    """Give back what `keep_memory` kept and nothing uses."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
