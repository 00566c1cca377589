"""run.py: what it cannot use ends in one line."""

import pytest
import torch

from tests.conftest import assert_one_clear_line, run_script
from tests.run_files import refused


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--model", "lstm"), ["lstm", "patchnet"]),
        (("--data", "absent.npz"), ["absent.npz", "not found"]),
        (("--augment", "magic"), ["magic", "flip"]),
        (("--class-weights", "1,2"), ["1,2", "6 numbers"]),
        (("--class-weights", "0,0,0,0,0,0"), ["6 numbers"]),
        (("--split", "province:X"), ["province:X"]),
        (("--classes", "lava"), ["lava"]),
        (("--bands", "B99"), ["B99"]),
        (("--start", "absent.safetensors"), ["absent.safetensors"]),
        (("--validation", "0.9"), ["sites"]),
        (("--device", "cuda"), ["GPU"]),
        (("--epoch", "5"), ["--epoch"]),
    ],
)
def test_wrong_arguments_end_in_one_line(quick, arguments, words):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    line = refused(*quick[1:], *arguments)
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--seed", "-1"),
        ("--threads", "-1"),
        ("--patience", "-1"),
        ("--learning-rate", "nan"),
        ("--learning-rate", "-1"),
        ("--batch-size", "0"),
        ("--batch-size", "-4"),
        ("--limit", "-5"),
        ("--test", "-0.3"),
        ("--test", "1"),
        ("--validation", "0"),
        ("--average", "2"),
        ("--weight-decay", "-1"),
        ("--label-smoothing", "1"),
        ("--clip", "inf"),
        ("--flip-until", "1.1"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, quick, arguments):
    line = refused(*quick[1:], *arguments)
    assert arguments[0] in line and "expected a" in line, line
    assert not (tmp_path / "runs").exists()


def test_wrong_input_ends_in_one_line_on_the_terminal(quick):
    assert_one_clear_line(run_script(*quick, "--data", "absent.npz"), "absent.npz", "not found")
