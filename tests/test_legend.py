"""Class names, colours and ids: what a map and a figure would show wrongly if these broke."""

from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import make_samples
from utils.errors import InputError
from utils.legend import COAST, OTHER_CLASS, URBAN, legend_for, select_classes


def test_a_known_class_keeps_its_colour_and_a_new_one_gets_a_colour_of_its_own():
    names = ("Tidal flat", "vineyard", "water", "orchard")
    legend = legend_for(names)
    assert legend.names == names and len(set(legend.colours)) == len(names)
    assert legend.colours[0] == COAST.colours[1] and legend.colours[2] == URBAN.colours[0]


def test_more_classes_than_colours_still_have_one_each():
    assert all(legend_for(f"class {i}" for i in range(30)).colours)


def test_a_class_name_that_stands_twice_is_refused():
    with pytest.raises(InputError, match="not unique"):
        legend_for(["water", "reed", "water"])


def test_classes_that_are_not_kept_become_other_and_unlabelled_months_stay_so():
    samples = make_samples(6)
    y = np.tile(np.arange(-1, 6, dtype=np.int8), (6, 4))[:, : samples.y.shape[1]]
    chosen = select_classes(replace(samples, y=y), ("cropland", "water"))
    assert chosen.legend.names == ("cropland", "water", OTHER_CLASS)
    assert chosen.y[0, :7].tolist() == [-1, 1, 2, 2, 2, 2, 0]


def test_keeping_all_classes_makes_no_other():
    samples = make_samples(6)
    chosen = select_classes(samples, URBAN.names[::-1])
    assert chosen.legend.names == URBAN.names[::-1]
    assert np.array_equal(chosen.y, 5 - samples.y)
