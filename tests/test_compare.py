"""compare.py: what it says, compares and draws."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyxccd")
pytest.importorskip("statsmodels")

import compare
from comparing import figures, studies
from comparing.cells import Cell, Result
from comparing.network import Network
from data_loader import BANDS, save_samples
from tests.comparing_samples import call, made_samples, saved_samples
from utils.errors import InputError
from utils.legend import legend_for

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return saved_samples(tmp_path_factory.mktemp("data"))


def test_one_command_gives_table_and_figures(file, tmp_path, monkeypatch, capsys):
    call(
        monkeypatch,
        "--data",
        file,
        "--methods",
        "forest,forest_filter,patchnet",
        "--epochs",
        2,
        "--processes",
        1,
        "--out",
        tmp_path / "out",
    )
    found = {path.name for path in (tmp_path / "out").iterdir() if path.name[0] != "."}
    assert {
        "scores.csv",
        "scores.md",
        "transitions.csv",
        "config.json",
        "scores.png",
        "date_errors.png",
        "disagreements.png",
        "cells",
    } == found
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert list(table["method"]) == ["forest", "forest_filter", "patchnet"]
    assert (
        table.loc[0, "OA"] > 0.95
        and np.isnan(table.loc[0, "parameters"])
        and table.loc[2, "parameters"] > 1000
    )
    assert {"kappa", "SCS", "temporal_change_F1", "sequence_accuracy", "edit", "F1@50"} <= set(
        table.columns
    )
    assert "| forest_filter |" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "config.json").read_text())["epochs"] == 2


def test_a_file_of_exactly_the_bands_asked_for_is_compared(tmp_path, monkeypatch):
    samples, bands = made_samples(), ("B2", "B3", "B4", "B8")
    places = [BANDS.index(band) for band in bands]
    four = replace(samples, x=samples.x[:, places], bands=bands)
    save_samples(tmp_path / "four.npz", four)
    call(
        monkeypatch,
        *("--data", tmp_path / "four.npz", "--bands", ",".join(bands)),
        *("--methods", "forest,patchnet", "--epochs", 1, "--processes", 1),
        *("--out", tmp_path / "out"),
    )
    assert list(pd.read_csv(tmp_path / "out" / "scores.csv")["method"]) == ["forest", "patchnet"]


def test_class_names_with_to_and_paths_with_blanks_and_accents_go_all_the_way(tmp_path):
    names = ("bare", "bare to sparse", "sparse", "sparse to bare", "forêt, dense")
    folder = tmp_path / "données à moi"
    folder.mkdir()
    save_samples(folder / "mes séries.npz", replace(made_samples(), legend=legend_for(names)))
    out = folder / "sortie n° 1"
    compare.compare(folder / "mes séries.npz", methods=("forest",), processes=1, out=out)
    table = pd.read_csv(out / "transitions.csv")
    assert set(table["from_class"]) | set(table["to_class"]) == set(names)
    assert not table.duplicated(["from_class", "to_class"]).any()
    assert (out / "date_errors.png").is_file()


def test_transitions_are_scored_after_the_filter_as_in_a_run():
    samples = replace(made_samples(2), y=np.zeros((2, 36), np.int8))
    flicker = np.zeros((1, 2, 36), np.int8)
    flicker[:, :, 10] = 1  # a single odd month: two transitions, which the filter takes away
    flicker[:, :, 20:] = 2
    facts = dict.fromkeys(("setting", "reasons"), {}) | dict.fromkeys(
        ("parameters", "threads", "train_minutes", "train_cpu_minutes"), 0
    )
    rates = dict.fromkeys(("series_a_second", "series_a_cpu_second"), 0)

    def table(method):
        cell = Cell(method)
        result = Result(cell=cell, rows=np.arange(2), labels=flicker, **facts, **rates)
        return studies.transition_table([(None, cell)], [result], samples)

    assert len(table("patchnet")) == 1 and len(table("forest")) == 3


def test_a_comparison_can_be_made_from_python(file, tmp_path):
    table = compare.compare(file, methods=("forest",), processes=1, out=tmp_path)
    assert list(table["method"]) == ["forest"] and (tmp_path / "scores.csv").is_file()
    with pytest.raises(InputError, match="kalman"):
        compare.compare(file, methods=("kalman",), out=tmp_path)


@pytest.mark.parametrize(
    "study, picture", [(study, f"study_{study}.png") for study in studies.STUDIES]
)
def test_every_study_ends_in_a_picture_and_a_table(study, picture, file, tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "SIZES", (20, 30))
    call(
        monkeypatch,
        "--data",
        file,
        "--study",
        study,
        "--methods",
        "patchnet",
        "--epochs",
        1,
        "--processes",
        1,
        "--repeats",
        2 if study == "size" else 1,
        "--out",
        tmp_path,
    )
    assert (tmp_path / picture).stat().st_size > 10_000
    table = pd.read_csv(tmp_path / "scores.csv")
    rows = {"bands": 13, "size": 4, "transfer": 6, "class": 5, "gaps": len(studies.GAPS)}
    assert len(table) == rows[study] and table["OA"].between(0, 1).all()
    if study == "transfer":
        assert (table["train"] != table["test"]).all() and table["series"].eq(60).all()


def test_the_plain_forest_is_scored_without_filter():
    true = np.zeros((4, 30), np.int8)
    flicker = true.copy()
    flicker[:, 10] = 1
    assert studies.scores_as_published("forest", true, flicker, 2)["spatial_F1"] < 0.5
    filtered = studies.scores_as_published("forest_filter", true, flicker, 2)
    assert filtered["spatial_F1"] > 0.7 and filtered["OA"] < 1


def test_spread_over_seeds_stands_in_the_table():
    table = pd.DataFrame(
        {"method": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1], "OA": [0.5, 0.7, 0.9, 0.9]}
    )
    mean = studies.mean_and_spread(table, ["method"])
    assert list(mean["OA"]) == pytest.approx([0.6, 0.9]) and list(mean["OA_sd"]) == pytest.approx(
        [0.02**0.5, 0]
    )


def test_figures_take_one_or_many_methods_and_no_change():
    samples = made_samples()
    still = np.zeros_like(samples.y)
    for count in (2, 12):
        labels = {f"method {number}": still for number in range(count)}
        assert figures.date_errors(still, labels) is not None
        assert figures.disagreements(samples, np.arange(90), labels) is not None
        assert len(set(figures.colour_of(labels).values())) == count


def test_a_network_needs_a_validation_part():
    with pytest.raises(InputError, match="validation"):
        Network("patchnet").fit(made_samples(), None)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--methods", "kalman"], "kalman"),
        (["--methods", "forest,forest"], "twice"),
        (["--data", "nowhere.npz"], "nowhere.npz"),
        (["--processes", "0"], "--processes: 0 found"),
        (["--seed", "-1"], "--seed: -1 found"),
        (["--epochs", "-1"], "--epochs: -1 found"),
        (["--repeats", "-2"], "--repeats: -2 found"),
        (["--threads", "0"], "--threads: 0 found"),
        (["--train-size", "-5"], "--train-size: -5 found"),
        (["--train-size", "many"], "--train-size: many found"),
        (["--study", "colour"], "--study"),
        (["--kernel", "3"], "--kernel"),
        (["--study", "class", "--classes", "Open water"], "--classes"),
        (["--study", "bands", "--bands", "B2"], "--bands"),
        (["--split", "province:Z"], "province"),
    ],
)
def test_a_wrong_argument_ends_in_one_line(arguments, said, file, tmp_path, monkeypatch):
    given = arguments if "--data" in arguments else ["--data", file, *arguments]
    with pytest.raises(InputError, match=said):
        call(monkeypatch, *given, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_script_itself_ends_with_exit_code_two():
    command = [sys.executable, ROOT / "compare.py", "--data", "nowhere.npz"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (
        done.returncode == 2
        and done.stderr.startswith("error: nowhere.npz")
        and done.stderr.count("\n") == 1
    )
