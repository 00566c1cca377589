"""demo.py in a folder with made-up samples and weights of a tiny network."""

import sys

import pytest

import demo
import models
from data_loader import BANDS, save_samples
from drawing import choice
from tests.conftest import made_up
from utils.errors import run_main
from utils.legend import URBAN


def make_demo_folder(tmp_path, monkeypatch):
    """A folder with samples and the weights of a tiny network, of which demo.py is told."""
    samples, net = made_up(), models.build("unet", bands=BANDS, legend=URBAN, widths=(4, 8))
    save_samples(tmp_path / "made_up.npz", samples)
    training = {
        "data": str(tmp_path / "made_up.npz"),
        "split": "site",
        "seed": 3,
        "finished": "2026-01-01T00:00:00",
    }
    models.save(tmp_path / "model_data" / "tiny.safetensors", net, training=training)
    monkeypatch.setattr(choice, "HERE", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["demo.py", *arguments])
    run_main(demo.main)


def refused(monkeypatch, capsys, *arguments):
    """The one line on stderr with which demo.py ends."""
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, *arguments)
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]
