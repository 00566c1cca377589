"""Every number on every command line has bounds: out of them it is one clear line, not nonsense.

The parsers of all scripts are walked, so that a new flag is tested as soon as it is there.
"""

import argparse
import importlib.util
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from utils.errors import InputError
from utils.flags import Parser, number, whole_number

FOLDERS = (".", "dataset", "benchmarks")


def scripts():
    """All files that read a command line."""
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).glob("*.py"))]
    return [file for file in files if "parse_args(" in file.read_text(encoding="utf-8")]


def parser_of(file):
    """The parser of a script, which every script makes in `make_parser()`."""
    spec = importlib.util.spec_from_file_location(f"script_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_parser()


def numbers(parser):
    """(parser, action) of each flag that takes numbers, also of subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from numbers(each)
        elif is_number(action):
            yield parser, action


def is_number(action):
    defaults = action.default if isinstance(action.default, list | tuple) else [action.default]
    plain = any(isinstance(each, int | float) and not isinstance(each, bool) for each in defaults)
    return plain or action.type in (int, float) or hasattr(action.type, "bounds")


def outside(bounds):
    """Texts that are no number within these bounds."""
    edges = {edge: bounds[edge] for edge in bounds if bounds[edge] is not None}
    beyond = {"at least": -1, "at most": 1, "above": 0, "below": 0}
    return ["nan", "inf", "many", *(str(edges[edge] + beyond[edge]) for edge in edges)]


def words_for(parser, action, text):
    """A command line with this text for the number, and something for all that is required."""
    words = []
    for other in parser._actions:
        if other is not action and (other.required or not other.option_strings):
            words += other.option_strings[:1] + [str(min(other.choices or ["1"]))] * count(other)
    if not action.option_strings:
        return [*words, text]
    flag = action.option_strings[-1]
    if count(action) > 1:
        return [*words, flag, *[text] * count(action)]
    return [*words, f"{flag}={text}"]  # so that "-1" is not taken for a flag


def count(action):
    return action.nargs if isinstance(action.nargs, int) else 1


@pytest.mark.parametrize("file", scripts(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_number_out_of_range_is_one_clear_line(file):
    for parser, action in numbers(parser_of(file)):
        name = "/".join(action.option_strings) or action.dest
        assert hasattr(action.type, "bounds"), f"{file.name} {name}: a number without bounds"
        for text in outside(action.type.bounds):
            with pytest.raises(InputError) as error:
                parser.parse_args(words_for(parser, action, text))
            message = str(error.value)
            assert f"{text} found; expected" in message, f"{name} {text}: {message}"
            assert name in message and "\n" not in message


def test_a_number_without_bounds_would_be_noticed():
    parser = Parser("A script.")
    for flag, kind in {"--n": int, "--x": float, "--good": number(above=0)}.items():
        parser.add_argument(flag, type=kind)
    parser.add_argument("--default", default=3)
    parser.add_argument("--text", default="3")
    parser.add_argument("--yes", action="store_true")
    found = {action.dest: hasattr(action.type, "bounds") for _, action in numbers(parser)}
    assert found == {"n": False, "x": False, "good": True, "default": False}


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-9, 9))
def test_whole_numbers_keep_their_bounds(low, high, value):
    parse = whole_number(at_least=low, at_most=high)
    if low <= value <= high:
        assert parse(str(value)) == value
    else:
        with pytest.raises(argparse.ArgumentTypeError, match=f"{value} found; expected"):
            parse(str(value))


@given(st.floats(), st.floats(-3, 3))
def test_numbers_above_and_below_leave_out_the_bound_itself(value, edge):
    for parse, inside in ((number(above=edge), value > edge), (number(below=edge), value < edge)):
        if inside and math.isfinite(value):
            assert parse(repr(value)) == value
        else:
            with pytest.raises(argparse.ArgumentTypeError):
                parse(repr(value))


@pytest.mark.parametrize("text", ["1.5", "", "one", "nan", "0x3", "1e3"])
def test_a_whole_number_is_whole(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number at least 1"):
        whole_number(at_least=1)(text)


def test_flags_are_not_abbreviated_and_unknown_ones_are_one_line():
    parser = Parser("A script.")
    parser.add_argument("--threads", type=whole_number(at_least=0))
    for words in (["--thread", "2"], ["--nothing"], ["--threads"]):
        with pytest.raises(InputError, match="see --help"):
            parser.parse_args(words)
