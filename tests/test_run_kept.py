"""run.py: runs that are killed, gone on with, and never written over."""

import json
import signal
import time

import numpy as np
from safetensors import safe_open

import models
import run
from data_loader import save_samples
from tests.conftest import wait_for
from tests.run_files import FILES, call, refused, start_script
from training import pipeline


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
    try:
        wait_for((folder / "state.safetensors").exists)
        first.send_signal(signal.SIGSTOP)  # it cannot end before the others have begun
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "fit", None)  # it may not come so far
            for flags in (("--resume",), ("--name", "tiny-patchnet")):
                line = refused(*quick[1:], "--epochs", 1000, *flags)
                assert "another process works in it" in line
    finally:
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
