"""compare.py with weights files that run.py wrote."""

import sys

import pandas as pd
import pytest

pytest.importorskip("pyxccd")
pytest.importorskip("statsmodels")

import models
import run
from data_loader import BANDS
from tests.comparing_samples import call, saved_samples
from utils.errors import InputError
from utils.legend import COAST


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return saved_samples(tmp_path_factory.mktemp("data"))


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
