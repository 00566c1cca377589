"""How a network is trained: the settings, the published recipe, optimizer, learning rate and class
weights.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from models import NETWORKS
from utils.errors import InputError


@dataclass(frozen=True)
class Settings:
    """How to train. The defaults are the modern recipe; PAPER holds what the published code does
    differently.
    """

    epochs: int = 12
    batch_size: int = 64
    optimizer: str = "adamw"  # or adam
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    schedule: str = "cosine"  # with a warm-up of one epoch; or step: x 0.7 every 5 epochs
    clip: float = 1.0  # largest norm of the gradient; 0 = none
    patience: int = 0  # epochs without a better validation score before stopping; 0 = never
    # decay of the running mean of the weights, which is what is judged and kept; 0 = none
    average: float = 0.998
    augment: tuple = ("flip", "illumination", "noise", "gaps", "crop")
    flip_until: float = 1.0  # share of the epochs after which flip is left out; 1 = never
    decode: bool = (
        True  # choose a cost of change on validation (models/decode.py); else each month by itself
    )
    class_weights: str = "none"  # or balanced, or one number a class: 1,1,2,1,1,1
    label_smoothing: float = 0.0
    precision: str = "auto"  # float32, bfloat16; auto = bfloat16 on a GPU
    seed: int = 0


PAPER = {
    "epochs": 100,
    "batch_size": 64,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "schedule": "step",
    "patience": 8,
    "average": 0.0,
    "clip": 0.0,
    "decode": False,
    "augment": ("flip",),
}


def settings_of(recipe, network, **changes):
    """Return Settings of a recipe for a network: 'modern', with what that network does best with,
    or 'paper'.
    """
    return Settings(
        **(PAPER if recipe == "paper" else getattr(NETWORKS[network], "recipe", {})) | changes
    )


def make_optimizer(net, settings):
    """Adam or AdamW; biases and norms are not decayed."""
    if settings.optimizer == "adam":
        return torch.optim.Adam(net.parameters(), lr=settings.learning_rate)
    groups = [
        {
            "params": [p for p in net.parameters() if p.ndim > 1],
            "weight_decay": settings.weight_decay,
        },
        {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def learning_rate(settings, epoch, step):
    """Learning rate at a point in time, in epochs; `step` is the length of one step, so that the
    first is above 0.
    """
    if settings.schedule == "step":
        return settings.learning_rate * 0.7 ** (int(epoch) // 5)
    warm_up = min(1.0, (epoch + step) / min(1.0, 0.1 * settings.epochs))
    return (
        settings.learning_rate
        * warm_up
        * (0.5 + 0.5 * math.cos(math.pi * min(1.0, epoch / settings.epochs)))
    )


def class_weights(choice, y, classes, device):
    """Weights of the loss a class: None, 'balanced' (every class weighs the same in sum), or
    numbers.
    """
    if choice == "none":
        return None
    if choice == "balanced":
        count = np.bincount(y[y >= 0], minlength=classes)
        weights = count.sum() / np.maximum(count, 1) / (count > 0).sum()
    else:
        try:
            weights = np.array([float(number) for number in choice.split(",")])
        except ValueError:
            weights = np.array([])
        if len(weights) != classes or (weights < 0).any() or not np.isfinite(weights).all():
            raise InputError(
                f"--class-weights {choice}: expected none, balanced or {classes} numbers with commas"
            )
    return torch.tensor(weights, dtype=torch.float32, device=device)
