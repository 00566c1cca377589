"""label.py: samples from products, on made-up land and by its parts."""

import itertools
import re

import numpy as np
import pytest
from conftest import assert_one_clear_line, run_script
from hypothesis import given
from hypothesis import strategies as st
from label_files import (
    CODES,
    GRID,
    SIDE,
    STEPS,
    products_of,
    read_codes,
    reflectance,
    write_land,
    write_product,
)
from stack_files import write_folder, write_geotiff, write_zarr

import label
import models
from data_loader import load_samples
from labelling.candidates import (
    edges,
    even_shares,
    find_candidates,
    one_a_month,
    read_pixels,
    stratum_of,
)
from labelling.choose import choose
from labelling.dating import ONE_MONTH, labels_from_years, trained
from labelling.evidence import month_probabilities, product_evidence
from labelling.pipeline import label_stack
from stacks.product_legends import KNOWN, find_legend, read_classes
from stacks.products import find_products, with_lookup
from stacks.stack import open_stack
from utils.bands import BANDS
from utils.errors import InputError
from utils.legend import URBAN


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Made-up land with products of which a tenth is wrong, and the samples made from it."""
    folder = tmp_path_factory.mktemp("land")
    labels = write_land(folder)
    out = folder / "city.npz"
    label_stack(folder / "city.zarr", products_of(folder), out, steps=300)
    return folder, labels, out


def true_labels(samples, labels):
    """True labels (N, T) of samples, from the row and column in their ids."""
    places = np.array([each.split("_")[1::2] for each in samples.ids]).astype(int)
    return labels[:, places[:, 0], places[:, 1]].T


def test_samples_hold_nearly_the_true_labels(made):
    _, labels, out = made
    samples = load_samples(out)
    true = true_labels(samples, labels)
    labelled = samples.y >= 0
    assert len(samples) > 0.8 * SIDE * SIDE and labelled.mean() > 0.9
    assert (samples.y == true)[labelled].mean() > 0.98
    product = read_codes(made[0] / "worldcover_2020.tif")
    assert (product == np.array(CODES)[labels[18]]).mean() < 0.92  # the product is much worse


def test_changes_are_dated_to_their_month(made):
    _, labels, out = made
    samples = load_samples(out)
    true = true_labels(samples, labels)
    changed = (true != true[:, :1]).any(axis=1)
    before = (samples.y == true[:, :1]) | (samples.y < 0)
    month = np.where(~before, np.arange(STEPS), STEPS).min(axis=1)
    real = (true != true[:, :1]).argmax(axis=1)
    assert changed.sum() > 100
    assert (np.abs(month - real)[changed] <= 1).mean() > 0.9


def test_sites_are_blocks_so_that_a_split_holds_blocks_out(made):
    samples = load_samples(made[2])
    assert len(np.unique(samples.site)) > 30
    place = np.array([each.split("_")[1::2] for each in samples.ids]).astype(int) // 4
    for site in np.unique(samples.site):
        assert len(np.unique(place[samples.site == site], axis=0)) == 1


def test_places_of_samples_are_those_of_their_pixels(made):
    folder, _, out = made
    samples = load_samples(out)
    stack = open_stack(folder / "city.zarr")
    row, column = (int(part) for part in samples.ids[7].split("_")[1::2])
    series = stack.read(slice(row, row + 1), slice(column, column + 1))[:, :, 0, 0].T
    known = np.isfinite(samples.x[7])
    assert np.array_equal(samples.x[7][known], series[known])
    assert (series[~known] == -32768).all()
    assert 112 < samples.lonlat[7, 0] < 120 and 27 < samples.lonlat[7, 1] < 29


def test_evidence_stands_beside_the_labels(made):
    with np.load(made[2]) as file:
        y, evidence = file["y"], file["evidence"]
    assert evidence.shape == y.shape
    assert (evidence[y >= 0] >= 0.5).all() and (evidence[y < 0] == 0).all()
    rows = np.arange(5, 25)
    assert np.array_equal(load_samples(made[2]).take(rows).evidence, evidence[rows])


def test_report_says_what_was_taken_and_dropped(made):
    folder = made[0] / "city"
    text = (folder / "report.md").read_text()
    for words in ("worldcover", "taken", "grassland -> bare soil", "mean evidence", "2019-07"):
        assert words in text, words
    for name in ("area.png", "example_1.png"):
        assert (folder / name).stat().st_size > 5_000


def test_run_py_reads_the_samples(made, tmp_path):
    words = ("--data", made[2], "--epochs", 1, "--runs", tmp_path / "runs", "--weights", tmp_path)
    process = run_script("run.py", *words, "--name", "made")
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "made.safetensors").exists()


def test_land_that_does_not_change_gives_stable_samples(tmp_path, capsys):
    pixels = reflectance(write_land(tmp_path, change=False, spoilt=0))
    pixels[:4] = -32768  # months without a label are no change
    first = np.datetime64("2019-01", "M")
    write_zarr(tmp_path / "late.zarr", pixels, first=first, transform=GRID)
    out = tmp_path / "city.npz"
    label_stack(tmp_path / "late.zarr", products_of(tmp_path), out, steps=60)
    assert "samples, 0 of them change" in capsys.readouterr().out
    samples = load_samples(out)
    assert (np.where(samples.y < 0, samples.y.max(1, keepdims=True), samples.y).std(1) == 0).all()
    assert "No series changes" in (tmp_path / "city" / "report.md").read_text()


def test_a_stack_without_some_bands_gives_samples_that_run_py_can_read(tmp_path):
    labels = write_land(tmp_path)
    there = [0, 1, 2, 6, 7, 8, 9]  # no red edge
    names = [BANDS[i] for i in there]
    pixels = reflectance(labels)[:, there]
    first = np.datetime64("2019-01", "M")
    write_folder(tmp_path / "seven", pixels, first=first, transform=GRID, names=names)
    label_stack(tmp_path / "seven", products_of(tmp_path), tmp_path / "x.npz", steps=60)
    samples = load_samples(tmp_path / "x.npz")  # with all ten bands, as run.py reads them
    seen = np.isfinite(samples.x).any(axis=(0, 2))
    assert np.flatnonzero(seen).tolist() == there


def test_a_year_with_clouds_still_gives_samples(tmp_path):
    labels = write_land(tmp_path)
    first = np.datetime64("2019-01", "M")
    write_zarr(tmp_path / "y.zarr", reflectance(labels)[:12], first=first, transform=GRID)
    product = products_of(tmp_path)[:1]
    label_stack(tmp_path / "y.zarr", product, tmp_path / "x.npz", steps=100)
    assert len(load_samples(tmp_path / "x.npz")) > 0.9 * SIDE * SIDE


def test_a_stack_without_observations_is_one_line(tmp_path):
    labels = write_land(tmp_path)
    nothing = np.full_like(reflectance(labels), -32768)
    first = np.datetime64("2019-01", "M")
    write_zarr(tmp_path / "no.zarr", nothing, first=first, transform=GRID)
    with pytest.raises(InputError, match="0 of 1024 series with an observation"):
        label_stack(tmp_path / "no.zarr", products_of(tmp_path), tmp_path / "x.npz", steps=10)


def test_the_first_network_sees_one_month_alone():
    x = np.random.default_rng(0).normal(2000, 500, (80, 10, 24)).astype(np.float32)
    labels = np.zeros((80, 24), np.int8)
    net = trained(x, labels, BANDS, URBAN, steps=2, seed=0, **ONE_MONTH)
    before = models.predict(net, x)
    x[:, :, 12:] += 900
    after = models.predict(net, x)
    assert np.array_equal(before[:, :, :12], after[:, :, :12])
    assert not np.array_equal(before[:, :, 12:], after[:, :, 12:])


def test_same_seed_gives_the_same_samples(tmp_path):
    write_land(tmp_path)
    for name in ("a.npz", "b.npz"):
        label_stack(
            tmp_path / "city.zarr", products_of(tmp_path), tmp_path / name, steps=20, samples=200
        )
    first, second = load_samples(tmp_path / "a.npz"), load_samples(tmp_path / "b.npz")
    assert np.array_equal(first.ids, second.ids) and np.array_equal(first.y, second.y)
    assert len(first) <= 200


# The parts.


def found_products(folder, **options):
    stack = open_stack(folder / "city.zarr")
    looked_at = find_products(products_of(folder), stack, **options)
    return stack, [with_lookup(product, known, URBAN) for product, known in looked_at]


def test_candidates_hold_the_products_of_their_pixels(made):
    stack, products = found_products(made[0])
    found = find_candidates(products, stack, 6, 500)
    assert 480 <= len(found) <= 500
    codes = np.stack([read_codes(path) for _, path in products_of(made[0])])
    says = codes[:, found.row, found.column].T
    assert np.array_equal(np.array(CODES)[found.classes], says)
    pairs = np.stack([found.row, found.column], 1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_series_are_read_at_the_right_pixels(made):
    stack = open_stack(made[0] / "city.zarr")
    rng = np.random.default_rng(0)
    row, column = rng.integers(0, SIDE, 50), rng.integers(0, SIDE, 50)
    whole = stack.read(slice(0, SIDE), slice(0, SIDE))
    assert np.array_equal(
        read_pixels(stack, row, column), whole[:, :, row, column].transpose(2, 1, 0)
    )


def test_a_pixel_is_at_an_edge_if_a_neighbour_differs():
    block = np.zeros((1, 4, 4), np.int8)
    block[0, 1, 2] = 3
    block[0, 3, 3] = -1  # nothing known: no edge
    expected = np.zeros((4, 4), bool)
    expected[[0, 1, 1, 1, 2], [2, 1, 2, 3, 2]] = True
    assert np.array_equal(edges(block)[0], expected)


def test_products_of_one_month_that_disagree_say_nothing():
    classes = np.array([[1, 1, -1, 2], [1, 2, 3, -1], [4, 4, 4, 4]], np.int8)
    assert one_a_month(classes, [6, 6, 18]).tolist() == [[1, -1, 3, 2], [4, 4, 4, 4]]


@pytest.mark.parametrize(
    "yearly, stratum",
    [
        ([0, 0, 0], 0),
        ([2, 2, 1], 2 * 3 + 1),
        ([0, -1, 2], 2),
        ([0, 1, 0], 9),
        ([-1, -1, 1], 10),
        ([-1, -1, -1], -1),
    ],
)
def test_stratum_of_a_pixel(yearly, stratum):
    assert stratum_of(np.array(yearly, np.int8)[:, None], 3)[0] == stratum


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 120))
def test_shares_are_even_and_use_all_there_is(there, total):
    taken = even_shares(there, total)
    assert (taken <= there).all() and taken.sum() == min(total, sum(there))
    short = taken < np.array(there)  # those of which more are there got alike
    if short.any():
        assert taken[short].min() >= taken.max() - 1


def test_probabilities_are_those_of_all_paths():
    rng = np.random.default_rng(0)
    score = rng.normal(0, 2, (3, 2, 5)).astype(np.float32)
    paths = np.array(list(itertools.product(range(2), repeat=5)))
    costs = rng.uniform(0, 4, (5, 3))  # of a change before each month
    for series, found, cost in zip(score, month_probabilities(score, costs), costs.T):
        weight = series[paths, np.arange(5)].sum(1) - (np.diff(paths) != 0) @ cost[1:]
        weight = np.exp(weight - weight.max())
        for month in range(5):
            expected = weight[paths[:, month] == 1].sum() / weight.sum()
            assert found[1, month] == pytest.approx(expected, abs=1e-5)


def test_a_product_without_a_class_says_nothing():
    says = product_evidence(
        np.array([[-1], [1]], np.int8), np.zeros((2, 1), bool), [2], np.array([0.9, 0.8]), 4, 3
    )
    assert not says[0].any() and not says[1, :, [0, 1, 3]].any()
    assert np.allclose(np.exp(says[1, :, 2]), [0.05, 0.9, 0.05])


def test_between_years_of_one_class_that_class_is_taught():
    at, yearly = np.array([6, 18, 30]), np.array([[2, 2, 2], [2, 2, -1]], np.int8)
    lesson = labels_from_years(yearly, at, 36)
    assert (lesson[0, 5:32] == 2).all() and (lesson[1, 20:] == -1).all()


def test_a_class_of_one_year_alone_is_not_taught_between_years():
    lesson = labels_from_years(np.array([[2, 3, 2]], np.int8), np.array([6, 18, 30]), 36)[0]
    assert lesson[18] == 3 and (lesson[9:16] == -1).all() and (lesson[21:28] == -1).all()


def test_months_without_much_evidence_get_no_label():
    labels = np.zeros((3, 20), np.int8)
    evidence = np.full((3, 20), 0.9)
    evidence[0, 4], evidence[1, :15] = 0.4, 0.3
    observed = np.ones((3, 20), bool)
    observed[2, 5:] = False
    choice = choose(labels, evidence, observed, 2, 10)
    assert choice.rows.tolist() == [0] and choice.labels[0, 4] == -1
    assert choice.reason.tolist() == [0, 2, 1]


@pytest.mark.parametrize("name", KNOWN)
def test_known_legends_name_urban_classes(name):
    names = set(KNOWN[name].codes.values()) - {None}
    assert names <= set(URBAN.names) and len(names) >= 5


@pytest.mark.parametrize(
    "values, hints, name",
    [
        ([10, 50, 95], "any.tif", "worldcover"),
        ([10, 50, 80], "esa_worldcover_2020.tif", "worldcover"),
        ([10, 50, 80], "GlobeLand30_N49.tif", "globeland30"),
        ([111, 312], "map.tif", "corine"),
        ([0, 6], "dynamicworld.tif", "dynamicworld"),
        ([1, 5], "CLCD_v01_2020.tif", "clcd"),
    ],
)
def test_legend_is_told_by_codes_and_names(values, hints, name):
    assert find_legend("p", values, hints).name == name


def test_legend_that_could_be_several_is_asked_for():
    with pytest.raises(InputError, match=r"more than one legend fits.*worldcover.*globeland30"):
        find_legend("map.tif", [10, 20, 80], "map.tif")


@pytest.mark.parametrize("pixel, name", [(9.3, "worldcover"), (29.9, "globeland30")])
def test_legend_that_could_be_several_is_told_by_the_size_of_the_pixels(pixel, name, capsys):
    assert find_legend("map.tif", [10, 20, 80], "map.tif", pixel=pixel).name == name
    assert f"map.tif: read as {name}" in capsys.readouterr().err


def test_table_of_classes(tmp_path):
    (tmp_path / "t.csv").write_text("value,class\n1,mangrove\n2,mud\n9,\n")
    assert read_classes(tmp_path / "t.csv").codes == {1: "mangrove", 2: "mud", 9: None}


@pytest.mark.parametrize(
    "text, words",
    [
        ("1,a,b\n", "3 columns"),
        ("value,class\n", "no row"),
        ("value,class\n1,a\n1,b\n", "twice"),
        ("value,class\nx,a\n", "'x'"),
        ("", "cannot be read"),
        ("1,\n", "no class named"),
    ],
)
def test_damaged_table_of_classes_is_one_line(tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_classes(tmp_path / "t.csv")


# What people get wrong.


def spoilt(folder, kind):
    """A product that cannot be used, and words that its message must have."""
    path, codes = folder / f"{kind}_worldcover.tif", read_codes(folder / "worldcover_2020.tif")
    if kind == "elsewhere":
        write_product(path, codes, transform=GRID.translation(9e5, 0) @ GRID)
        return path, "overlap"
    if kind == "unknown_classes":
        write_product(path, codes + 3)
        return path, "classes 13, 33"
    if kind == "large_codes":
        write_product(path, codes.astype(np.int32) + 70_000)
        return path, "classes 70010, 70030"
    if kind == "one_class":
        write_product(path, np.full_like(codes, 40))
        return path, "all pixels are cropland"
    if kind == "no_crs":
        write_product(path, codes, crs=None)
        return path, "no CRS"
    if kind == "empty":
        write_product(path, np.zeros_like(codes))
        return path, "no class where the stack is"
    if kind == "two_bands":
        write_geotiff(path, np.stack([codes, codes]), transform=GRID, nodata=0)
        return path, "2 bands"
    if kind == "fractions":
        write_product(path, codes.astype(np.float32))
        return path, "float32"
    path.write_text("not a raster")
    return path, "cannot be read"


@pytest.mark.parametrize(
    "kind",
    [
        "elsewhere",
        "unknown_classes",
        "large_codes",
        "one_class",
        "no_crs",
        "empty",
        "two_bands",
        "fractions",
        "text",
    ],
)
def test_product_that_cannot_be_used_is_one_line(made, tmp_path, kind):
    path, words = spoilt(made[0], kind)
    with pytest.raises(InputError, match=words) as error:
        label_stack(made[0] / "city.zarr", [(2020, str(path))], tmp_path / "x.npz", steps=10)
    assert "\n" not in str(error.value) and not (tmp_path / "x.npz").exists()


def test_product_in_degrees_is_laid_on_a_stack_in_metres(made, tmp_path):
    import rasterio
    from rasterio.warp import calculate_default_transform, reproject

    source = made[0] / "worldcover_2020.tif"
    with rasterio.open(source) as raster:
        grid, width, height = calculate_default_transform(
            raster.crs, "EPSG:4326", SIDE, SIDE, *raster.bounds, resolution=2e-5
        )
        codes = np.zeros((height, width), np.uint8)
        reproject(raster.read(1), codes, src_transform=raster.transform, src_crs=raster.crs,
                  dst_transform=grid, dst_crs="EPSG:4326")  # fmt: skip
    path = tmp_path / "degrees_worldcover.tif"
    write_product(path, codes, transform=grid, crs="EPSG:4326")
    stack = open_stack(made[0] / "city.zarr")
    product, known = find_products([(2020, str(path))], stack)[0]
    both = [with_lookup(product, known, URBAN), *found_products(made[0])[1][1:2]]
    found = find_candidates(both, stack, 6, 2000)
    inside = (found.classes >= 0).all(axis=1)
    assert (found.classes[inside, 0] == found.classes[inside, 1]).mean() > 0.97


def test_products_that_never_agree_are_one_line(made, tmp_path):
    codes = read_codes(made[0] / "worldcover_2020.tif")
    other = write_product(tmp_path / "b_worldcover.tif", np.where(codes == 40, 10, 40).astype("u1"))
    pair = [(2020, str(made[0] / "worldcover_2020.tif")), (2020, str(other))]
    with pytest.raises(InputError, match="0 pixels with a class that the products agree on"):
        label_stack(made[0] / "city.zarr", pair, tmp_path / "x.npz", steps=10)


@pytest.mark.parametrize(
    "words, found",
    [
        (("--product", "2012={path}"), "of the year 2012"),
        (("--product", "{path}"), "no year"),
        (("--product", "2020={path}", "--samples", "5"), "at least 20"),
        (("--product", "2020={path}", "--legend", "corine"), "expected those of corine"),
        (("--product", "2020=nowhere.tif"), "nowhere.tif"),
        (("--product", "2020={path}", "--classes", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_wrong_flags_are_one_line(made, tmp_path, words, found):
    path = made[0] / "worldcover_2020.tif"
    words = [word.format(path=path) for word in words]
    with pytest.raises(InputError, match=re.escape(found)) as error:
        label.main([str(made[0] / "city.zarr"), *words, "--out", str(tmp_path / "x.npz")])
    assert "\n" not in str(error.value)


def test_a_user_sees_one_line(made, tmp_path):
    product = f"2012={made[0] / 'worldcover_2020.tif'}"
    words = (made[0] / "city.zarr", "--product", product, "--out", tmp_path / "x.npz")
    assert_one_clear_line(run_script("label.py", *words), "of the year 2012", "2019-01 to 2021-12")


def test_reflectance_of_the_made_up_land_is_int16():
    assert reflectance(np.zeros((3, 4, 4), np.int8)).dtype == np.int16
