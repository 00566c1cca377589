"""demo.py: from weights and samples to pictures and words, or one line that says why not."""

import inspect
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import demo
import models
from data_loader import save_samples
from tests.conftest import made_up
from tests.demo_files import refused, run
from tests.stack_files import write_folder
from utils.errors import InputError
from utils.files import claimed
from utils.legend import COAST, legend_for


def test_demo_alone_draws_four_samples(demo_folder, monkeypatch, capsys):
    run(monkeypatch)
    drawn = sorted((demo_folder / "runs/demo").glob("*.png"))
    assert len(drawn) == 4 and all(
        file.suffix == ".png" and file.stat().st_size > 10_000 for file in drawn
    )
    out = capsys.readouterr().out
    assert out.count("  true:      ") == out.count("  predicted: ") == 4
    assert "no screen" not in out  # not on a terminal: no window is tried


def test_demo_names_each_sample_in_its_file_and_its_words(demo_folder, monkeypatch, capsys):
    run(monkeypatch, "--sample", "plot 1/a", "--sample", "plot 2/a", "--out", "here")
    assert sorted(file.name for file in (demo_folder / "here").glob("*.png")) == [
        "sample_plot_1_a.png",
        "sample_plot_2_a.png",
    ]
    out = capsys.readouterr().out
    assert "true:      2020-05 water -> woodland\n" in out
    assert "true:      2020-01 water -> woodland; 2020-09 woodland -> water\n" in out


def test_the_same_command_draws_the_same_samples(demo_folder, monkeypatch, capsys):
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    told = []
    for _ in range(2):
        run(monkeypatch, "--n", "3")
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


def test_weights_of_some_bands_and_merged_classes_take_the_same_data(
    demo_folder, monkeypatch, capsys
):
    net = models.build(
        "unet", bands=("B8", "B4"), legend=legend_for(["woodland", "other"]), widths=(4, 8)
    )
    models.save(demo_folder / "two.safetensors", net)
    run(
        monkeypatch, "--data", "made_up.npz", "--weights", "two.safetensors", "--sample", "plot 1/a"
    )
    assert "2020-05 other -> woodland" in capsys.readouterr().out


STACK = np.full((24, 10, 2, 2), 900, np.int16) + np.arange(10, dtype=np.int16)[:, None, None]


@pytest.mark.parametrize("at", [("113.0342,28.0101",), ("113.0342", "28.0101"), None])
def test_one_pixel_of_a_stack_is_drawn_as_a_sample(demo_folder, monkeypatch, capsys, at):
    folder = write_folder(demo_folder / "town", STACK)
    words = ("--at", *at) if at else ("--at=113.0342,28.0101",)
    run(monkeypatch, "--stack", str(folder), *words)
    files = [file.name for file in (demo_folder / "runs/demo").glob("*.png")]
    assert files == ["town_at_113.0342_28.0101.png"]
    assert "true:" not in capsys.readouterr().out


def test_western_and_southern_places_are_read(demo_folder, monkeypatch, capsys):
    folder = str(write_folder(demo_folder / "town", STACK))
    for at in (("-63.50001,-9.25",), ("-63.50001", "-9.25")):
        said = refused(monkeypatch, capsys, "--stack", folder, "--at", *at)
        assert "has no pixel at -63.50001,-9.25" in said


def test_what_a_stack_holds_beside_reflectance_is_told_and_mended(demo_folder, monkeypatch, capsys):
    """The step of +1000 of 2022 is told as map.py tells it, and the reading flags work."""
    stack = np.broadcast_to(STACK, (24, 10, 2, 2)).repeat(12, 2).repeat(12, 3).copy()
    stack[12:] += 1000
    folder = str(write_folder(demo_folder / "town", stack, first=np.datetime64("2021-01", "M")))
    at = ("--at", "113.0342", "28.0101")
    run(monkeypatch, "--stack", folder, *at)
    assert "--offset auto" in capsys.readouterr().err
    seen = []
    monkeypatch.setattr(demo, "series_figure", lambda x, *args, **flags: seen.append(x) or Figure())
    run(monkeypatch, "--stack", folder, *at, "--offset", "auto")
    assert "taken away" in capsys.readouterr().err and np.ptp(seen[0], axis=1).max() == 0
    run(monkeypatch, "--stack", folder, *at, "--scale", "2", "--nodata", "900", "-9999")
    assert seen[1][1, 0] == 2 * 901 and np.isnan(seen[1][0, 0])


def test_a_missing_raster_library_is_named(demo_folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "stacks.stack", None)
    said = refused(monkeypatch, capsys, "--stack", "town.tif", "--at", "1,2")
    assert "mapping/requirements.txt" in said


def test_a_second_demo_in_the_same_folder_waits_for_nobody(demo_folder, monkeypatch, capsys):
    with claimed(demo_folder / "runs/demo"):
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


def test_names_of_all_languages_get_a_file_each(demo_folder, monkeypatch, capsys):
    names = ["été 1", "été/1", "\u6c34\u7530 to \u57ce", "x" * 300]
    save_samples(demo_folder / "vallée d'Aure.npz", replace(made_up(4), ids=np.array(names)))
    flags = [word for name in names for word in ("--sample", name)]
    run(monkeypatch, "--data", "vallée d'Aure.npz", *flags, "--out", "ma carte")
    files = {file.name for file in (demo_folder / "ma carte").glob("*.png")}
    expected = {"sample_été_1.png", "sample_été_1-2.png", "sample_\u6c34\u7530_to_\u57ce.png"}
    assert len(files) == 4 and expected <= files


def test_the_flags_are_the_arguments_of_draw(demo_folder):
    flags = set(vars(demo.make_parser().parse_args([]))) - {"show"}
    assert flags == set(inspect.signature(demo.draw).parameters)


def test_a_notebook_gets_the_files(demo_folder, capsys):
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
def test_what_cannot_be_used_ends_in_one_line(demo_folder, monkeypatch, capsys, arguments, said):
    save_samples(demo_folder / "coast.npz", made_up(legend=COAST))
    save_samples(demo_folder / "unchanged.npz", made_up().take(slice(0, None, 3)))
    assert said in refused(monkeypatch, capsys, *arguments)
    assert not (demo_folder / "runs").exists()


def test_no_weights_at_all_says_how_to_get_some(demo_folder, monkeypatch, capsys):
    (demo_folder / "model_data" / "tiny.safetensors").unlink()
    assert "run.py" in refused(monkeypatch, capsys)


def test_an_unknown_flag_is_an_error(demo_folder, monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "--change")
    assert end.value.code == 2


def test_show_without_a_screen_does_not_hang(demo_folder, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    run(monkeypatch, "--sample", "plot 1/a", "--show")
    assert "no screen found" in capsys.readouterr().out
