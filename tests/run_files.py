"""Short trainings by run.py, in this process and in one of their own."""

import os
import subprocess
import sys

import pytest

import run
from data_loader import save_samples
from tests.conftest import ROOT, make_samples
from utils.errors import InputError

QUICK = ("--epochs", 3, "--batch-size", 16, "--threads", 1)
FILES = {
    "config.json",
    "history.csv",
    "scores.json",
    "split.csv",
    "state.safetensors",
    "weights.safetensors",
    "curves.png",
    "confusion.png",
    "transitions.png",
    "transitions.csv",
}


def make_trained(folder):
    """A finished run in a folder with its data: runs/first, weights/first.safetensors."""
    save_samples(folder / "tiny.npz", make_samples())
    call(*places(folder, folder / "tiny.npz"), *QUICK, "--name", "first")
    return folder


def places(folder, data):
    return ("--data", data, "--runs", folder / "runs", "--weights", folder / "weights")


def call(*arguments):
    """Run run.py in this process; returns nothing, errors come as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["run.py", *map(str, arguments)])
        run.main()


def refused(*arguments):
    """The line with which run.py refuses these arguments."""
    with pytest.raises(InputError) as error:
        call(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def start_script(*arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    command = [sys.executable, str(ROOT / arguments[0]), *map(str, arguments[1:])]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)
