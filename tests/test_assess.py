"""assess.py with the stack of a map: what the page holds, and samples to train on."""

import numpy as np
import pytest
from assess_files import MONTHS, made_up_labels, truth_csv, write_map, write_stack

from assessing.design import design
from data_loader import load_samples
from tests.conftest import assert_one_clear_line, run_script
from utils.errors import InputError


def test_the_stack_gives_series_and_chips_but_never_the_maps_answer(tmp_path):
    labels = made_up_labels()
    stack = write_stack(tmp_path / "stack", labels)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, found = design(made, tmp_path / "a", points=12, minimum=2)
    page = [out / "index.html", *(out / "page").rglob("*")]
    shown = "".join(path.read_text() for path in page if path.suffix in (".html", ".js", ".css"))
    for word in ("stratum", "stable", "weight", "woodland to bare soil", "hectares"):
        assert word not in shown
    names = {path.stem for path in (out / "page" / "points").glob("*.js")}
    assert names == set(found.points["id"])
    series = np.load(out / "series.npz")
    at = found.points["row"][0], found.points["column"][0]
    assert series["x"].shape == (12, 10, MONTHS)
    import rasterio

    with rasterio.open(sorted(stack.glob("*.tif"))[0]) as raster:
        assert (raster.read()[:, at[0], at[1]] == series["x"][0, :, 0]).all()


def test_an_interpreters_file_makes_training_samples(tmp_path):
    labels = made_up_labels()
    stack = write_stack(tmp_path / "stack", labels)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, found = design(made, tmp_path / "t", points=40, minimum=4, training=True)
    path = truth_csv(out / "reference.csv", found, labels, only=30)
    with open(path, "a") as file:
        file.write(f"{found.points['id'][35]},ann,2019-02,2020-03,,cannot tell,,\n")
    samples = load_samples(path)
    assert len(samples) == 30 and samples.x.shape[1:] == (10, MONTHS)
    at = [np.array(found.points[name][:30]) for name in ("row", "column")]
    assert (samples.y == labels[:, at[0], at[1]].T).all()
    assert samples.ids.tolist() == found.points["id"][:30] and samples.months[0] == found.months[0]
    with pytest.raises(InputError, match="has no series.npz"):
        load_samples(path.rename(tmp_path / "reference.csv"))


def test_the_page_does_without_bands_that_a_stack_lacks(tmp_path):
    labels = made_up_labels()
    six = [0, 1, 2, 7, 8, 9]  # as Landsat has
    stack = write_stack(tmp_path / "stack", labels, bands=six)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, _ = design(made, tmp_path / "a", points=12, minimum=2)
    series = np.load(out / "series.npz")
    assert series["bands"].tolist() == ["B2", "B3", "B4", "B8A", "B11", "B12"]
    assert series["x"].shape[1] == 6


def test_the_script_says_what_it_drew_and_ends_bad_input_in_one_line(area, tmp_path):
    done = run_script("assess.py", "design", area[0], "--out", tmp_path / "a", "--no-page")
    assert "600 points of 1,976 pixels" in done.stdout and "stable woodland" in done.stdout
    numbers = next(line for line in done.stdout.splitlines() if "stable woodland" in line).split()
    points, hectares, each = (float(number) for number in numbers[:3])
    assert each == pytest.approx(hectares / points, abs=0.01)
    assert_one_clear_line(run_script("assess.py", "report", tmp_path / "a"), "reference.csv")
