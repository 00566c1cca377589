"""demo.py: which samples and which weights it draws."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import demo
import models
from data_loader import load_samples, save_samples, split_samples
from drawing import choice
from tests.conftest import made_up
from tests.demo_files import refused, run


def test_default_samples_come_from_the_test_part(demo_folder, monkeypatch, capsys):
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    run(monkeypatch, "--n", "100")
    drawn = re.findall(r"^sample (.+) \(", capsys.readouterr().out, re.M)
    samples = load_samples(demo_folder / "made_up.npz")
    test = split_samples(samples, "site", seed=3)["test"]
    assert sorted(drawn) == sorted(samples.ids[test])


def drawn_names(monkeypatch, capsys, *arguments):
    """The names of the samples that demo.py draws."""
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    run(monkeypatch, "--n", "500", *arguments)
    return set(re.findall(r"^sample (.+) \(", capsys.readouterr().out, re.M))


def save_weights(demo_folder, **training):
    net = models.load(demo_folder / "model_data" / "tiny.safetensors")
    training = {"data": "made_up.npz", "finished": "2026-03-01T00:00:00"} | training
    models.save(demo_folder / "model_data" / "named.safetensors", net, training=training)


def test_the_card_names_the_parts_that_are_drawn(demo_folder, monkeypatch, capsys):
    ids = made_up().ids
    parts = {
        "train": ids[:40].tolist(),
        "validation": ids[40:50].tolist(),
        "test": ids[50:].tolist(),
    }
    save_weights(demo_folder, parts=parts, split="site", seed=3)  # not what the split would give
    assert drawn_names(monkeypatch, capsys) == set(ids[50:])
    for part, names in parts.items():
        assert drawn_names(monkeypatch, capsys, "--part", part) == set(names)
    assert drawn_names(monkeypatch, capsys, "--part", "all") == set(ids)


@pytest.mark.parametrize("named", [True, False])
def test_after_other_test_data_no_training_series_is_shown_as_unseen(
    demo_folder, monkeypatch, capsys, named
):
    """run.py --test-data: the unseen series are those of that file, whatever the split says."""
    samples = made_up()
    ids = [f"tested {i}" for i in range(9)]
    tested = replace(samples.take(slice(0, 9)), ids=np.array(ids))
    save_samples(demo_folder / "tested.npz", tested)
    train, validation = samples.ids[:50].tolist(), samples.ids[50:].tolist()
    parts = {"train": train, "validation": validation, "test": ids} if named else None
    save_weights(demo_folder, test_data="tested.npz", parts=parts, split="auto", test=0.15)
    assert drawn_names(monkeypatch, capsys) == set(ids)
    assert drawn_names(monkeypatch, capsys, "--data", "tested.npz") == set(ids)
    said = refused(monkeypatch, capsys, "--data", "made_up.npz", "--part", "test")
    assert "--part test" in said
    if named:
        assert drawn_names(monkeypatch, capsys, "--data", "made_up.npz") == set(validation)
        assert drawn_names(monkeypatch, capsys, "--data", "made_up.npz", "--part", "train") == set(
            train
        )
    else:
        assert "old weights" in refused(monkeypatch, capsys, "--data", "made_up.npz")


def test_data_that_are_not_those_of_the_training_are_refused_as_its_part(
    demo_folder, monkeypatch, capsys
):
    parts = {"train": ["plot 1/a"], "validation": ["plot 2/a"], "test": ["plot 3/a"]}
    save_weights(demo_folder, parts=parts)
    save_samples(demo_folder / "copy.npz", made_up())
    save_samples(demo_folder / "other.npz", made_up().take(slice(20, None)))
    assert drawn_names(monkeypatch, capsys, "--data", "copy.npz", "--part", "test") == {"plot 3/a"}
    assert len(drawn_names(monkeypatch, capsys, "--data", "copy.npz")) == 60
    said = refused(monkeypatch, capsys, "--data", "other.npz", "--part", "test")
    assert "plot 3/a" in said


def test_old_weights_split_by_a_file_are_read_from_another_folder(demo_folder, monkeypatch, capsys):
    names = made_up().ids
    (demo_folder / "split.csv").write_text("\n".join(names[7:12]))
    save_weights(demo_folder, split="split.csv")
    (demo_folder / "elsewhere").mkdir()
    monkeypatch.chdir(demo_folder / "elsewhere")
    assert drawn_names(monkeypatch, capsys) == set(names[7:12])


def test_the_weights_of_the_last_run_are_the_default_whatever_the_file_times(demo_folder):
    net = models.load(demo_folder / "model_data" / "tiny.safetensors")
    models.save(
        demo_folder / "model_data" / "a.safetensors",
        net,
        training={"finished": "2026-02-01T00:00:00"},
    )
    models.save(
        demo_folder / "model_data" / "z.safetensors",
        net,
        training={"finished": "2025-12-01T00:00:00"},
    )
    models.save(
        demo_folder / "model_data" / "urban.safetensors",
        net,
        training={"finished": "2026-12-01T00:00:00"},
    )
    assert choice.default_weights().name == "a.safetensors"


def test_without_a_run_of_ones_own_the_weights_for_all_land_draw_what_they_never_saw(
    monkeypatch, tmp_path, capsys
):
    """Urban weights may be newer; files of a clone must not decide."""
    folder = choice.HERE / "model_data"
    (tmp_path / "model_data").mkdir()
    for name in choice.SHIPPED:
        shutil.copy(folder / name, tmp_path / "model_data" / name)
    (tmp_path / "dataset").symlink_to(choice.HERE / "dataset")
    monkeypatch.setattr(choice, "HERE", tmp_path)
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    run(monkeypatch, "--out", str(tmp_path / "drawn"))
    said = capsys.readouterr().out
    assert re.search(r"^weights: .*world.safetensors$", said, re.M)
    assert re.search(r"^data: .*urban.npz, test part$", said, re.M)
