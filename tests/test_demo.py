"""demo.py: from weights and samples to pictures and words, and one line for whatever cannot be
used.
"""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

import demo
import models
from data_loader import BANDS, Samples, load_samples, save_samples
from utils.errors import run_main
from utils.legend import COAST, URBAN, legend_for


def made_up(count=60, steps=24, legend=URBAN, seed=0):
    """Series with a change (every third), two changes, or none; sites of four samples."""
    rng = np.random.default_rng(seed)
    y = np.zeros((count, steps), np.int8)
    y[1::3, steps // 2 :] = 1
    y[2::3, steps // 3 :] = 1
    y[2::3, 2 * steps // 3 :] = 0
    x = (
        rng.normal(1000, 100, (count, len(BANDS), steps)).astype(np.float32)
        + np.float32(2000) * y[:, None]
    )
    x[:, :, 3] = np.nan
    months = np.datetime64("2019-05", "M") + np.arange(steps)
    ids = np.array([f"plot {i}/a" for i in range(count)])
    site = np.array([f"s{i // 4}" for i in range(count)])
    return Samples(x, y, months, BANDS, legend, ids, None, site)


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
    monkeypatch.setattr(demo, "HERE", tmp_path)
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
    drawn = sorted((work / "runs/demo").iterdir())
    assert len(drawn) == 4 and all(
        file.suffix == ".png" and file.stat().st_size > 10_000 for file in drawn
    )
    out = capsys.readouterr().out
    assert out.count("  true:      ") == out.count("  predicted: ") == 4
    assert "no screen" not in out  # not on a terminal: no window is tried


def test_demo_names_each_sample_in_its_file_and_its_words(work, monkeypatch, capsys):
    run(monkeypatch, "--sample", "plot 1/a", "--sample", "plot 2/a", "--out", "here")
    assert sorted(file.name for file in (work / "here").iterdir()) == [
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


def chosen(samples, monkeypatch, answer, **flags):
    """What `telling` chooses when the network's labels are answer(true labels)."""
    monkeypatch.setattr(
        models, "label", lambda net, x: (answer(samples.y[np.searchsorted(keys, x[:, 0, 0])]), None)
    )
    keys = np.arange(len(samples), dtype=np.float32)
    samples.x[:, 0, 0] = keys  # so that the made-up network knows each series again
    args = SimpleNamespace(**{"seed": 0, "n": 4, "changed": False, "wrong": False} | flags)
    return demo.telling(samples, np.arange(len(samples)), None, args)


def half_right(y):
    """Labels that are right but for series with two changes, of which the second is overlooked."""
    answer = y.copy()
    twice = [len(classes) == 3 for classes in demo.sequences(y)]
    answer[twice, y.shape[1] // 2 :] = 1
    return answer


def test_default_samples_are_of_four_kinds(monkeypatch):
    samples = made_up()
    samples.y[5::3, -1] = 2  # some of two changes get a third, which the network finds
    rows = chosen(samples, monkeypatch, half_right)
    assert [why for _, why in rows] == [
        "one change, right",
        "several changes, right",
        "no change, strongest season, right",
        "wrong",
    ]


def test_the_unchanged_sample_has_the_strongest_season(monkeypatch):
    samples = made_up()
    samples.x[9, BANDS.index("B8")] += 4000 * np.sin(np.arange(24) / 12 * 2 * np.pi) ** 2
    samples.x[12, :, ::3] = 9000  # snow
    rows = dict((why, row) for row, why in chosen(samples, monkeypatch, lambda y: y))
    assert rows["no change, strongest season, right"] == 9


def test_changed_gives_only_series_with_true_changes(monkeypatch):
    samples = made_up()
    rows = [row for row, _ in chosen(samples, monkeypatch, lambda y: y, changed=True, n=30)]
    assert len(set(rows)) == 30 and all(row % 3 for row in rows)


def test_wrong_gives_only_series_that_are_labelled_wrongly(monkeypatch):
    rows = chosen(made_up(), monkeypatch, half_right, wrong=True, n=50)
    assert sorted(row for row, _ in rows) == list(range(2, 60, 3))


def test_months_without_label_are_not_called_wrong(monkeypatch):
    samples = made_up()
    samples.y[:, :4] = -1
    assert {
        why for _, why in chosen(samples, monkeypatch, lambda y: np.where(y < 0, 5, y), n=20)
    } == {"one change, right", "several changes, right", "no change, strongest season, right"}


def test_default_samples_come_from_the_test_part(work, monkeypatch, capsys):
    monkeypatch.setattr(demo, "series_figure", lambda *args, **flags: Figure())
    run(monkeypatch, "--n", "100")
    drawn = re.findall(r"^sample (.+) \(", capsys.readouterr().out, re.M)
    samples = load_samples(work / "made_up.npz")
    test = demo.split_samples(samples, "site", seed=3)["test"]
    assert sorted(drawn) == sorted(samples.ids[test])


def test_the_weights_trained_last_are_the_default_whatever_the_file_times(work):
    net = models.load(work / "model_data" / "tiny.safetensors")
    models.save(
        work / "model_data" / "a.safetensors", net, training={"finished": "2026-02-01T00:00:00"}
    )
    models.save(
        work / "model_data" / "z.safetensors", net, training={"finished": "2025-12-01T00:00:00"}
    )
    assert demo.last_trained(work / "model_data").name == "a.safetensors"


def test_weights_of_some_bands_and_merged_classes_take_the_same_data(work, monkeypatch, capsys):
    net = models.build(
        "unet", bands=("B8", "B4"), legend=legend_for(["woodland", "other"]), widths=(4, 8)
    )
    models.save(work / "two.safetensors", net)
    run(
        monkeypatch, "--data", "made_up.npz", "--weights", "two.safetensors", "--sample", "plot 1/a"
    )
    assert "2020-05 other -> woodland" in capsys.readouterr().out


def test_one_pixel_of_a_stack_is_drawn_as_a_sample(work, monkeypatch, capsys):
    samples, asked = made_up(), {}

    def read_series(stack, lonlat, *, first_month=None):
        asked.update(stack=str(stack), lonlat=lonlat, first_month=first_month)
        return samples.x[1], samples.months

    monkeypatch.setitem(sys.modules, "mapping.stack", SimpleNamespace(read_series=read_series))
    run(monkeypatch, "--stack", "town.tif", "--at", "-63.5,-9.25", "--first-month", "2019-05")
    assert asked == {"stack": "town.tif", "lonlat": (-63.5, -9.25), "first_month": "2019-05"}
    assert [file.name for file in (work / "runs/demo").iterdir()] == ["town_at_-63.5_-9.25.png"]
    assert "true:" not in capsys.readouterr().out


def test_a_missing_raster_library_is_named(work, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mapping.stack", None)
    assert "mapping/requirements.txt" in refused(
        monkeypatch, capsys, "--stack", "town.tif", "--at", "1,2"
    )


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--sample", "plot 99/a"), "plot 99/a"),
        (("--weights", "none.safetensors"), "none.safetensors"),
        (("--data", "none.npz"), "none.npz"),
        (("--data", "coast.npz"), "5 classes"),
        (("--n", "0"), "--n 0"),
        (("--stack", "town.tif"), "--at"),
        (("--stack", "town.tif", "--at", "here"), "LON,LAT"),
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
