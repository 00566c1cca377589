import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

import models
import run
from data_loader import save_samples
from tests.conftest import ROOT, assert_one_clear_line, make_samples, run_script
from training import pipeline
from training.card import TrainingCard
from training.parts import share_sites
from training.pipeline import adapt_to_area, train
from training.recipe import Settings, settings_of
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


@pytest.fixture
def quick(tmp_path, sample_file):
    """Arguments of a training of seconds, in a folder of its own."""
    return ("run.py", *places(tmp_path, sample_file), *QUICK)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run in a folder with its data: runs/first, weights/first.safetensors."""
    folder = tmp_path_factory.mktemp("trained")
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


def test_killed_at_any_moment_it_goes_on_and_no_file_is_half_written(tmp_path, quick):
    arguments = (*quick, "--epochs", 6)
    folder = tmp_path / "runs" / "tiny-patchnet"
    state = folder / "state.safetensors"
    rng = np.random.default_rng(0)
    for _ in range(3):
        flags = ["--resume"] if (folder / "config.json").exists() else []
        process = start_script(*arguments, *flags)
        waited = time.monotonic() + 60
        seen = state.stat().st_mtime_ns if state.exists() else 0
        while time.monotonic() < waited and process.poll() is None:
            if state.exists() and state.stat().st_mtime_ns != seen:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))  # somewhere in the next epoch, or in the middle of a write
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for path in [*folder.glob("[!.]*.safetensors"), *tmp_path.glob("weights/[!.]*.s*")]:
            with safe_open(path, "pt") as file:
                assert len(file.keys())
    call(*quick[1:], "--epochs", 6, "--resume")
    call(*quick[1:], "--epochs", 6, "--name", "straight")
    files = [tmp_path / "runs" / name / "scores.json" for name in ("tiny-patchnet", "straight")]
    one, two = (json.loads(path.read_text()) for path in files)
    assert one["test"] == two["test"] and one["validation"] == two["validation"]


def test_runs_started_together_get_a_folder_and_weights_each(tmp_path, quick):
    """Also where each has its own folder of runs but all share the folder of the weights."""
    processes = [start_script(*quick, "--seed", seed) for seed in (0, 1)]
    processes.append(start_script(*quick, "--seed", 2, "--runs", tmp_path / "elsewhere"))
    for process in processes:
        assert process.wait(timeout=240) == 0, process.communicate()
        process.communicate()
    folders = [*(tmp_path / "runs").iterdir(), *(tmp_path / "elsewhere").iterdir()]
    assert len(folders) == 3
    assert len({folder.name for folder in folders}) == 3
    seeds = set()
    for folder in folders:
        assert {path.name for path in folder.iterdir()} >= FILES
        net = models.load(tmp_path / "weights" / f"{folder.name}.safetensors")
        config = json.loads((folder / "config.json").read_text())
        scores = json.loads((folder / "scores.json").read_text())
        assert net.card["training"]["seed"] == config["options"]["seed"]
        assert net.card["metrics"]["test"] == scores["test"]
        own = (folder / "weights.safetensors").read_bytes()
        assert own == (tmp_path / "weights" / f"{folder.name}.safetensors").read_bytes()
        seeds.add(config["options"]["seed"])
    assert seeds == {0, 1, 2}


def test_a_run_in_work_is_left_alone_and_a_killed_one_goes_on(tmp_path, quick, monkeypatch):
    first = start_script(*quick, "--epochs", 1000)
    folder = tmp_path / "runs" / "tiny-patchnet"
    waited = time.monotonic() + 120
    while not (folder / "state.safetensors").exists() and time.monotonic() < waited:
        time.sleep(0.02)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "fit", None)  # it may not come so far
        for flags in (("--resume",), ("--name", "tiny-patchnet")):
            line = refused(*quick[1:], "--epochs", 1000, *flags)
            assert "another process works in it" in line
    first.kill()
    first.communicate()
    assert "--epochs was 1000" in refused(*quick[1:], "--epochs", 4, "--resume")
    call(*quick[1:], "--name", "other")  # a newer run that is finished
    assert run.run_to_resume(tmp_path / "runs", "tiny-patchnet") == folder


def test_resume_takes_the_newest_unfinished_run(tmp_path):
    for number, finished in (("", False), ("-2", False), ("-10", False), ("-11", True)):
        folder = tmp_path / f"tiny-patchnet{number}"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        if finished:
            (folder / "scores.json").write_text("{}")
    (tmp_path / "tiny-patchnet-12").mkdir()  # killed before it wrote anything
    (tmp_path / "tiny-patchnet-more-13").mkdir()
    assert run.run_to_resume(tmp_path, "tiny-patchnet").name == "tiny-patchnet-10"
    assert run.run_to_resume(tmp_path, "tiny-patchnet", "tiny-patchnet").name == "tiny-patchnet"


def test_a_new_run_overwrites_neither_a_later_run_nor_weights(tmp_path, quick):
    for name in ("tiny-patchnet", "tiny-patchnet-3"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "tiny-patchnet-4.safetensors").write_text("kept")
    call(*quick[1:], "--epochs", 1)
    assert (tmp_path / "runs" / "tiny-patchnet-5" / "scores.json").exists()
    assert (tmp_path / "weights" / "tiny-patchnet-4.safetensors").read_text() == "kept"


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path, quick):
    assert "province:X" in refused(*quick[1:], "--split", "province:X")
    assert not list((tmp_path / "runs").iterdir())


def test_a_name_is_free_where_only_a_numbered_one_is_taken(tmp_path, quick):
    (tmp_path / "runs" / "mine-2").mkdir(parents=True)
    (tmp_path / "runs" / "mine-2" / "config.json").write_text("{}")
    assert "mine: no run to resume" in refused(*quick[1:], "--name", "mine", "--resume")
    call(*quick[1:], "--epochs", 1, "--name", "mine")
    assert (tmp_path / "runs" / "mine" / "scores.json").exists()
    assert "plain name" in refused(*quick[1:], "--name", "../mine")


def test_resume_refuses_other_flags_and_other_data(tmp_path, quick, samples):
    save_samples(tmp_path / "other.npz", samples.take(np.arange(7)))
    same = (*quick[1:], "--name", "mine", "--test-data", tmp_path / "other.npz")
    call(*same)
    line = refused(*same)
    assert "exists" in line and "--resume" in line
    assert "--seed was 0" in refused(*same, "--resume", "--seed", 3)
    assert "--patience was None" in refused(*same, "--resume", "--patience", 3)
    assert "absent: no run" in refused(*quick[1:], "--name", "absent", "--resume")
    save_samples(tmp_path / "other.npz", samples.take(np.arange(8)))
    line = refused(*same, "--resume")
    assert "other.npz" in line and "same" in line
    save_samples(tmp_path / "tiny.npz", samples.take(np.arange(50)))
    line = refused(*same, "--resume")
    assert "tiny.npz" in line and "same" in line
    (tmp_path / "runs" / "mine" / "config.json").write_text('{"options": 3}')
    assert "config.json: not readable" in refused(*same, "--resume")


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
