"""map.py --product: the product says what, the series says when."""

import json

import numpy as np
import pytest
import rasterio
import torch
from pyproj import Transformer

import demo
import map as map_script
import models
from mapping.evidence import (
    SWITCH_COST,
    TEMPERATURES,
    TRUSTS,
    ProductEvidence,
    find_evidence,
    months_meant,
)
from mapping.pipeline import make_map
from models.breaks import HALVED_AT
from stacks.stack import open_stack
from tests.label_files import CODES, GRID, STEPS, land, reflectance, write_land, write_product
from tests.stack_files import write_zarr
from utils.bands import BANDS
from utils.errors import InputError
from utils.legend import URBAN


class TakesCropForGrass(torch.nn.Module):
    """A network that knows the levels of the made-up land, but calls cropland grassland, surely."""

    def __init__(self):
        super().__init__()
        level = np.random.default_rng(5).uniform(400, 4000, (6, 10))
        self.level = torch.nn.Parameter(torch.from_numpy(level).float())

    def forward(self, x):
        gap = (x[:, None] - self.level[None, :, :, None]) / 300  # (B, K, C, T)
        score = -(torch.nan_to_num(gap) ** 2).mean(2)
        score[:, 2] = torch.maximum(score[:, 2], score[:, 5])
        score[:, 5] = score[:, 5] - 6
        return score


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Made-up land, its spoilt products, and the weights of a network that is wrong of crops."""
    folder = tmp_path_factory.mktemp("map")
    labels = write_land(folder, spoilt=0.2)
    return folder, labels


@pytest.fixture
def wrong_network(monkeypatch, tmp_path):
    """Weights of which models.load gives the network that takes cropland for grassland."""
    net = TakesCropForGrass().eval()
    small = models.build("patchnet", bands=BANDS, legend=URBAN)
    net.card = small.card | {"switch_cost": 1.0}
    weights = tmp_path / "w.safetensors"
    models.save(weights, small)
    monkeypatch.setattr("models.load", lambda *_, **__: net)
    monkeypatch.setattr("mapping.windows.load_network", lambda *_: net)
    return weights


def labels_of(out):
    with rasterio.open(out / "labels.tif") as raster:
        return raster.read()


def test_map_takes_the_class_of_the_product_and_the_month_of_the_series(
    made, wrong_network, tmp_path
):
    folder, true = made
    stack = folder / "city.zarr"
    alone = labels_of(make_map(stack, wrong_network, tmp_path / "alone", page=False))
    products = [(2020, str(folder / "worldcover_2020.tif"))]
    both_map = make_map(stack, wrong_network, tmp_path / "both", products=products, page=False)
    both = labels_of(both_map)
    with rasterio.open(folder / "worldcover_2020.tif") as raster:
        product = np.argsort(CODES)[np.searchsorted(np.sort(CODES), raster.read(1))]
    right = {name: (found == true).mean() for name, found in (("alone", alone), ("both", both))}
    right["product"] = (product == true[18]).mean()
    assert right["both"] > max(right["alone"], right["product"]) + 0.03, right
    stays = (true == true[0]).all(axis=0)
    false = (both != both[0]).any(axis=0)[stays].mean()
    assert false < 0.03, false
    # A change after the product's year is still found, within a month.
    later = (true[24] != true[23]) & (true[23] == true[0])
    assert later.sum() > 80
    month = (both[:, later] == 4).argmax(axis=0)
    assert (np.abs(month - 24) <= 1).mean() > 0.7
    settings = json.loads((both_map / "config.json").read_text())["products"]
    assert settings[0]["product"].startswith("2020=") and settings[0]["trust"] in TRUSTS


def test_resume_refuses_another_product(made, wrong_network, tmp_path):
    folder, _ = made
    stack, out = folder / "city.zarr", tmp_path / "out"
    make_map(stack, wrong_network, out, page=False, products=[(2020, _first(folder))])
    with pytest.raises(InputError):
        make_map(stack, wrong_network, out, page=False, resume=True)


def _first(folder):
    return str(folder / "worldcover_2020.tif")


def test_a_product_means_its_year_and_the_segment_that_fills_most_of_it():
    labels = np.array([[0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [2] * 10], np.int8)
    year = np.zeros(10, bool)
    year[3:7] = True
    assert months_meant(labels, year).astype(int).tolist() == [
        [0, 0, 0, 1, 1, 1, 1, 1, 1, 1],
        [1] * 10,
    ]


def test_a_product_says_less_of_each_month_the_more_months_it_means():
    evidence = ProductEvidence((_Year(2020),), (0.8,), 2018 + np.arange(48) // 12, 6)
    changes = (np.arange(48) // 12)[None].astype(np.int8)  # each January
    stays = np.zeros((1, 48), np.int8)
    in_one_year, in_all = (
        -evidence.of_months(np.array([[3]], np.int8), labels)[0, 0] for labels in (changes, stays)
    )
    assert (in_one_year > 0).sum() == 12 and (in_all > 0).sum() == 48
    assert in_one_year.sum() < in_all.sum() < 4 * in_one_year.sum()


def test_a_pixel_without_a_class_gets_no_evidence():
    evidence = ProductEvidence((_Year(2020),), (0.8,), np.full(12, 2020), 6)
    says = evidence.of_months(np.array([[-1], [3]], np.int8), np.zeros((2, 12), np.int8))
    assert not says[0].any()
    assert (says[1, 3] == 0).all() and np.allclose(np.exp(says[1, 0]), 0.04 / 0.8)


@pytest.mark.parametrize("errors, trust", [(0.05, 0.95), (0.3, 0.7)])
def test_trust_of_a_product_is_how_often_it_is_right_on_the_area(errors, trust):
    rng = np.random.default_rng(0)
    true, wrong = rng.integers(0, 6, 2000), rng.random(2000) < errors
    says = np.where(wrong, (true + rng.integers(1, 6, 2000)) % 6, true)
    scores = np.full((2000, 6, 12), np.log(0.002))
    scores[np.arange(2000), true] = np.log(0.99)
    evidence = ProductEvidence((_Year(2020),), (0.8,), np.full(12, 2020), 6)
    fitted = evidence.most_likely(scores, says[:, None])
    assert fitted.trust == (trust,) and fitted.temperature < 2


def test_a_network_that_knows_nothing_of_the_land_is_tempered():
    rng = np.random.default_rng(0)
    says, guess = rng.integers(0, 6, 2000), rng.integers(0, 6, 2000)
    scores = np.full((2000, 6, 12), np.log(0.002))
    scores[np.arange(2000), guess] = np.log(0.99)
    evidence = ProductEvidence((_Year(2020),), (0.8,), np.full(12, 2020), 6)
    assert evidence.most_likely(scores, says[:, None]).temperature == max(TEMPERATURES)


def test_a_map_with_products_runs_the_network_once_and_goes_by_its_own_segments():
    net = TakesCropForGrass().eval()
    net.card = {"legend": URBAN, "switch_cost": 1.0}
    series = reflectance(land())[:, :, 12:20, 12:20].reshape(36, 10, -1).transpose(2, 1, 0)
    says = np.full((len(series), 1), 5, np.int8)
    evidence = ProductEvidence((_Year(2020),), (0.8,), 2019 + np.arange(36) // 12, 6)
    alone = models.label(net, series)[0]
    net.card |= {"switch_cost": SWITCH_COST, "break": HALVED_AT}
    known = evidence.of_months(says, alone)
    twice = models.label(net, series, evidence=known, temperature=evidence.temperature)
    net.card, calls = {"legend": URBAN, "switch_cost": 1.0}, []
    net.register_forward_hook(lambda *_: calls.append(1))
    once = evidence.label(net, series, says, batch_size=len(series), whole_batches=True)
    assert np.array_equal(once[0], twice[0]) and len(calls) == 1


class _Year:
    def __init__(self, year):
        self.year = year


@pytest.mark.parametrize(
    "words, found",
    [
        (("--product", "{path}"), "no year"),
        (("--product", "2012={path}"), "of the year 2012"),
        (("--product", "2020={path}", "--product-legend", "corine"), "expected those of corine"),
        (("--product", "2020={path}", "--product-legend", "mine"), "not known"),
        (("--product", "2020={path}", "--product-trust", "1.5"), "below 1"),
    ],
)
def test_wrong_product_flags_are_one_line(made, tmp_path, words, found):
    words = [word.format(path=made[0] / "worldcover_2020.tif") for word in words]
    with pytest.raises(InputError, match=found) as error:
        map_script.main([str(made[0] / "city.zarr"), *words, "--out", str(tmp_path / "map")])
    assert "\n" not in str(error.value) and not list(tmp_path.glob("map/*.tif"))


def test_product_with_none_of_the_networks_classes_is_one_line(made, tmp_path):
    stack = write_zarr(tmp_path / "a.zarr", reflectance(land()), transform=GRID)
    (tmp_path / "c.csv").write_text("10,mangrove\n30,mud\n")
    write_product(tmp_path / "p.tif", np.full((32, 32), 10, np.uint8))
    with pytest.raises(InputError, match="mangrove, mud found; expected some of the network's"):
        find_evidence(
            [(2020, str(tmp_path / "p.tif"))],
            open_stack(stack),
            URBAN,
            classes=tmp_path / "c.csv",
        )
    assert STEPS == 36


def test_demo_draws_a_pixel_decoded_with_the_product(made, wrong_network, tmp_path, capsys):
    folder, _ = made
    stack = open_stack(folder / "city.zarr")
    row = column = 17  # cropland, which the network takes for grassland
    product = write_product(tmp_path / "worldcover.tif", np.full((32, 32), 40, np.uint8))
    place = stack.geobox.transform @ (column + 0.5, row + 0.5)
    at = Transformer.from_crs("EPSG:32649", "EPSG:4326", always_xy=True).transform(*place)
    how = {"stack": folder / "city.zarr", "at": at, "out": tmp_path / "drawn"}
    demo.draw(wrong_network, **how)
    assert "predicted: no change, grassland" in " ".join(capsys.readouterr().out.split())
    demo.draw(wrong_network, **how, product=[f"2020={product}"])
    said = " ".join(capsys.readouterr().out.split())
    assert "decoded with 2020 cropland" in said and "grassland" not in said
