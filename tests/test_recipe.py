"""Recipes: learning rates, weights of classes, what is decayed."""

import numpy as np
import pytest
import torch

from tests.conftest import make_samples
from tests.small_net import small
from training.recipe import (
    ADAPTING,
    PAPER,
    Settings,
    class_weights,
    learning_rate,
    make_optimizer,
    settings_of,
)
from utils.errors import InputError


def test_class_weights_are_balanced_or_given():
    y = np.array([[0, 0, 0, 1, -1]])
    balanced = class_weights("balanced", y, 2, "cpu")
    assert (
        balanced[0] * 3 == pytest.approx(float(balanced[1]))
        and class_weights("none", y, 2, "cpu") is None
    )
    assert class_weights("1,2", y, 2, "cpu").tolist() == [1, 2]
    for wrong in ("1", "1,x", "1,-1", "heavy"):
        with pytest.raises(InputError, match="--class-weights"):
            class_weights(wrong, y, 2, "cpu")


def test_the_learning_rate_warms_up_and_then_falls_to_nothing():
    settings = Settings(epochs=20, learning_rate=1.0, schedule="cosine")
    steps = np.arange(2000) / 100  # 100 steps in each epoch
    rates = [learning_rate(settings, epoch, 0.01) for epoch in steps]
    assert 0 < rates[0] <= 0.011 and (np.diff(rates[:100]) > 0).all()
    assert max(rates) == pytest.approx(1, abs=0.01) and np.argmax(rates) in range(95, 105)
    assert (np.diff(rates[105:]) < 0).all() and rates[-1] < 1e-4
    short = Settings(epochs=2, learning_rate=1.0)  # the warm-up is then a tenth of the training
    assert learning_rate(short, 0.2, 0.01) > 0.9


def test_the_published_recipe_has_no_warm_up_and_falls_every_five_epochs():
    settings = settings_of("paper", "fcn")
    rates = [learning_rate(settings, epoch, 0.01) for epoch in (0, 4.99, 5, 10)]
    assert rates == pytest.approx([1e-3, 1e-3, 7e-4, 4.9e-4])


def test_only_matrices_are_decayed():
    net = small(make_samples(2))
    optimizer = make_optimizer(net, Settings(weight_decay=0.5, learning_rate=0.1))
    before = {name: value.clone() for name, value in net.named_parameters()}
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in net.named_parameters():
        expected = before[name] * 0.95 if value.ndim > 1 else before[name]
        torch.testing.assert_close(value.data, expected)


def test_recipes_differ_where_they_say():
    modern, paper = settings_of("modern", "fcn"), settings_of("paper", "fcn")
    assert modern == Settings() and paper == Settings(**PAPER)
    assert settings_of("adapting", "patchnet").epochs == ADAPTING["epochs"]
    assert settings_of("modern", "patchnet", epochs=None) == settings_of("modern", "patchnet")
    for wrong in (("modern", "lstm"), ("old", "fcn")):
        with pytest.raises(InputError, match="not known"):
            settings_of(*wrong)
    for changes in ({"epochs": 0}, {"batch_size": 0}, {"augment": ("magic",)}):
        with pytest.raises(InputError):
            settings_of("modern", "fcn", **changes)
