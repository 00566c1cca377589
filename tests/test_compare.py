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
import models
import run
from comparing import figures, studies
from comparing.cells import Cell, Result, with_gaps
from comparing.network import Network
from comparing.parts import parts_for, site_groups
from data_loader import BANDS, load_samples, save_samples
from tests.comparing_samples import call, made_samples, saved_samples
from utils.errors import InputError
from utils.legend import COAST, legend_for

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


@pytest.fixture(scope="module")
def weights(file, tmp_path_factory):
    """What run.py leaves of a training on the same split."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys,
            "argv",
            [
                "run.py",
                "--data",
                str(file),
                "--epochs",
                "2",
                "--threads",
                "1",
                "--name",
                "a",
                "--runs",
                str(folder),
                "--weights",
                str(folder),
            ],
        )
        run.main()
    return folder / "a" / "weights.safetensors"


def rewritten(weights, path, **training):
    """The same weights, with another card."""
    net = models.load(weights)
    models.save(path, net, training=net.card["training"] | training)
    return path


def test_a_study_of_size_asks_for_no_more_series_than_there_are_to_train_with(monkeypatch):
    samples = made_samples()
    train = len(parts_for(Cell("forest"), samples)["train"])
    monkeypatch.setattr(studies, "SIZES", (20, train, train + 1))
    sizes = [size for size, _ in studies.study_cells("size", ["forest"], samples, Cell(""), 1)]
    assert sizes == [20, train] and train + 1 < len(samples)


def test_finished_weights_get_a_row_without_training(file, weights, tmp_path, monkeypatch):
    paper = rewritten(weights, tmp_path / "paper.safetensors", recipe="paper")
    call(
        monkeypatch,
        "--data",
        file,
        "--methods",
        f"forest,{weights},{paper}",
        "--split",
        "site",
        "--processes",
        1,
        "--out",
        tmp_path / "out",
    )
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert list(table["method"]) == ["forest", "patchnet", "patchnet-paper"]
    card = models.load(weights).card
    assert table.loc[1, "train_minutes"] == card["training"]["minutes"]
    assert table.loc[1, "parameters"] == card["training"]["parameters"]
    assert table.loc[1, "OA"] == pytest.approx(card["metrics"]["test"]["OA"])
    assert table.loc[1, "temporal_F1"] == pytest.approx(card["metrics"]["test"]["temporal_F1"])


@pytest.mark.parametrize(
    "changed, split",
    [
        ({"split": "sample", "parts": None}, "site"),
        ({"split": "sample", "seed": 1, "parts": None}, "sample"),
        ("one training series was in the test part here", "site"),
        ({"data": "other.npz"}, "site"),
        ({"test_data": "other.npz"}, "site"),
        ({"start": "other.safetensors"}, "site"),
        ({"test": 0.3, "parts": None}, "site"),
        ({"validation": 0.3, "parts": None}, "site"),
        ({"series": {"train": 40, "validation": 10, "test": 10}, "parts": None}, "site"),
    ],
)
def test_weights_that_may_have_seen_the_test_part_are_refused(
    changed, split, file, weights, tmp_path, monkeypatch
):
    if changed == "one training series was in the test part here":
        parts = dict(models.load(weights).card["training"]["parts"])
        parts["train"] = [parts["test"][0], *parts["train"][1:]]
        changed = {"parts": parts}
    other = rewritten(weights, tmp_path / "other.safetensors", **changed)
    with pytest.raises(
        InputError, match=r"other.safetensors: trained with .* expected data samples.npz"
    ) as error:
        call(
            monkeypatch,
            "--data",
            file,
            "--methods",
            other,
            "--split",
            split,
            "--out",
            tmp_path / "out",
        )
    assert "\n" not in str(error.value) and not (tmp_path / "out" / "scores.csv").exists()


def test_weights_that_were_adapted_to_other_series_are_refused(
    file, weights, tmp_path, monkeypatch
):
    other, net = tmp_path / "other.safetensors", models.load(weights)
    models.save(other, net, adapted={"data": str(file)})
    with pytest.raises(InputError, match="may have seen the test part"):
        call(monkeypatch, "--data", file, "--methods", other, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--bands", "B2,B3,B4"], "bands B2, B3"),
        (["--classes", "Open water"], "classes Spartina"),
        (["--split", "province:A"], "trained with"),
        (["--study", "gaps"], "--study"),
        (["--methods", "{weights},patchnet"], "twice"),
        (["--methods", "{weights},{weights}"], "twice"),
        (["--methods", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_weights_that_do_not_fit_the_comparison_are_refused(
    arguments, said, file, weights, tmp_path, monkeypatch
):
    given = [argument.format(weights=weights) for argument in arguments]
    with pytest.raises(InputError, match=said):
        call(monkeypatch, "--data", file, "--methods", weights, "--out", tmp_path / "out", *given)


def test_weights_that_score_otherwise_than_their_card_says_are_refused(
    file, weights, tmp_path, monkeypatch
):
    """As when the data under this name, or the network's code, is no longer that of the
    training.
    """
    other, net = tmp_path / "other.safetensors", models.load(weights)
    net.card["metrics"]["test"]["OA"] += 0.1
    models.save(other, net)
    with pytest.raises(InputError, match="other.safetensors: OA"):
        call(monkeypatch, "--data", file, "--methods", other, "--out", tmp_path / "out")


def test_weights_without_a_split_in_their_card_are_refused(file, weights, tmp_path, monkeypatch):
    bare = tmp_path / "bare.safetensors"
    models.save(bare, models.build("patchnet", bands=BANDS, legend=COAST))
    with pytest.raises(InputError, match="no split in its card"):
        call(monkeypatch, "--data", file, "--methods", bare, "--out", tmp_path / "out")


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


def test_no_site_is_on_both_sides(file):
    samples = load_samples(file)
    for cell in (Cell("forest", split="site"), Cell("forest", train_group="B")):
        parts = parts_for(cell, samples)
        site = {name: set(samples.site[rows]) for name, rows in parts.items()}
        assert not site["train"] & site["test"] and not site["validation"] & site["test"]
        assert not site["train"] & site["validation"]
    assert all(name.startswith("B") for name in site["train"] | site["validation"])


def test_fewer_training_series_leave_the_test_part_as_it_is(file):
    samples = load_samples(file)
    whole, few = (
        parts_for(Cell("forest"), samples),
        parts_for(Cell("forest", train_size=24), samples),
    )
    assert len(few["train"]) == 24 and len(few["validation"]) <= 20
    assert (whole["test"] == few["test"]).all()
    other = parts_for(Cell("forest", train_size=24, seed=1), samples)
    assert (other["test"] == few["test"]).all() and (other["train"] != few["train"]).any()


def test_groups_of_sites_without_provinces_go_from_west_to_east():
    samples = made_samples(40)
    lon = np.repeat(np.arange(20.0), 2)
    samples = replace(
        samples,
        site=np.array([f"s{int(99 - 3 * value)}" for value in lon]),
        lonlat=np.stack([lon, lon * 0], axis=1),
    )
    group = site_groups(samples)
    assert len(np.unique(group)) == 6 and (np.sort(group) == group).all()


def test_groups_without_sites_are_an_input_error():
    with pytest.raises(InputError, match="no sites"):
        site_groups(replace(made_samples(), site=None))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_gaps_take_whole_months_and_leave_one(share):
    samples = made_samples()
    gappy = with_gaps(samples, share)
    gone = np.isnan(gappy.x)
    assert (gone.all(axis=1) == gone.any(axis=1)).all() and not gone.all(axis=(1, 2)).any()
    assert abs(gone.mean() - share) < 0.05 and not np.isnan(samples.x).any()
    assert np.array_equal(gappy.x, with_gaps(samples, share).x, equal_nan=True)


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
