"""demo.py: from weights and samples to pictures and words, or one line that says why not."""

import inspect
import re
import shutil
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import demo
import models
from data_loader import BANDS, load_samples, save_samples, split_samples
from drawing import choice
from tests.conftest import made_up
from tests.stack_files import write_folder
from utils.errors import InputError, run_main
from utils.files import claimed
from utils.legend import COAST, URBAN, legend_for


@pytest.fixture
def work(tmp_path, monkeypatch):
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


def test_demo_alone_draws_four_samples(work, monkeypatch, capsys):
    run(monkeypatch)
    drawn = sorted((work / "runs/demo").glob("*.png"))
    assert len(drawn) == 4 and all(
        file.suffix == ".png" and file.stat().st_size > 10_000 for file in drawn
    )
    out = capsys.readouterr().out
    assert out.count("  true:      ") == out.count("  predicted: ") == 4
    assert "no screen" not in out  # not on a terminal: no window is tried


def test_demo_names_each_sample_in_its_file_and_its_words(work, monkeypatch, capsys):
    run(monkeypatch, "--sample", "plot 1/a", "--sample", "plot 2/a", "--out", "here")
    assert sorted(file.name for file in (work / "here").glob("*.png")) == [
        "sample_plot_1_a.png",
        "sample_plot_2_a.png",
    ]
    out = capsys.readouterr().out
    assert "true:      2020-05 water -> woodland\n" in out
    assert "true:      2020-01 water -> woodland; 2020-09 woodland -> water\n" in out


def test_the_same_command_draws_the_same_samples(work, monkeypatch, capsys):
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    told = []
    for _ in range(2):
        run(monkeypatch, "--n", "3")
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


def test_default_samples_come_from_the_test_part(work, monkeypatch, capsys):
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    run(monkeypatch, "--n", "100")
    drawn = re.findall(r"^sample (.+) \(", capsys.readouterr().out, re.M)
    samples = load_samples(work / "made_up.npz")
    test = split_samples(samples, "site", seed=3)["test"]
    assert sorted(drawn) == sorted(samples.ids[test])


def drawn_names(monkeypatch, capsys, *arguments):
    """The names of the samples that demo.py draws."""
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    run(monkeypatch, "--n", "500", *arguments)
    return set(re.findall(r"^sample (.+) \(", capsys.readouterr().out, re.M))


def save_weights(work, **training):
    net = models.load(work / "model_data" / "tiny.safetensors")
    training = {"data": "made_up.npz", "finished": "2026-03-01T00:00:00"} | training
    models.save(work / "model_data" / "named.safetensors", net, training=training)


def test_the_card_names_the_parts_that_are_drawn(work, monkeypatch, capsys):
    ids = made_up().ids
    parts = {
        "train": ids[:40].tolist(),
        "validation": ids[40:50].tolist(),
        "test": ids[50:].tolist(),
    }
    save_weights(work, parts=parts, split="site", seed=3)  # not what the split would give
    assert drawn_names(monkeypatch, capsys) == set(ids[50:])
    for part, names in parts.items():
        assert drawn_names(monkeypatch, capsys, "--part", part) == set(names)
    assert drawn_names(monkeypatch, capsys, "--part", "all") == set(ids)


@pytest.mark.parametrize("named", [True, False])
def test_after_other_test_data_no_training_series_is_shown_as_unseen(
    work, monkeypatch, capsys, named
):
    """run.py --test-data: the unseen series are those of that file, whatever the split says."""
    samples = made_up()
    ids = [f"tested {i}" for i in range(9)]
    tested = replace(samples.take(slice(0, 9)), ids=np.array(ids))
    save_samples(work / "tested.npz", tested)
    train, validation = samples.ids[:50].tolist(), samples.ids[50:].tolist()
    parts = {"train": train, "validation": validation, "test": ids} if named else None
    save_weights(work, test_data="tested.npz", parts=parts, split="auto", test=0.15)
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


def test_data_that_are_not_those_of_the_training_are_refused_as_its_part(work, monkeypatch, capsys):
    parts = {"train": ["plot 1/a"], "validation": ["plot 2/a"], "test": ["plot 3/a"]}
    save_weights(work, parts=parts)
    save_samples(work / "copy.npz", made_up())
    save_samples(work / "other.npz", made_up().take(slice(20, None)))
    assert drawn_names(monkeypatch, capsys, "--data", "copy.npz", "--part", "test") == {"plot 3/a"}
    assert len(drawn_names(monkeypatch, capsys, "--data", "copy.npz")) == 60
    said = refused(monkeypatch, capsys, "--data", "other.npz", "--part", "test")
    assert "plot 3/a" in said


def test_old_weights_split_by_a_file_are_read_from_another_folder(work, monkeypatch, capsys):
    names = made_up().ids
    (work / "split.csv").write_text("\n".join(names[7:12]))
    save_weights(work, split="split.csv")
    (work / "elsewhere").mkdir()
    monkeypatch.chdir(work / "elsewhere")
    assert drawn_names(monkeypatch, capsys) == set(names[7:12])


def test_the_weights_of_the_last_run_are_the_default_whatever_the_file_times(work):
    net = models.load(work / "model_data" / "tiny.safetensors")
    models.save(
        work / "model_data" / "a.safetensors", net, training={"finished": "2026-02-01T00:00:00"}
    )
    models.save(
        work / "model_data" / "z.safetensors", net, training={"finished": "2025-12-01T00:00:00"}
    )
    models.save(
        work / "model_data" / "urban.safetensors", net, training={"finished": "2026-12-01T00:00:00"}
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


def test_weights_of_some_bands_and_merged_classes_take_the_same_data(work, monkeypatch, capsys):
    net = models.build(
        "unet", bands=("B8", "B4"), legend=legend_for(["woodland", "other"]), widths=(4, 8)
    )
    models.save(work / "two.safetensors", net)
    run(
        monkeypatch, "--data", "made_up.npz", "--weights", "two.safetensors", "--sample", "plot 1/a"
    )
    assert "2020-05 other -> woodland" in capsys.readouterr().out


STACK = np.full((24, 10, 2, 2), 900, np.int16) + np.arange(10, dtype=np.int16)[:, None, None]


@pytest.mark.parametrize("at", [("113.0342,28.0101",), ("113.0342", "28.0101"), None])
def test_one_pixel_of_a_stack_is_drawn_as_a_sample(work, monkeypatch, capsys, at):
    folder = write_folder(work / "town", STACK)
    words = ("--at", *at) if at else ("--at=113.0342,28.0101",)
    run(monkeypatch, "--stack", str(folder), *words)
    files = [file.name for file in (work / "runs/demo").glob("*.png")]
    assert files == ["town_at_113.0342_28.0101.png"]
    assert "true:" not in capsys.readouterr().out


def test_western_and_southern_places_are_read(work, monkeypatch, capsys):
    folder = str(write_folder(work / "town", STACK))
    for at in (("-63.5,-9.25",), ("-63.5", "-9.25")):
        said = refused(monkeypatch, capsys, "--stack", folder, "--at", *at)
        assert "has no pixel at -63.5,-9.25" in said


def test_what_a_stack_holds_beside_reflectance_is_told_and_mended(work, monkeypatch, capsys):
    """The step of +1000 of 2022 is told as map.py tells it, and the reading flags work."""
    stack = np.broadcast_to(STACK, (24, 10, 2, 2)).repeat(12, 2).repeat(12, 3).copy()
    stack[12:] += 1000
    folder = str(write_folder(work / "town", stack, first=np.datetime64("2021-01", "M")))
    at = ("--at", "113.0342", "28.0101")
    run(monkeypatch, "--stack", folder, *at)
    assert "--offset auto" in capsys.readouterr().err
    seen = []
    monkeypatch.setattr(demo, "series_figure", lambda x, *args, **flags: seen.append(x) or Figure())
    run(monkeypatch, "--stack", folder, *at, "--offset", "auto")
    assert "taken away" in capsys.readouterr().err and np.ptp(seen[0], axis=1).max() == 0
    run(monkeypatch, "--stack", folder, *at, "--scale", "2", "--nodata", "900", "-9999")
    assert seen[1][1, 0] == 2 * 901 and np.isnan(seen[1][0, 0])


def test_a_missing_raster_library_is_named(work, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "stacks.stack", None)
    said = refused(monkeypatch, capsys, "--stack", "town.tif", "--at", "1,2")
    assert "mapping/requirements.txt" in said


def test_a_second_demo_in_the_same_folder_waits_for_nobody(work, monkeypatch, capsys):
    with claimed(work / "runs/demo"):
        said = []
        other = threading.Thread(target=lambda: said.append(error_of(demo.draw)))
        other.start()
        other.join()
    assert "another process works in it" in said[0]
    assert len(demo.draw(n=1)) == 1


def error_of(call):
    try:
        call()
    except InputError as error:
        return str(error)


def test_names_of_all_languages_get_a_file_each(work, monkeypatch, capsys):
    names = ["été 1", "été/1", "\u6c34\u7530 to \u57ce", "x" * 300]
    save_samples(work / "vallée d'Aure.npz", replace(made_up(4), ids=np.array(names)))
    flags = [word for name in names for word in ("--sample", name)]
    run(monkeypatch, "--data", "vallée d'Aure.npz", *flags, "--out", "ma carte")
    files = {file.name for file in (work / "ma carte").glob("*.png")}
    expected = {"sample_été_1.png", "sample_été_1-2.png", "sample_\u6c34\u7530_to_\u57ce.png"}
    assert len(files) == 4 and expected <= files


def test_the_flags_are_the_arguments_of_draw(work):
    flags = set(vars(demo.make_parser().parse_args([]))) - {"show"}
    assert flags == set(inspect.signature(demo.draw).parameters)


def test_a_notebook_gets_the_files(work, capsys):
    files = demo.draw("model_data/tiny.safetensors", "made_up.npz", n=2, out="here")
    assert len(files) == 2 and all(file.is_file() for file in files)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--sample", "plot 99/a"), "plot 99/a"),
        (("--weights", "none.safetensors"), "none.safetensors"),
        (("--data", "none.npz"), "none.npz"),
        (("--data", "coast.npz"), "5 classes"),
        (("--n", "0"), "--n: 0"),
        (("--stack", "town.tif"), "--at"),
        (("--stack", "town.tif", "--at", "here"), "--at"),
        (("--stack", "town.tif", "--at", "1"), "--at"),
        (("--stack", "town.tif", "--at", "200", "5"), "at most 180"),
        (("--stack", "town.tif", "--at", "5", "95"), "--at 5 95"),
        (("--stack", "town.tif", "--at", "5", "5", "--wrong"), "--wrong"),
        (("--data", "unchanged.npz", "--changed"), "--changed"),
    ],
)
def test_what_cannot_be_used_ends_in_one_line(work, monkeypatch, capsys, arguments, said):
    save_samples(work / "coast.npz", made_up(legend=COAST))
    save_samples(work / "unchanged.npz", made_up().take(slice(0, None, 3)))
    assert said in refused(monkeypatch, capsys, *arguments)
    assert not (work / "runs").exists()


def test_no_weights_at_all_says_how_to_get_some(work, monkeypatch, capsys):
    (work / "model_data" / "tiny.safetensors").unlink()
    assert "run.py" in refused(monkeypatch, capsys)


def test_an_unknown_flag_is_an_error(work, monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "--change")
    assert end.value.code == 2


def test_show_without_a_screen_does_not_hang(work, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    run(monkeypatch, "--sample", "plot 1/a", "--show")
    assert "no screen found" in capsys.readouterr().out
