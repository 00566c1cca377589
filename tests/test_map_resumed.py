"""Maps that were interrupted, and two maps at once."""

import json
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from mapping import mosaic, pipeline
from tests.conftest import ROOT, assert_one_clear_line, run_script, wait_for
from tests.map_files import draw, same
from tests.stack_files import read_map, save_network, values, write_zarr
from utils.errors import InputError


class Interrupted(BaseException):
    """As Ctrl-C or a lost connection: no error that the code could expect."""


@settings(max_examples=5)
@given(
    stack=st.sampled_from(["5.zarr", "8.zarr", "64.zarr", "monthly"]),
    window=st.integers(6, 30),
    width=st.sampled_from([1, 3, 5]),
    stop_after=st.integers(0, 8),
    ahead=st.integers(1, 4),
)
def test_windows_chunks_and_interruptions_leave_no_trace_in_the_pixels(
    maps, tmp_path_factory, stack, window, width, stop_after, ahead
):
    out = tmp_path_factory.mktemp("out") / "map"
    flags = (maps / stack, maps / "net.safetensors", out, "--window", window, "--filter", width)
    save = pipeline.save_part
    kept = []

    def save_some(*words):
        if len(kept) == stop_after:
            raise Interrupted
        save(*words)
        kept.append(words[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("utils.workers.AHEAD", ahead)
        patch.setattr(mosaic, "draw_figures", lambda *words: None)
        patch.setattr(pipeline, "save_part", save_some)
        try:
            draw(*flags)
        except Interrupted:
            assert not list(out.glob("*.tif")), (
                "an interrupted map has no file under its final name"
            )
            patch.setattr(
                pipeline, "save_part", lambda *words: (kept.append(words[1]), save(*words))
            )
            draw(*flags, "--resume")
    assert len(kept) == len(set(kept)), "no window is labelled twice"
    assert same(read_map(out), read_map(maps / f"filter{width}"))


def test_resume_computes_only_what_is_missing_and_never_mixes_maps(maps, tmp_path, monkeypatch):
    flags = (maps / "8.zarr", maps / "net.safetensors", tmp_path / "out")
    save = pipeline.save_part
    monkeypatch.setattr(
        pipeline,
        "save_part",
        lambda parts, window, layers: (
            save(parts, window, layers) if window.top == 0 else (_ for _ in ()).throw(Interrupted)
        ),
    )
    with pytest.raises(Interrupted):
        draw(*flags, "--window", 10)
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"unfinished map.*--resume.*--overwrite"):
        draw(*flags, "--window", 10)
    other = save_network(tmp_path / "other.safetensors", seed=1)
    stack = write_zarr(tmp_path / "other.zarr", values(seed=1))
    for different, word in (
        (("--filter", 3), "--filter"),
        (("--weights", other), "weights"),
        (("--window", 9), "window"),
        (("--min-months", 2), "--min-months"),
        (("--offset=-5",), "offset"),
    ):
        with pytest.raises(InputError, match=word):
            draw(*flags, "--window", 10, "--resume", *different)
    with pytest.raises(InputError, match="stack"):
        draw(stack, *flags[1:], "--window", 10, "--resume")
    draw(*flags, "--window", 10, "--resume")
    assert same(read_map(tmp_path / "out"), read_map(maps / "filter1"))
    with pytest.raises(InputError, match="holds a map"):
        draw(*flags, "--window", 10)
    draw(*flags, "--window", 10, "--resume")
    draw(*flags, "--overwrite", "--filter", 3)
    assert same(read_map(tmp_path / "out"), read_map(maps / "filter3"))


def test_resume_labels_the_rest_in_the_precision_that_was_measured_first(
    maps, tmp_path, monkeypatch
):
    """Else a map begun on one machine and continued on another would be of two precisions."""
    flags = (maps / "8.zarr", maps / "net.safetensors", tmp_path / "out", "--window", 10)
    asked, label = [], models.label

    def labelled(net, x, **options):
        asked.append(options["precision"])
        if len(asked) == 3:
            raise Interrupted
        return label(net, x, **options | {"precision": "float32"})

    monkeypatch.setattr(models, "label", labelled)
    monkeypatch.setattr(pipeline, "WORTH_MEASURING", 50)
    monkeypatch.setattr(models, "fastest_precision", lambda *_, **__: "bfloat16")
    with pytest.raises(Interrupted):
        draw(*flags)
    monkeypatch.setattr(models, "fastest_precision", lambda *_, **__: "float32")
    draw(*flags, "--resume")
    assert len(asked) > 4 and set(asked) == {"bfloat16"}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["precision"] == "bfloat16"


def test_a_part_that_was_damaged_is_named(maps, tmp_path, monkeypatch):
    save = pipeline.save_part

    def save_then_damage(parts, window, layers):
        save(parts, window, layers)
        file = parts / f"{window.name}.npy"
        file.write_bytes(file.read_bytes()[:-10])

    monkeypatch.setattr(pipeline, "save_part", save_then_damage)
    with pytest.raises(InputError, match=r"0000000_0000000\.npy.*--resume"):
        draw(maps / "8.zarr", maps / "net.safetensors", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.tif"))


def test_killed_at_any_moment_it_goes_on(maps, tmp_path):
    words = (
        maps / "5.zarr",
        "--weights",
        maps / "net.safetensors",
        "--out",
        tmp_path / "out",
        "--window",
        5,
    )
    process = subprocess.Popen(
        [sys.executable, ROOT / "map.py", *map(str, words)], stderr=subprocess.DEVNULL
    )
    wait_for(
        lambda: (
            len(list((tmp_path / "out" / ".parts").glob("[0-9]*.npy"))) > 2
            or process.poll() is not None
        )
    )
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((tmp_path / "out").glob("*.tif"))
    assert same(
        draw(words[0], words[2], words[4], "--window", 5, "--resume"), read_map(maps / "filter1")
    )


def test_a_second_map_in_the_same_folder_says_that_the_first_is_at_work(maps, tmp_path):
    out = tmp_path / "out"
    words = [maps / "5.zarr", "--weights", maps / "net.safetensors", "--out", out, "--window", 5]
    first = subprocess.Popen(
        [sys.executable, ROOT / "map.py", *map(str, words)], stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: any(out.glob(".parts/0*.npy")) or first.poll() is not None)
        first.send_signal(signal.SIGSTOP)  # it cannot end before the second has begun
        assert_one_clear_line(run_script("map.py", *words), out, "another process works in it")
    finally:
        first.kill()
        first.wait()
    assert_one_clear_line(run_script("map.py", *words[:-2]), out, "--resume")
    done = run_script("map.py", *words, "--resume")
    assert done.returncode == 0, done.stderr
    assert same(read_map(out), read_map(maps / "filter1"))
