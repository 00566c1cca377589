"""run.py: from samples to weights, scores and figures."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import models
import run
from data_loader import save_samples
from tests.conftest import ROOT
from tests.run_files import FILES, QUICK, call, refused
from training.card import TrainingCard
from training.parts import share_sites
from training.pipeline import adapt_to_area, train
from training.recipe import Settings, settings_of
from utils.errors import InputError


def test_a_run_leaves_weights_scores_history_and_figures(tmp_path, quick):
    call(*quick[1:], "--recipe", "paper")
    folder = tmp_path / "runs" / "tiny-patchnet"
    assert {path.name for path in folder.iterdir()} - {".claim"} == FILES
    scores = json.loads((folder / "scores.json").read_text())
    assert 0 <= scores["test"]["OA"] <= 1 and len(pd.read_csv(folder / "history.csv")) == 3
    net = models.load(tmp_path / "weights" / "tiny-patchnet.safetensors")
    assert net.card["metrics"]["test"]["OA"] == scores["test"]["OA"]
    card, split = TrainingCard.from_card(net.card), pd.read_csv(folder / "split.csv", dtype=str)
    assert card.split == "auto" and card.epochs == 3
    transitions = pd.read_csv(folder / "transitions.csv")
    assert set(transitions["from_class"]) <= set(net.card["legend"].names)
    for part, names in split.groupby("part")["sample"]:
        assert set(card.parts[part]) == set(names)


def test_a_notebook_trains_without_a_command_line(tmp_path, sample_file):
    same = {"epochs": 2, "batch_size": 16, "augment": (), "threads": 1, "progress": False}
    where = {"runs": tmp_path / "runs", "weights": tmp_path / "weights"}
    threads = torch.get_num_threads()
    one, two = (train(sample_file, model="patchnet", **same, **where) for _ in range(2))
    assert [each.folder.name for each in (one, two)] == ["tiny-patchnet", "tiny-patchnet-2"]
    assert one.scores == two.scores and one.weights.is_file() and one.card.parts
    assert torch.get_num_threads() == threads
    with pytest.raises(TypeError, match="epoch"):
        train(sample_file, epoch=3, **where)
    with pytest.raises(InputError, match="--epochs 0"):
        train(sample_file, epochs=0, **where)


def test_help_tells_the_values_of_the_recipe():
    told = {action.dest: action.help for action in run.make_parser()._actions}
    sizes = ("patchnet", "patchnet_large")
    recipes = {network: settings_of("modern", network) for network in sizes}
    patchnet = recipes["patchnet"]
    shown = [name for name in vars(patchnet) if "modern: " in (told.get(name) or "")]
    assert len(shown) == 9
    for name in shown:
        general = getattr(Settings, name)
        values = {network: getattr(recipe, name) for network, recipe in recipes.items()}
        own = [f"{network} {value}" for network, value in values.items() if value != general]
        expected = f"modern: {general}" + (f"; {', '.join(own)}" if own else "")
        assert told[name].endswith(expected), name
    changed = [f"{name} {patchnet.__dict__[name]:g}" for name in ("epochs", "flip_until")]
    assert all(words in Settings.__doc__ for words in changed)


def test_training_starts_from_given_weights(tmp_path, quick, trained):
    start = trained / "weights" / "first.safetensors"
    call(*quick[1:], "--start", start, "--name", "more")
    first = pd.read_csv(trained / "runs" / "first" / "history.csv")
    more = pd.read_csv(tmp_path / "runs" / "more" / "history.csv")
    assert more["train_loss"].iloc[0] < first["train_loss"].iloc[0]
    line = refused(*quick[1:], "--start", start, "--bands", "B4,B8")
    assert "first.safetensors" in line and "bands" in line


@pytest.mark.parametrize(
    "site, lonlat, same",
    [
        (["a", "b"], None, True),
        (["c", "d"], None, False),
        (None, [[121.0, 31.0], [110.0, 20.0]], True),
        (None, [[130.0, 31.0], [110.0, 20.0]], False),
        (None, None, False),
    ],
)
def test_samples_of_the_same_sites_are_known_by_name_or_by_place(samples, site, lonlat, same):
    two = replace(
        samples.take([0, 1]),
        site=np.array(["a", "z"]),
        lonlat=np.array([[121.001, 31.0], [121.5, 31.0]]),
    )
    others = replace(
        two,
        site=None if site is None else np.array(site),
        lonlat=None if lonlat is None else np.array(lonlat),
    )
    assert share_sites(two, others) == same


def test_other_samples_are_the_test_where_they_are_given(tmp_path, quick, samples, capsys):
    save_samples(tmp_path / "other.npz", samples.take(np.arange(7)))
    call(*quick[1:], "--test-data", tmp_path / "other.npz")
    assert "7 test" in capsys.readouterr().out
    net = models.load(tmp_path / "weights" / "tiny-patchnet.safetensors")
    card = TrainingCard.from_card(net.card)
    assert card.parts["test"] == tuple(samples.ids[:7]) and card.test is None
    assert card.test_data == str(tmp_path / "other.npz") and len(card.rows("test", samples)) == 7
    split = pd.read_csv(tmp_path / "runs" / "tiny-patchnet" / "split.csv")
    assert set(split["part"]) == {"train", "validation"} and len(split) == len(samples)
    site = pd.Series(samples.site, samples.ids).loc[split["sample"].astype(str)].to_numpy()
    both = split["part"].groupby(site).nunique()
    assert (both == 2).any()  # the test is of the same sites, so validation holds out none
    assert "absent.npz: not found" in refused(*quick[1:], "--test-data", tmp_path / "absent.npz")
    save_samples(tmp_path / "bare.npz", replace(samples, y=np.full_like(samples.y, -1)))
    line = refused(*quick[1:], "--test-data", tmp_path / "bare.npz")
    assert "bare.npz" in line and "no labelled" in line
    named = ("--test-data", tmp_path / "other.npz", "--split", "province:a")
    assert "province:a" in refused(*quick[1:], *named)


def test_a_limit_trains_on_some_series_and_leaves_the_other_parts(tmp_path, sample_file):
    where = {"runs": tmp_path / "runs", "weights": tmp_path / "weights", "progress": False}
    few = train(sample_file, limit=9, epochs=1, **where).card
    all_of = train(sample_file, epochs=1, **where).card
    assert few.series["train"] == 9 and set(few.parts["train"]) < set(all_of.parts["train"])
    assert few.parts["test"] == all_of.parts["test"]


def test_weights_adapt_to_series_without_labels(tmp_path, trained, samples, capsys):
    """The labels of the new area are read for the scores alone: without them the same weights come
    out.
    """
    start = trained / "weights" / "first.safetensors"
    darker = replace(samples.take(np.arange(40)), x=samples.x[:40] * 0.8)
    save_samples(tmp_path / "area.npz", darker)
    save_samples(tmp_path / "bare.npz", replace(darker, y=np.full_like(darker.y, -1)))
    where = ("--runs", tmp_path / "runs", "--weights", tmp_path / "weights")
    for name in ("area", "bare"):
        call("--adapt", tmp_path / f"{name}.npz", "--start", start, *where, *QUICK)
        assert ("after" in capsys.readouterr().out) == (name == "area")
    one, two = (
        models.load(tmp_path / "weights" / f"{name}-adapted.safetensors")
        for name in ("area", "bare")
    )
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    assert not torch.equal(one.score.weight, models.load(start).score.weight)
    assert one.card["adapted"]["series"] == 40 and one.card["training"]["split"] == "auto"


def test_adapting_refuses_flags_that_it_does_not_use(tmp_path, sample_file, trained):
    start = ("--start", trained / "weights" / "first.safetensors")
    where = ("--runs", tmp_path / "runs", "--weights", tmp_path / "weights")
    adapt = ("--adapt", sample_file, *where)
    assert "expected --start" in refused(*adapt)
    assert "no --resume" in refused(*adapt, *start, "--resume")
    unused = ("--recipe", "paper", "--patience", 3, "--class-weights", "balanced", "--average", 0)
    line = refused(*adapt, *start, *unused, "--data", "other.npz", "--weight-decay", 0.1)
    for flag in ("--recipe", "--patience", "--class-weights", "--average", "--data"):
        assert flag in line
    assert "--weight-decay" not in line and not (tmp_path / "runs").exists()
    with pytest.raises(InputError, match="patience"):
        adapt_to_area(sample_file, start[1], patience=3)


def test_two_processes_train_one_network(tmp_path, quick):
    module = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    launch = [*module, "2", ROOT / "run.py", *quick[1:], "--device", "cpu"]
    process = subprocess.run(
        [str(word) for word in launch],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    net = models.load(tmp_path / "weights" / "tiny-patchnet.safetensors")
    assert net.card["training"]["epochs"] == 3 and process.stdout.count("best epoch") == 1
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny-patchnet"]
