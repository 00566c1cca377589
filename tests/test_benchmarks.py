"""The benchmarks: what they write is what they measured, and the README files hold just that."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

import run
from benchmarks import accuracy, decoding, house, robustness, table_forms, tables, world_beside_real
from tests.conftest import ROOT, make_samples
from utils.bands import BANDS
from utils.errors import InputError


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of benchmarks with two short runs, one of them adapted, made by accuracy.py."""
    from data_loader import save_samples

    folder = tmp_path_factory.mktemp("benchmarks")
    save_samples(folder / "tiny.npz", make_samples(60))
    with pytest.MonkeyPatch.context() as patch:
        for module in (accuracy, robustness, decoding):
            patch.setattr(module, "HERE", folder)
        patch.setattr(accuracy, "run", run_here(patch))
        for flags in (["--split", "site", "--adapt"], ["--split", "later"]):
            flags += ["--networks", "patchnet", "--data", folder / "tiny.npz"]
            call(patch, accuracy, *flags, "--out", folder / "accuracy.csv")
        call(patch, robustness, "--out", folder / "robustness.csv")
        call(patch, decoding, "--out", folder / "decoding.csv")
    return folder


def run_here(patch):
    """Do what accuracy.run does, in this process and with one epoch."""

    def call_run(flags, name, folder):
        where = ["--name", name, "--runs", folder.parent, "--weights", folder, "--threads", "1"]
        call(patch, run, *flags, "--epochs", "1", *where)

    return call_run


def call(patch, module, *arguments):
    patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


def test_a_row_of_the_accuracy_table_is_what_the_run_scored(runs):
    table = pd.read_csv(runs / "accuracy.csv").set_index(["split", "network"])
    assert set(table.index) == {
        ("site", "patchnet"),
        ("site", "patchnet --adapt"),
        ("later", "patchnet"),
    }
    scores = json.loads((runs / "runs" / "tiny-site-patchnet-0" / "scores.json").read_text())
    row = table.loc[("site", "patchnet")]
    assert row["OA"] == pytest.approx(scores["test"]["OA"])
    assert row["parameters"] == scores["training"]["parameters"]
    adapted = runs / "runs" / "tiny-site-patchnet-0-adapted" / "scores.json"
    after = json.loads(adapted.read_text())["after"]["OA"]
    assert table.loc[("site", "patchnet --adapt"), "OA"] == pytest.approx(after)


def test_a_finished_run_is_not_repeated(runs, monkeypatch):
    monkeypatch.setattr(accuracy, "HERE", runs)
    monkeypatch.setattr(accuracy, "run", None)  # a call would fail
    flags = ["--data", runs / "tiny.npz", "--networks", "patchnet", "--split", "later"]
    call(monkeypatch, accuracy, *flags, "--out", runs / "again.csv")
    assert (runs / "again.csv").read_text() == (runs / "accuracy.csv").read_text()


def test_rows_of_runs_that_are_no_longer_there_stay_in_the_accuracy_table(runs, tmp_path):
    table = pd.read_csv(runs / "accuracy.csv")
    earlier = table.head(1).assign(OA=0.5)
    pd.concat([earlier, earlier.assign(network="fcn")]).to_csv(tmp_path / "a.csv", index=False)
    found = accuracy.with_earlier(table, tmp_path / "a.csv").set_index(accuracy.WHICH)["OA"]
    assert len(found) == len(table) + 1 and (found == 0.5).sum() == 1
    assert found.xs("fcn", level="network").item() == 0.5


def test_a_network_that_was_not_timed_has_no_rate_in_the_results():
    speed = pd.DataFrame(
        {"network": ["fcn"], "threads": [2], "ratio": [1.0], "series_per_second": [2351]}
    )
    assert table_forms.rate_of(speed, "fcn") == "2,351"
    assert table_forms.rate_of(speed, "patchnet_large") == "-"


def test_robustness_is_of_the_test_part_that_the_run_kept_apart(runs):
    table = pd.read_csv(runs / "robustness.csv").set_index(["split", "network"])
    scored = pd.read_csv(runs / "accuracy.csv").set_index(["split", "network"])["OA"]
    for split in ("site", "later"):
        assert table.loc[(split, "patchnet"), "OA"] == pytest.approx(scored[split, "patchnet"])
        nearest = table.loc[(split, "nearest")]
        assert nearest["OA"] == 1 and 0.8 < nearest["OA_50_missing"] < 1
    assert len(table) == 4  # the adapted run has seen the test series and gets no row


def test_rows_of_runs_that_are_no_longer_there_stay_in_the_robustness_table(
    runs, tmp_path, monkeypatch
):
    monkeypatch.setattr(accuracy, "HERE", runs)
    monkeypatch.setattr(robustness, "HERE", runs)
    table = pd.read_csv(runs / "robustness.csv")
    pd.concat([table, table.head(1).assign(seed=7)]).to_csv(tmp_path / "r.csv", index=False)
    call(monkeypatch, robustness, "--out", tmp_path / "r.csv")
    assert sorted(pd.read_csv(tmp_path / "r.csv")["seed"]) == [0, 0, 0, 0, 7]


def test_every_way_to_decode_gets_a_row(runs):
    table = pd.read_csv(runs / "decoding.csv")
    assert len(table) == 4 and table["OA"].between(0, 1).all()


@pytest.mark.parametrize("module", [robustness, decoding])
def test_a_benchmark_without_runs_says_what_makes_them(module, tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy, "HERE", tmp_path)
    with pytest.raises(InputError, match=r"no runs found; expected those of accuracy\.py"):
        call(monkeypatch, module, "--out", tmp_path / "out.csv")


def test_the_figures_in_the_readme_files_are_those_of_the_csv_files(monkeypatch):
    """If this fails, run: python benchmarks/tables.py"""
    call(monkeypatch, tables, "--check")


def test_a_figure_in_a_readme_follows_its_csv_file(tmp_path, monkeypatch):
    page = tmp_path / "README.md"
    page.write_text("Before <!-- ratio -->1<!-- /ratio --> after\n<!-- t -->\nold\n<!-- /t -->\n")
    monkeypatch.setattr(tables, "pages", lambda: {page: {"ratio": "61", "t": "| a |\n| b |"}})
    with pytest.raises(InputError, match="old figures"):
        call(monkeypatch, tables, "--check")
    call(monkeypatch, tables)
    new = "Before <!-- ratio -->61<!-- /ratio --> after\n<!-- t -->\n| a |\n| b |\n<!-- /t -->\n"
    assert page.read_text() == new
    call(monkeypatch, tables, "--check")


def test_a_lost_marker_is_said_and_nothing_is_written(tmp_path, monkeypatch):
    page = tmp_path / "README.md"
    page.write_text("<!-- a -->\n<!-- /a -->\n")
    monkeypatch.setattr(tables, "pages", lambda: {page: {"a": "new", "b": "lost"}})
    with pytest.raises(InputError, match=r"README\.md: no <!-- b -->"):
        call(monkeypatch, tables)
    assert page.read_text() == "<!-- a -->\n<!-- /a -->\n"


def test_means_and_spreads_in_the_tables_are_right():
    rows = pd.DataFrame(
        {"network": ["fcn", "fcn", "a", "a"], "recipe": ["paper", "paper", "modern", "modern"]}
        | {"seed": [0, 1, 0, 1], "OA": [0.8, 0.9, 0.9, 0.95]}
        | dict.fromkeys(set(table_forms.NAMES) - {"OA"}, 0.5)
        | {"parameters": 1000, "cpu_minutes": 2.0}
    )
    first, second = table_forms.accuracy_table(rows).splitlines()[2:]
    assert first.startswith("| `fcn` `--recipe paper` | 0.8500 ± 0.0707 |") and "1.00 ± 0" in first
    assert second.startswith("| `a` | 0.9250 ± 0.0354 |") and "| 0.50 ± 0.00 | 1,000 |" in second
    one = table_forms.accuracy_table(rows[rows["seed"] == 0]).splitlines()[2]
    assert "| 0.8000 |" in one and "±" not in one


def test_the_world_beside_real_series_is_read_in_the_month_with_the_lowest_ndvi():
    series = np.full((3, 10, 14), 1000.0)
    series[:, BANDS.index("B8")] = 3000.0
    series[:, BANDS.index("B8"), 5] = 1500.0
    series[:, BANDS.index("B11"), 5] = 2500.0
    series[:, :, 7] = np.nan
    series[:, BANDS.index("B8"), 13] = 500.0  # after the first year
    found = world_beside_real.medians(series)
    assert found["NDVI low"] == pytest.approx(0.2) and found["NDVI high"] == pytest.approx(0.5)
    assert (found["B8"], found["B11"]) == pytest.approx((0.15, 0.25))


def test_house_counts_code_and_not_comments_or_docstrings(tmp_path):
    path = tmp_path / "code.py"
    path.write_text(
        '"""Doc\n\nstring."""\n\n# a comment\n\n\n'
        'def double(x):\n    """Doc."""\n    return (\n        2 * x\n    )\n'
    )
    counts = house.file_counts(path)
    assert counts["code"] == 4 and counts["functions"] == [(5, "double")]
    assert counts["nodes"] == 14 and counts["long"] == 0


def test_house_runs_over_this_repository(monkeypatch, capsys):
    call(monkeypatch, house, ROOT, "--show", 3)
    said = capsys.readouterr().out
    assert "syntax nodes per code line" in said and "README.md: " in said
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
