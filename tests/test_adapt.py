"""run.py --adapt: weights learn from the surest labels of a new area."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import models
from tests.conftest import make_samples
from tests.small_net import small
from training import adapt as adapting
from training.recipe import (
    settings_of,
)


@given(seed=st.integers(0, 999))
def test_adapting_takes_the_surest_segments_of_each_class_and_no_doubtful_ones(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, (60, 1), p=[0.6, 0.3, 0.1]).repeat(24, axis=1).astype(np.int8)
    labels[:20, 10:] = rng.choice(2, (20, 1))
    confidence = rng.random((60, 24)).astype(np.float32) * (labels != 2)  # class 2 is never sure
    kept = adapting.surest(labels, confidence, 6, adapting.STABLE)
    sure = adapting.mean_of_segments(labels, confidence)
    doubtful = sure < min(adapting.STABLE.certain, np.quantile(sure, adapting.STABLE.doubtful))
    assert (kept[doubtful] == -1).all()
    for k in range(2):
        of_class, taken = labels == k, kept == k
        assert (taken <= of_class).all()
        if (of_class & ~doubtful).sum() > of_class.sum() * adapting.STABLE.share:
            assert abs(taken.sum() / of_class.sum() - adapting.STABLE.share) < 25 / of_class.sum()
        assert sure[taken].min(initial=1) >= sure[of_class & ~taken].max(initial=-1)


def test_rare_class_that_is_certain_teaches_though_others_are_surer():
    labels = np.zeros((50, 24), np.int8)
    confidence = np.full((50, 24), 0.99, np.float32)
    labels[:4], confidence[:4] = 1, 0.95
    labels[4:8], confidence[4:8] = 2, 0.7
    kept = adapting.surest(labels, confidence, 3, adapting.STABLE)
    assert (kept == 1).any() and not (kept == 2).any()


def test_mean_of_a_segment_is_that_of_its_months():
    labels = np.array([[0, 0, 1, 1], [1, 1, 1, 1]], np.int8)
    confidence = np.array([[0.2, 0.4, 0.6, 1.0], [0.1, 0.2, 0.3, 0.4]], np.float32)
    found = adapting.mean_of_segments(labels, confidence)
    expected = [[0.3, 0.3, 0.8, 0.8], [0.25, 0.25, 0.25, 0.25]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_single_months_teach_where_most_series_change():
    labels = np.zeros((10, 24), np.int8)
    labels[:5, 12:] = 1
    assert adapting.manner_for(labels) is adapting.STABLE
    labels[5, 12:] = 1
    assert adapting.manner_for(labels) is adapting.CHANGING
    confidence = np.ones((10, 24), np.float32)
    confidence[:, 11:13] = 0.5
    kept = adapting.surest(labels, confidence, 2, adapting.CHANGING)
    assert (kept[:6, [*range(11), *range(13, 24)]] >= 0).all()


@pytest.mark.parametrize("manner", [adapting.STABLE, adapting.CHANGING])
def test_adapting_trains_on_the_surest_labels_alone(monkeypatch, manner):
    samples, seen = make_samples(40), []

    def train_epoch(student, net, optimizer, x, y, *others):
        seen.append(y)

    monkeypatch.setattr(adapting, "train_epoch", train_epoch)
    monkeypatch.setattr(adapting, "manner_for", lambda labels: manner)
    net = small(samples).eval()
    settings = settings_of("adapting", "patchnet", epochs=1)
    adapting.adapt(net, samples.x, settings, progress=False)
    labels, _ = models.label(net, samples.x)
    assert len(seen) == manner.rounds
    for y in seen:
        left_out = (y < 0).float().mean()
        assert abs(left_out - (1 - manner.share)) < 0.1
        assert (y.numpy() == labels)[y.numpy() >= 0].all()


def test_adapted_weights_are_half_way_to_what_the_surest_labels_teach(monkeypatch):
    samples = make_samples(20)

    def train_epoch(student, mean, *others):
        for weight in mean.state_dict().values():
            weight.fill_(1.0)

    monkeypatch.setattr(adapting, "train_epoch", train_epoch)
    monkeypatch.setattr(adapting, "manner_for", lambda labels: adapting.STABLE)
    net = small(samples).eval()
    settings = settings_of("adapting", "patchnet", epochs=1)
    adapted = adapting.adapt(net, samples.x, settings, progress=False)
    for before, after in zip(net.state_dict().values(), adapted.state_dict().values()):
        torch.testing.assert_close(after, (before + 1) / 2)
