"""Maps of stacks that lack bands of the network, and of land unlike all that it was trained on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from rasterio.warp import transform

import models
from data_loader import save_samples
from drawing import choice
from mapping.pipeline import make_map
from models.unfamiliar import learn, unfamiliarity
from stacks.absent import missing_note, with_absent
from tests.conftest import made_up
from tests.stack_files import CRS, GRID, read_map, values, write_folder
from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError
from utils.legend import URBAN

SIX = ("B2", "B3", "B4", "B8A", "B11", "B12")  # Landsat and HLS
STACK = values()


def folder_of(path, names):
    rows = [BANDS.index(band) for band in names]
    return write_folder(path, STACK[:, rows], names=names)


def weights(path, **card):
    torch.manual_seed(0)
    net = models.build("patchnet", bands=BANDS, legend=URBAN)
    with torch.no_grad():
        for each in net.parameters():
            each.mul_(3 if each.ndim > 1 else 1)
    models.save(path, net, **card)
    return path


def test_six_bands_are_mapped_as_series_without_the_others(tmp_path, capsys):
    net = weights(tmp_path / "net.safetensors", without={"B5 B6 B7 B8": 0.31})
    out = make_map(folder_of(tmp_path / "six", SIX), net, tmp_path / "map", page=False)
    series = STACK.astype(np.float32)
    series[series == NO_OBSERVATION] = np.nan
    series[:, [BANDS.index(band) for band in BANDS if band not in SIX]] = np.nan
    flat = series.reshape(*series.shape[:2], -1).transpose(2, 1, 0)
    expected, _ = models.label(models.load(net), flat, precision="float32")
    found = read_map(out)[0]["labels"].reshape(len(STACK), -1).T
    labelled = found[:, 0] != 255
    assert labelled.mean() > 0.9
    assert (found == expected)[labelled].mean() > 0.999
    said = capsys.readouterr().err
    assert "has no B5, B6, B7, B8;" in said and "costs about 0.3 points" in said


def test_weights_that_never_saw_bands_missing_refuse_in_one_line(tmp_path):
    net = weights(tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="expected the bands B2, B3") as error:
        make_map(folder_of(tmp_path / "six", SIX), net, tmp_path / "map")
    assert "\n" not in str(error.value) and not (tmp_path / "map").exists()


def test_demo_draws_a_pixel_and_samples_without_the_missing_bands(tmp_path):
    net = models.load(weights(tmp_path / "net.safetensors", without={"B5 B6 B7 B8": 0.31}))
    x, y = GRID @ (5.5, 9.5)
    (lon,), (lat,) = transform(CRS, "EPSG:4326", [x], [y])
    drawn = choice.pixel_of_stack(net, folder_of(tmp_path / "six", SIX), (lon, lat))
    rows = [BANDS.index(band) for band in SIX]
    there = np.isfinite(drawn.x).any(axis=1)
    assert [BANDS[i] for i in np.flatnonzero(there)] == [band for band in BANDS if band in SIX]
    seen = STACK[:, rows, 9, 5].T
    assert (drawn.x[rows][seen != NO_OBSERVATION] == seen[seen != NO_OBSERVATION]).all()
    assert (drawn.predicted == models.label(net, drawn.x[None])[0][0]).all()
    whole = made_up()
    few = replace(whole, x=whole.x[:, rows], bands=SIX)
    save_samples(tmp_path / "few.npz", few)
    samples = choice.samples_for(tmp_path / "few.npz", net.card, None)
    assert samples.bands == BANDS and np.isnan(samples.x[:, BANDS.index("B5")]).all()


def test_two_bands_are_too_few(tmp_path):
    net = weights(tmp_path / "net.safetensors", without={})
    with pytest.raises(InputError, match="expected the bands"):
        make_map(folder_of(tmp_path / "two", ("B4", "B8")), net, tmp_path / "map")


def test_note_takes_the_narrowest_set_that_was_measured():
    card = {"bands": BANDS, "without": {"B5 B6 B7 B8": 0.5, "B5 B6 B7": 0.3, "B11 B12": 2.0}}
    assert "0.3 points" in missing_note(card, [band for band in BANDS if band not in ("B5", "B6")])
    assert "not measured" in missing_note(
        card, [band for band in BANDS if band not in ("B2", "B5")]
    )


def test_bands_that_are_there_come_to_their_place():
    series = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    whole = with_absent(series, ("B8", "B2", "B4"), BANDS)
    assert whole.shape == (2, 10, 4)
    np.testing.assert_array_equal(whole[:, [6, 0, 2]], series)
    assert (np.delete(whole, [6, 0, 2], axis=1) == NO_OBSERVATION).all()
    assert with_absent(whole, BANDS, BANDS) is whole


def test_map_of_strange_land_says_so_and_where(tmp_path, capsys):
    dark = np.where(STACK > 0, STACK // 8, STACK)
    dark[:, :, 10:] = STACK[:, :, 10:]
    flat = STACK.reshape(*STACK.shape[:2], -1).transpose(2, 1, 0)
    home = learn(np.where(flat == NO_OBSERVATION, np.nan, flat).astype(np.float32))
    net = weights(tmp_path / "net.safetensors", familiar=home)
    out = make_map(write_folder(tmp_path / "dark", dark), net, tmp_path / "map", page=False)
    found = read_map(out)[0]["unfamiliar"][0]
    series = dark.reshape(*dark.shape[:2], -1).transpose(2, 1, 0)
    expected = 100 * unfamiliarity(models.load(net), series).reshape(found.shape)
    there = found != 255
    np.testing.assert_allclose(found[there], expected[there].clip(0, 250), atol=0.51)
    assert (found[2:10][there[2:10]] > 100).mean() > 0.8
    assert (found[10:][there[10:]] > 100).mean() < 0.1
    assert "of the pixels are unlike all that the network was trained on" in capsys.readouterr().err


@pytest.mark.parametrize("accuracy, told", [(0.99, True), (0.1, False)])
def test_map_whose_labels_are_unsure_says_so(tmp_path, capsys, accuracy, told):
    torch.manual_seed(0)
    unsure, net = models.build("patchnet", bands=BANDS, legend=URBAN), tmp_path / "net.safetensors"
    models.save(net, unsure, metrics={"test": {"OA": accuracy}})
    out = make_map(write_folder(tmp_path / "monthly", STACK), net, tmp_path / "map", page=False)
    found = read_map(out)[0]["confidence"]
    sure = found[found != 255].mean()
    assert 20 < sure < 85
    words = f"a mean probability of {sure:.0f}%; 99% were right in the test part"
    assert (words in capsys.readouterr().err) is told


def test_map_by_weights_that_cannot_tell_has_no_such_raster(tmp_path, capsys):
    net = weights(tmp_path / "net.safetensors")
    out = make_map(write_folder(tmp_path / "monthly", STACK), net, tmp_path / "map", page=False)
    assert not (out / "unfamiliar.tif").exists() and "unlike" not in capsys.readouterr().err
