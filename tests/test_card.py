"""The card inside weights names the samples of each part."""

import numpy as np
import pytest

import models
from tests.conftest import make_samples
from tests.small_net import small
from training.card import TrainingCard
from utils.errors import InputError


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
