"""The command lines of all scripts: how a parser looks, and numbers that have bounds."""

import argparse
import math

from utils.errors import InputError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that shows defaults, takes no abbreviated flags, and errs in one line."""

    def __init__(self, description, **settings):
        super().__init__(
            description=description.strip().split("\n")[0],
            formatter_class=_Formatter,
            allow_abbrev=False,
            **settings,
        )

    def error(self, message):
        """Raise InputError, which `utils.errors.run_main` prints as one line."""
        raise InputError(f"{message} (see --help)")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of a flag, where it has one."""

    def _get_help_string(self, action):
        return action.help if action.default is None else super()._get_help_string(action)


def whole_number(at_least=None, at_most=None):
    """Return an argparse type: a whole number within these bounds, both included."""
    return _bounded(int, "a whole number", at_least, at_most)


def number(at_least=None, at_most=None, *, above=None, below=None):
    """Return an argparse type: a finite number within these bounds. above, below: not included."""
    return _bounded(float, "a number", at_least, at_most, above, below)


def _bounded(kind, what, at_least=None, at_most=None, above=None, below=None):
    limits = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    expected = [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
    wanted = " ".join([what, " and ".join(expected)]).strip()

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        inside = (
            math.isfinite(value)
            and (at_least is None or value >= at_least)
            and (at_most is None or value <= at_most)
            and (above is None or value > above)
            and (below is None or value < below)
        )
        if not inside:
            raise argparse.ArgumentTypeError(f"{text} found; expected {wanted}")
        return value

    parse.bounds = limits  # a test walks the parsers of all scripts and oversteps each bound
    return parse


def names(text):
    """An argparse type: 'a, b' -> ('a', 'b'); an empty text -> None."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) or None


def add_dask_flags(flag, sees):
    """Add the flags that say which processes work. flag: `add_argument` of a parser or group.

    sees: what the workers of a cluster need under the same paths. The flags' names are arguments of
    `utils.workers.open_workers`.
    """
    flag(
        "--workers",
        type=whole_number(0, 512),
        default=0,
        metavar="N",
        help="Dask processes on this machine; 0 = this process alone",
    )
    flag(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help=f"Dask scheduler to work on instead; its workers need this code, {sees} under the "
        "same paths",
    )


def check_dask_flags(args):
    """Raise InputError where the flags of `add_dask_flags` ask for two places to work in."""
    if args["workers"] and args["scheduler"]:
        raise InputError("--workers: found with --scheduler, expected one of the two")


def add_reading_flags(flag):
    """Add the flags that say how to read a raster stack. flag: `add_argument` of a parser or group.

    Their names are arguments of `stacks.stack.open_stack`.
    """
    flag("--first-month", metavar="YYYY-MM", help="for data without dates")
    flag(
        "--scale",
        type=number(above=0),
        metavar="FACTOR",
        help="stored number x this = reflectance x 10^4; None: as the file says, and 10000 where "
        "it holds reflectance from 0 to 1",
    )
    flag(
        "--offset",
        default="none",
        metavar="VALUE[@YYYY-MM]",
        help="added to reflectance x 10^4 (from that month on); 'auto' takes away the step of 1000 "
        "of Sentinel-2's processing baseline 04.00 (2022-01-25) if there is one; 'none' only "
        "reports it",
    )
    flag(
        "--nodata",
        type=number(),
        nargs="+",
        default=[],
        metavar="VALUE",
        help="stored numbers that mean no data, beside the file's own, NaN, -9999, 32767, and 0 in "
        "every band",
    )
