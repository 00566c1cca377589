"""dataset/earth_engine.md: the project reads files of the names, bands and columns it writes."""

import ast
import re

import numpy as np
import pandas as pd
import pytest

from data_loader import load_samples
from stacks.stack import open_stack
from tests.conftest import ROOT
from tests.stack_files import values, write_geotiff
from utils.bands import BANDS, NO_OBSERVATION

PAGE = (ROOT / "dataset" / "earth_engine.md").read_text()
SCRIPTS = {
    language: re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    for language in ("javascript", "python")
}


def selectors():
    """Columns of each table that the page exports, from its own code."""
    found = re.findall(r"selectors[:=]\s*(\[.*?\](?:\s*\+ \[.*?\])?)", PAGE, re.DOTALL)
    return [re.findall(r"['\"]([\w:]+)['\"]", text) for text in found]


def test_both_languages_export_the_same_columns():
    long, long_python, folder, folder_python = (
        selectors()[0],
        selectors()[1],
        selectors()[2],
        selectors()[3],
    )
    assert (long, folder) == (long_python, folder_python)
    assert set(BANDS) <= set(long)


def test_bands_are_the_projects_in_its_order():
    for script in (SCRIPTS["javascript"][0], SCRIPTS["python"][0]):
        listed = re.search(r"bands = (\[.*?\])", script)[1]
        assert tuple(ast.literal_eval(listed)) == BANDS
        assert str(NO_OBSERVATION) in script and "S2_SR_HARMONIZED" in script


@pytest.mark.parametrize("number", range(3))
def test_python_scripts_are_python(number):
    ast.parse(SCRIPTS["python"][number])


def test_javascript_brackets_are_closed():
    for script in SCRIPTS["javascript"]:
        code = re.sub(r"//.*|'[^'\n]*'", "", script)
        for left, right in ("()", "[]", "{}"):
            assert code.count(left) == code.count(right)


def test_map_reads_a_folder_of_such_names(tmp_path):
    (prefix,) = set(re.findall(r"fileNamePrefix: '(\w+)' \+ name", PAGE))
    assert set(re.findall(r'fileNamePrefix=f"(\w+){name}"', PAGE)) == {prefix}
    stack = values(months=14, height=8, width=9)
    stack[5] = NO_OBSERVATION  # a month without a scene
    for i, month in enumerate(stack):
        name = np.datetime64("2019-01", "M") + i
        write_geotiff(tmp_path / f"{prefix}{name}.tif", month, names=BANDS)
    found = open_stack(tmp_path)
    assert found.months[0] == np.datetime64("2019-01", "M") and len(found.months) == 14
    assert np.array_equal(found.read(slice(0, 8), slice(0, 9)), stack)


def test_run_py_reads_the_one_table(tmp_path):
    columns = selectors()[0]
    months = [f"2019-{month:02d}" for month in range(1, 13)]
    rows = pd.DataFrame(
        [
            {"sample": sample, "site": "A", "lon": 112.9, "lat": 28.1, "month": month}
            | {"label": "woodland"}
            | {band: 500.0 + 10 * number for number, band in enumerate(BANDS)}
            for sample in ("a", "b")
            for month in months
        ]
    )
    rows.loc[3, list(BANDS)] = np.nan  # a month without an observation is an empty cell
    rows[columns].to_csv(tmp_path / "points.csv", index=False)
    samples = load_samples(tmp_path / "points.csv")
    assert samples.x.shape == (2, 10, 12) and np.isnan(samples.x[0, :, 3]).all()
    assert (samples.y == samples.legend.names.index("woodland")).all()
    assert samples.site.tolist() == ["A", "A"] and samples.lonlat[0].tolist() == [112.9, 28.1]


def test_run_py_reads_a_table_a_point_and_the_real_exports_have_its_columns(shared, tmp_path):
    columns = selectors()[2]
    file = sorted((shared / "gee_points").glob("*/*.csv"))[0]
    real = pd.read_csv(file)
    assert set(columns) <= set(real.columns)
    (tmp_path / "mine" / "site").mkdir(parents=True)
    (tmp_path / "real" / "site").mkdir(parents=True)
    written = real[columns].copy()
    written["system:time_start"] = written["system:time_start"].str[:10]  # YYYY-MM-dd
    written.to_csv(tmp_path / "mine" / "site" / file.name, index=False)
    real.to_csv(tmp_path / "real" / "site" / file.name, index=False)
    mine, theirs = load_samples(tmp_path / "mine"), load_samples(tmp_path / "real")
    assert np.array_equal(mine.x, theirs.x, equal_nan=True) and np.array_equal(mine.y, theirs.y)
    assert np.array_equal(mine.months, theirs.months)
