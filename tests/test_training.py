"""The loop of training: epochs, what is kept, and going on after a stop."""

import numpy as np
import pandas as pd
import pytest
import torch

import models
from tests.conftest import make_samples
from tests.small_net import small
from training import loop as training
from training.augment import AUGMENTATIONS
from training.loop import best_row, fit
from training.recipe import (
    Settings,
    settings_of,
)
from utils.errors import InputError


def test_a_tiny_training_learns_plain_classes():
    samples, unseen = make_samples(240), make_samples(60)
    settings = settings_of("modern", "patchnet", epochs=12, batch_size=16)
    net, history = fit(small(samples), samples, unseen, settings, progress=False)
    labels, _ = models.label(net, unseen.x)
    assert (labels == unseen.y).mean() > 0.95
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]


def test_the_epoch_kept_is_the_best_on_validation():
    samples, unseen = make_samples(60), make_samples(40, seed=1)
    settings = settings_of("paper", "patchnet", epochs=6, batch_size=16)
    net, history = fit(small(samples), samples, unseen, settings, progress=False)
    probability = models.predict(net, unseen.x).argmax(1)
    assert (probability == unseen.y).mean() == pytest.approx(
        history.loc[history["score"].idxmax(), "OA"]
    )
    parts = history[["OA", "spatial_F1", "temporal_F1"]].mean(axis=1)
    np.testing.assert_allclose(history["score"], parts)


@pytest.mark.parametrize(
    "patience, kept", [(0, [0, 1, 2, 3, 4, 5, 6, 6]), (8, [0, 0, 0, 3, 3, 3, 3, 3])]
)
def test_an_early_lucky_epoch_is_not_kept_where_the_schedule_runs_to_its_end(patience, kept):
    history = pd.DataFrame({"score": [0.5, 0.4, 0.3, 0.9, 0.8, 0.6, 0.7, 0.7]})
    settings = Settings(epochs=8, patience=patience)
    assert [best_row(history[:rows], settings) for rows in range(1, 9)] == kept


@pytest.mark.parametrize("recipe", ["modern", "paper"])
@pytest.mark.parametrize("done", [0, 1, 3])
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path, recipe, done, monkeypatch):
    samples, unseen = make_samples(40), make_samples(20, seed=1)
    settings = settings_of(recipe, "patchnet", epochs=4, batch_size=16)
    straight, history = fit(small(samples), samples, unseen, settings, progress=False)

    epoch_of = training.train_epoch

    def interrupted(*arguments):
        if arguments[-1] == done:
            raise KeyboardInterrupt
        return epoch_of(*arguments)

    monkeypatch.setattr(training, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(small(samples), samples, unseen, settings, folder=tmp_path, progress=False)
    monkeypatch.setattr(training, "train_epoch", epoch_of)
    resumed, again = fit(
        small(samples), samples, unseen, settings, folder=tmp_path, resume=True, progress=False
    )
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    columns = [name for name in history if "seconds" not in name]
    assert history[columns].equals(again[columns])


def test_spoilt_training_state_is_named_in_one_line(tmp_path):
    samples = make_samples(20)
    settings = settings_of("paper", "patchnet", epochs=1)
    fit(small(samples), samples, samples, settings, folder=tmp_path, progress=False)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(InputError, match="state.safetensors"):
        fit(
            small(samples), samples, samples, settings, folder=tmp_path, resume=True, progress=False
        )


def test_patience_ends_training_early():
    samples = make_samples(20)
    settings = settings_of("paper", "patchnet", epochs=30, patience=2, learning_rate=0.0)
    _, history = fit(small(samples), samples, samples, settings, progress=False)
    assert len(history) < 30


@pytest.mark.parametrize("recipe, epochs_with_flip", [("modern", [0, 1]), ("paper", [0, 1, 2, 3])])
def test_series_run_backwards_only_in_the_first_half_of_patchnets_recipe(
    recipe, epochs_with_flip, monkeypatch
):
    samples, seen, epochs = make_samples(16), [], []

    def flip(x, y):
        seen.append(len(epochs))
        return x, y

    def evaluate(net, samples):
        epochs.append(net)
        return {"OA": 0.0, "score": 0.0}

    monkeypatch.setitem(AUGMENTATIONS, "flip", flip)
    monkeypatch.setattr(training, "evaluate", evaluate)
    settings = settings_of(recipe, "patchnet", epochs=4, batch_size=16, decode=False)
    fit(small(samples), samples, samples, settings, progress=False)
    assert seen == epochs_with_flip


def test_the_running_mean_is_what_is_judged_and_kept():
    samples = make_samples(40)
    settings = settings_of("modern", "patchnet", epochs=3, batch_size=16, decode=False)
    net = small(samples)
    state = training.first_state(net, torch.from_numpy(samples.x), settings)
    assert state.average is not net
    before = training.copy_of(state.average)
    training.update_average(state.average, net, 0.9)
    for name, value in net.state_dict().items():
        expected = 0.9 * before[name] + 0.1 * value
        torch.testing.assert_close(state.average.state_dict()[name], expected)
    plain = training.first_state(net, torch.from_numpy(samples.x), settings_of("paper", "fcn"))
    assert plain.average is net


def test_every_series_is_seen_once_in_an_epoch_and_the_order_follows_the_seed():
    x = torch.arange(50.0)[:, None, None].expand(50, 10, 12).clone()
    y = torch.arange(50)[:, None].expand(50, 12)

    def order(seed, epoch):
        settings = Settings(batch_size=16, augment=(), seed=seed)
        batches = list(training.batches_of(x, y, settings, epoch))
        assert [len(batch) for batch, _ in batches] == [16, 16, 16, 2]
        assert all(torch.equal(batch[:, 0, 0].long(), target[:, 0]) for batch, target in batches)
        return torch.cat([target[:, 0] for _, target in batches]).tolist()

    assert sorted(order(0, 0)) == list(range(50))
    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1) and order(0, 0) != order(1, 0)


def test_the_gradient_is_clipped_and_smoothing_reaches_the_loss():
    samples = make_samples(16)
    x, y = torch.from_numpy(samples.x), torch.from_numpy(samples.y).long()

    def trained(**changes):
        net = small(samples)
        settings = settings_of("paper", "patchnet", epochs=1, augment=(), **changes)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        loss = training.train_epoch(net, net, optimizer, x, y, None, settings, 0)
        norms = [parameter.grad.norm() for parameter in net.parameters()]
        return loss, float(torch.stack(norms).norm())

    loss, norm = trained()
    assert norm > 0.02
    assert trained(clip=0.01)[1] == pytest.approx(0.01, rel=1e-3)
    smooth, _ = trained(label_smoothing=0.5)
    assert smooth != pytest.approx(loss)


def test_the_first_step_of_the_warm_up_is_one_step_long(samples, monkeypatch):
    rates, of = [], training.learning_rate

    def learning_rate(settings, epoch, step):
        rates.append(of(settings, epoch, step))
        return rates[-1]

    monkeypatch.setattr(training, "learning_rate", learning_rate)
    settings = settings_of("modern", "patchnet", epochs=10, batch_size=6, decode=False)
    fit(small(samples), samples, samples, settings, progress=False)
    assert rates[0] == pytest.approx(settings.learning_rate / 10)  # ten steps per epoch
