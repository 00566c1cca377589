"""The cost of a change is chosen on the validation part."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.breaks import HALVED_AT
from tests.conftest import make_samples
from tests.small_net import small
from training import loop as training


@pytest.mark.parametrize("best", [1.0, 2.0, 10.0])
def test_the_switch_cost_is_the_one_that_is_best_on_validation(best, monkeypatch):
    samples = make_samples(30)
    wrong = (samples.y + 1) % 6

    def labelled(net, x, **options):
        right = net.card["switch_cost"] == best
        return (samples.y if right else wrong), None

    net = small(samples)
    monkeypatch.setattr(training, "label", labelled)
    stable = np.zeros((1000, 36), np.int8)
    training.choose_switch_cost(net, samples, stable)
    assert net.card["switch_cost"] == best


def costs_tried(samples, monkeypatch):
    """List that grows by each cost that is tried; all of them label the samples rightly."""
    tried = []

    def labelled(net, x, **options):
        tried.append(net.card["switch_cost"])
        return samples.y, None

    monkeypatch.setattr(training, "label", labelled)
    return tried


def test_a_change_costs_no_more_than_its_rarity_in_the_training_labels(monkeypatch):
    """Else the false changes of one validation site forbid the changes of other land."""
    samples = make_samples(30)
    net = small(samples)
    tried = costs_tried(samples, monkeypatch)
    train_y = np.zeros((1, 50), np.int8)
    train_y[:, 25:] = -1
    train_y[:, 40:] = 1  # one change in 35 labelled months: 3.6 nats
    training.choose_switch_cost(net, samples, np.arange(40).reshape(2, 20) % 6)  # each month
    assert tried == [1]
    tried.clear()
    training.choose_switch_cost(net, samples, train_y)
    assert tried == [1, 2, 3]


def test_with_samples_of_label_py_a_change_costs_less_where_the_bands_break(monkeypatch):
    samples = make_samples(30)
    net = small(samples)
    tried = costs_tried(samples, monkeypatch)
    training.choose_switch_cost(net, samples, samples.y)
    assert "break" not in net.card and max(tried) < 10
    uncertain = replace(samples, evidence=np.full(samples.y.shape, 0.9, np.float32))
    training.choose_switch_cost(net, uncertain, samples.y)
    assert net.card["break"] == HALVED_AT and max(tried) == 10


def test_flicker_that_the_network_is_unsure_of_costs_more_than_a_change():
    """A network that sees the classes but flickers needs a cost of changing; a sure one none."""
    samples = make_samples(80, steps=36)
    net = small(samples)

    def forward(x):
        generator = torch.Generator().manual_seed(0)
        noise = 1.5 * torch.randn(len(x), 6, x.shape[-1], generator=generator)
        true = torch.from_numpy(samples.y[: len(x)]).long()
        return noise + 3 * torch.nn.functional.one_hot(true, 6).permute(0, 2, 1)

    net.forward = forward
    training.choose_switch_cost(net, samples, samples.y)
    assert 1 <= net.card["switch_cost"] < 10
