"""How a network is trained: the settings, the published recipe, optimizer, learning rate and class
weights.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from models.build import network_class
from training.augment import AUGMENTATIONS
from utils.errors import InputError


@dataclass(frozen=True)
class Settings:
    """How to train. The defaults are the modern recipe.

    A network may need other values: they are the class attribute `recipe` in its own file.
    PatchNet, the default network, has epochs 100, learning_rate 5e-3 and flip_until 0.5.
    """

    epochs: int = 12
    batch_size: int = 64
    optimizer: str = "adamw"  # or adam
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    schedule: str = "cosine"  # with a warm-up of one epoch; or step: x 0.7 every 5 epochs
    clip: float = 1.0  # largest norm of the gradient; 0 = none
    patience: int = 0  # epochs without a better validation score before stopping; 0 = never
    # Decay of the running mean of the weights. That mean is judged and kept. 0 = none.
    average: float = 0.998
    augment: tuple = ("flip", "illumination", "noise", "gaps", "crop")
    flip_until: float = 1.0  # share of the epochs after which flip is left out; 1 = never
    # Choose a cost of change on validation (models/decode.py); else each month is by itself.
    decode: bool = True
    class_weights: str = "none"  # or balanced, or one number for each class: 1,1,2,1,1,1
    label_smoothing: float = 0.0
    precision: str = "auto"  # float32, bfloat16; auto = bfloat16 on a GPU
    seed: int = 0

    def __post_init__(self):
        """Raise InputError for what would train nothing, or is not known."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                flag = "--" + name.replace("_", "-")
                raise InputError(f"{flag} {getattr(self, name)} found; expected at least 1")
        unknown = sorted(set(self.augment) - set(AUGMENTATIONS))
        if unknown:
            known = ", ".join(AUGMENTATIONS)
            raise InputError(f"--augment {unknown[0]}: not known; expected {known} or none")


# What the published code does otherwise.
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

# What adapting to a new area does otherwise: its first weights are nearly right.
ADAPTING = {"epochs": 8, "learning_rate": 1e-3, "batch_size": 64}
# The other settings that adapting uses. It has no labels, so nothing can choose an epoch.
ADAPTING_USES = (
    *ADAPTING,
    "weight_decay",
    "augment",
    "flip_until",
    "label_smoothing",
    "clip",
    "precision",
)


def settings_of(recipe, network, **changes):
    """Return the Settings of a recipe for a network.

    recipe: "modern" with what that network does best with, "paper", or "adapting". changes: fields
    of Settings; None leaves the recipe's value. Raises InputError for unknown names and values.
    """
    best = getattr(network_class(network), "recipe", {})
    recipes = {"modern": best, "paper": PAPER, "adapting": best | ADAPTING}
    if recipe not in recipes:
        raise InputError(f"--recipe {recipe}: not known; expected one of {', '.join(recipes)}")
    given = {name: value for name, value in changes.items() if value is not None}
    if "augment" in given:
        given["augment"] = tuple(given["augment"])
    return Settings(**recipes[recipe] | given)


def make_optimizer(net, settings):
    """Adam or AdamW; biases and norms are not decayed."""
    if settings.optimizer == "adam":
        return torch.optim.Adam(net.parameters(), lr=settings.learning_rate)
    matrices = [weight for weight in net.parameters() if weight.ndim > 1]
    others = [weight for weight in net.parameters() if weight.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def learning_rate(settings, epoch, step):
    """Learning rate at a point in time, in epochs.

    step: the length of one step in epochs, so that the first learning rate is above 0.
    """
    if settings.schedule == "step":
        return settings.learning_rate * 0.7 ** (int(epoch) // 5)
    warm_up = min(1.0, (epoch + step) / min(1.0, 0.1 * settings.epochs))
    done = min(1.0, epoch / settings.epochs)
    return settings.learning_rate * warm_up * (0.5 + 0.5 * math.cos(math.pi * done))


def class_weights(choice, y, classes, device):
    """Return the weight of each class in the loss, (K,) float32 on the device, or None.

    choice: "none", "balanced" (every class weighs the same in sum), or numbers with commas.
    y: (N, T) labels. Raises InputError for other choices.
    """
    if choice == "none":
        return None
    if choice == "balanced":
        count = np.bincount(y[y >= 0], minlength=classes)
        weights = count.sum() / np.maximum(count, 1) / (count > 0).sum()
    else:
        weights = _numbers(choice)
        usable = len(weights) == classes and np.isfinite(weights).all()
        if not usable or (weights < 0).any() or not weights.any():
            raise InputError(
                f"--class-weights {choice}: "
                f"expected none, balanced or {classes} numbers with commas"
            )
    return torch.tensor(weights, dtype=torch.float32, device=device)


def _numbers(text):
    """Numbers with commas as an array; an empty one where the text is anything else."""
    try:
        return np.array([float(number) for number in text.split(",")])
    except ValueError:
        return np.array([])
