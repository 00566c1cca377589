import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import models
from tests.conftest import make_samples
from training import loop as training
from training.augment import AUGMENTATIONS
from training.card import TrainingCard
from training.loop import best_row, fit
from training.recipe import Settings, class_weights, settings_of
from utils.errors import InputError


def small(samples, seed=0):
    torch.manual_seed(seed)
    return models.build(
        "patchnet", bands=samples.bands, legend=samples.legend, width=32, reach=(1, 2)
    )


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


@pytest.mark.parametrize("name", AUGMENTATIONS)
@given(seed=st.integers(0, 999), steps=st.integers(12, 60))
def test_augmentation_changes_neither_its_input_nor_the_pairing_of_months_and_labels(
    name, seed, steps
):
    torch.manual_seed(seed)
    y = torch.randint(-1, 6, (5, steps))
    x = (y.float() * 1000 + 2000)[:, None].repeat(1, 3, 1)
    x_before, y_before = x.clone(), y.clone()
    new_x, new_y = AUGMENTATIONS[name](x, y)
    assert torch.equal(x, x_before) and torch.equal(y, y_before)
    assert new_x.shape[-1] == new_y.shape[-1] >= 12
    if name in ("flip", "gaps", "crop"):
        seen = torch.isfinite(new_x[:, 0])
        assert torch.equal(new_x[:, 0][seen], (new_y.float() * 1000 + 2000)[seen]) and seen.any()


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


def test_the_card_names_the_samples_of_each_part(tmp_path):
    samples = make_samples(20)
    parts = {"train": samples.ids[:10].tolist(), "validation": [], "test": ["3", "17"]}
    card = TrainingCard(data="mine.npz", parts=parts)
    models.save(tmp_path / "w.safetensors", small(samples), training=card.as_dict())
    again = TrainingCard.from_card(models.load(tmp_path / "w.safetensors").card)
    assert again.data == "mine.npz" and again.parts["test"] == ("3", "17")
    assert again.rows("test", samples).tolist() == [3, 17]
    assert "parts" not in again.facts()
    with pytest.raises(InputError, match="sample 17 of the test part"):
        again.rows("test", samples.take(np.arange(10)))


def test_cards_of_older_weights_are_read():
    old = {"training": {"data": "mine.npz", "split": "auto", "of a later version": 1}}
    card = TrainingCard.from_card(old)
    assert card.split == "auto" and card.parts is None and card.best_epoch is None
    assert TrainingCard.from_card({}) is None
    with pytest.raises(InputError, match="do not name"):
        card.rows("test", make_samples(3))
