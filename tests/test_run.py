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
from tests.conftest import ROOT, assert_one_clear_line, run_script
from training.card import TrainingCard

QUICK = ("--epochs", 3, "--batch-size", 16, "--model", "patchnet", "--threads", 1)


@pytest.fixture
def quick(tmp_path, sample_file):
    """Arguments of a training of seconds, in a folder of its own."""
    return (
        "run.py",
        "--data",
        sample_file,
        "--runs",
        tmp_path / "runs",
        "--weights",
        tmp_path / "weights",
        *QUICK,
    )


def test_a_run_leaves_weights_scores_history_and_figures(tmp_path, quick):
    process = run_script(*quick, "--recipe", "paper")
    assert process.returncode == 0, process.stderr
    run = tmp_path / "runs" / "tiny-patchnet"
    expected = {
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
    assert expected <= {path.name for path in run.iterdir()} and not list(run.glob(".*"))
    scores = json.loads((run / "scores.json").read_text())
    assert 0 <= scores["test"]["OA"] <= 1 and len(pd.read_csv(run / "history.csv")) == 3
    net = models.load(tmp_path / "weights" / "tiny-patchnet.safetensors")
    assert (
        net.card["metrics"]["test"]["OA"] == scores["test"]["OA"]
        and net.card["training"]["split"] == "auto"
    )
    card, split = TrainingCard.from_card(net.card), pd.read_csv(run / "split.csv", dtype=str)
    for part, names in split.groupby("part")["sample"]:
        assert set(card.parts[part]) == set(names)
    again = run_script(*quick, "--recipe", "paper")
    assert (tmp_path / "runs" / "tiny-patchnet-2").is_dir(), again.stderr
    other = json.loads((tmp_path / "runs" / "tiny-patchnet-2" / "scores.json").read_text())
    assert other["test"] == scores["test"]


def test_killed_at_any_moment_it_goes_on_and_no_file_is_half_written(tmp_path, quick):
    arguments = [sys.executable, str(ROOT / quick[0]), *map(str, quick[1:]), "--epochs", "6"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = tmp_path / "runs" / "tiny-patchnet"
    rng = np.random.default_rng(0)
    for _ in range(4):
        flags = ["--resume"] if (run / "config.json").exists() else []
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(arguments + flags, env=environment, **silent)
        waited = time.monotonic() + 60
        seen = (
            (run / "state.safetensors").stat().st_mtime_ns
            if (run / "state.safetensors").exists()
            else 0
        )
        while time.monotonic() < waited and process.poll() is None:
            state = run / "state.safetensors"
            if state.exists() and state.stat().st_mtime_ns != seen:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))  # somewhere in the next epoch, or in the middle of a write
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in [
            *run.glob("[!.]*.safetensors"),
            *(tmp_path / "weights").glob("[!.]*.safetensors"),
        ]:
            with safe_open(path, "pt") as file:
                assert len(file.keys())
    process = run_script(*quick, "--epochs", 6, "--resume")
    assert process.returncode == 0, process.stderr
    straight = run_script(*quick, "--epochs", 6, "--name", "straight")
    assert straight.returncode == 0, straight.stderr
    runs = [tmp_path / "runs" / name / "scores.json" for name in ("tiny-patchnet", "straight")]
    one, two = (json.loads(path.read_text()) for path in runs)
    assert one["test"] == two["test"] and one["validation"] == two["validation"]


def test_resume_refuses_other_flags_and_other_data(tmp_path, quick, samples):
    assert run_script(*quick, "--name", "mine").returncode == 0
    assert_one_clear_line(run_script(*quick, "--name", "mine"), "exists", "--resume")
    assert_one_clear_line(
        run_script(*quick, "--name", "mine", "--resume", "--seed", 3), "--seed", "was 0"
    )
    assert_one_clear_line(run_script(*quick, "--name", "absent", "--resume"), "absent", "no run")
    save_samples(tmp_path / "tiny.npz", samples.take(np.arange(50)))
    assert_one_clear_line(run_script(*quick, "--name", "mine", "--resume"), "tiny.npz", "same")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--model", "lstm"), ["lstm", "patchnet"]),
        (("--data", "absent.npz"), ["absent.npz", "not found"]),
        (("--augment", "magic"), ["magic", "flip"]),
        (("--class-weights", "1,2"), ["1,2", "6 numbers"]),
        (("--split", "province:X"), ["province:X"]),
        (("--classes", "lava"), ["lava"]),
        (("--bands", "B99"), ["B99"]),
        (("--start", "absent.safetensors"), ["absent.safetensors"]),
        (("--validation", "0.9"), ["sites"]),
        (("--device", "cuda"), ["GPU"]),
    ],
)
def test_wrong_arguments_end_in_one_line(quick, arguments, words):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert_one_clear_line(run_script(*quick, *arguments), *words)


def test_an_unknown_flag_is_an_error(quick):
    process = run_script(*quick, "--epoch", 5)
    assert process.returncode == 2 and "--epoch" in process.stderr


def test_training_starts_from_given_weights(tmp_path, quick):
    assert run_script(*quick).returncode == 0
    process = run_script(
        *quick, "--start", tmp_path / "weights" / "tiny-patchnet.safetensors", "--name", "more"
    )
    assert process.returncode == 0, process.stderr
    first, more = (
        pd.read_csv(tmp_path / "runs" / name / "history.csv") for name in ("tiny-patchnet", "more")
    )
    assert more["train_loss"].iloc[0] < first["train_loss"].iloc[0]
    wrong = run_script(
        *quick, "--start", tmp_path / "weights" / "tiny-patchnet.safetensors", "--bands", "B4,B8"
    )
    assert_one_clear_line(wrong, "tiny-patchnet.safetensors", "bands")


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
    assert run.share_sites(two, others) == same


def test_other_samples_are_the_test_where_they_are_given(tmp_path, quick, samples):
    save_samples(tmp_path / "other.npz", samples.take(np.arange(7)))
    process = run_script(*quick, "--test-data", tmp_path / "other.npz")
    assert process.returncode == 0 and "7 test" in process.stdout, process.stderr
    net = models.load(tmp_path / "weights" / "tiny-patchnet.safetensors")
    card = TrainingCard.from_card(net.card)
    assert card.parts["test"] == tuple(samples.ids[:7]) and card.test is None
    assert card.test_data == str(tmp_path / "other.npz") and len(card.rows("test", samples)) == 7
    split = pd.read_csv(tmp_path / "runs" / "tiny-patchnet" / "split.csv")
    assert set(split["part"]) == {"train", "validation"} and len(split) == len(samples)
    site = pd.Series(samples.site, samples.ids).loc[split["sample"].astype(str)].to_numpy()
    both = split["part"].groupby(site).nunique()
    assert (both == 2).any()  # the test is of the same sites, so validation holds out none
    assert_one_clear_line(
        run_script(*quick, "--test-data", tmp_path / "absent.npz"), "absent.npz", "not found"
    )
    save_samples(tmp_path / "bare.npz", replace(samples, y=np.full_like(samples.y, -1)))
    assert_one_clear_line(
        run_script(*quick, "--test-data", tmp_path / "bare.npz"), "bare.npz", "no labelled"
    )
    named = run_script(*quick, "--test-data", tmp_path / "other.npz", "--split", "province:a")
    assert_one_clear_line(named, "province:a")


def test_weights_adapt_to_series_without_labels(tmp_path, quick, samples):
    """The labels of the new area are read for the scores alone: without them the same weights come
    out.
    """
    start = ("--start", tmp_path / "weights" / "tiny-patchnet.safetensors")
    assert run_script(*quick).returncode == 0
    darker = replace(samples.take(np.arange(40)), x=samples.x[:40] * 0.8)
    save_samples(tmp_path / "area.npz", darker)
    save_samples(tmp_path / "bare.npz", replace(darker, y=np.full_like(darker.y, -1)))
    for name in ("area", "bare"):
        process = run_script(*quick, "--adapt", tmp_path / f"{name}.npz", *start)
        assert process.returncode == 0 and ("after" in process.stdout) == (name == "area"), (
            process.stderr
        )
    one, two = (
        models.load(tmp_path / "weights" / f"{name}-adapted.safetensors")
        for name in ("area", "bare")
    )
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    assert not torch.equal(one.score.weight, models.load(start[1]).score.weight)
    assert one.card["adapted"]["series"] == 40 and one.card["training"]["split"] == "auto"
    assert_one_clear_line(
        run_script(*quick, "--adapt", tmp_path / "area.npz"), "--adapt", "--start"
    )


def test_two_processes_train_one_network(tmp_path, quick):
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    arguments = map(str, [ROOT / "run.py", *quick[1:], "--device", "cpu"])
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [*launch, *arguments], env=environment, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-2000:]
    net = models.load(tmp_path / "weights" / "tiny-patchnet.safetensors")
    assert net.card["training"]["epochs"] == 3 and process.stdout.count("best epoch") == 1
