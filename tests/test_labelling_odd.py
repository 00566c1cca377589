"""label.py on odd input: products that contradict each other, skies that are hardly ever clear."""

import numpy as np
import pytest
from label_files import CODES, GRID, land, products_of, reflectance, write_land, write_product
from stack_files import write_zarr

from labelling.pipeline import label_stack
from utils.errors import InputError

FIRST = np.datetime64("2019-01", "M")


def test_pixels_whose_products_disagree_are_counted_and_if_most_do_it_is_said(tmp_path, capsys):
    write_land(tmp_path, spoilt=0)
    says = land()[18]
    says[:, 6:] = (says[:, 6:] + 1) % 6  # 6 of 32 columns agree
    other = tmp_path / "other_worldcover.tif"
    write_product(other, np.array(CODES, np.uint8)[says])
    products = [products_of(tmp_path)[1], (2020, other)]
    label_stack(tmp_path / "city.zarr", products, tmp_path / "city.npz", steps=20)
    told = capsys.readouterr()
    assert "products of one year disagree on 832 other pixels" in told.out + told.err
    report = (tmp_path / "city" / "report.md").read_text()
    assert "with a product class | 1,024 |" in report and "disagree | 832 |" in report


def test_series_that_are_hardly_ever_seen_are_given_as_the_reason(tmp_path):
    pixels = reflectance(write_land(tmp_path))
    hidden = np.random.default_rng(0).random((len(pixels), 1, *pixels.shape[2:])) < 0.9
    pixels = np.where(hidden, np.int16(-32768), pixels)
    write_zarr(tmp_path / "dark.zarr", pixels, first=FIRST, transform=GRID)
    products = products_of(tmp_path)
    with pytest.raises(InputError, match=r"1,024: an observation in fewer than 30% of the months"):
        label_stack(tmp_path / "dark.zarr", products, tmp_path / "dark.npz", steps=20)
