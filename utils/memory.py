"""How a process holds its memory. The functions do nothing where the C library is not glibc."""

import ctypes
from contextlib import suppress
from functools import cache

# What ctypes raises where there is no such library (Windows: TypeError) or function (macOS).
ABSENT = (OSError, AttributeError, TypeError)


@cache
def keep_memory():
    """Let this process keep the memory that it frees, for its next window.

    Returning large arrays to the system and asking for them again costs as much time as reading
    does. The setting holds until the process ends, so only a process of map.py calls this: its
    own, or a worker that it started.
    """
    trim_threshold, mmap_max, arena_max = -1, -4, -8  # numbers of malloc.h
    with suppress(*ABSENT):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_max, 0)
        mallopt(arena_max, 1)


@cache
def use_one_heap():
    """Let all threads of this process take memory from one heap.

    Else each of many threads that read files keeps a heap of its own, and these grow with the
    number of windows. The setting holds until the process ends, so only a script calls this.
    """
    arena_max = -8  # number of malloc.h
    with suppress(*ABSENT):
        ctypes.CDLL(None).mallopt(arena_max, 1)


def give_back_memory():
    """Return to the system what this process has freed and kept."""
    with suppress(*ABSENT):
        ctypes.CDLL(None).malloc_trim(0)
