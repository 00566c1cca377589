"""The networks behind the face of the other methods: fit(train, validation), predict(samples)."""

import numpy as np
import torch

import models
from comparing.methods.segments import without_observation
from training.loop import best_row, fit
from training.recipe import settings_of
from utils.errors import InputError

PAPER = "-paper"  # 'fcn-paper' is the network fcn trained by the published recipe


class Network:
    """A network of `models`, trained as `run.py` does. The validation part chooses the epoch.

    name: as in `models.build`, with '-paper' behind it for the published recipe. epochs: None = as
    the recipe says.
    """

    def __init__(self, name, *, epochs=None, seed=0):
        self.name = name.removesuffix(PAPER)
        self.recipe = "paper" if name.endswith(PAPER) else "modern"
        given = {"epochs": epochs} if epochs else {}
        self.settings = settings_of(self.recipe, self.name, seed=seed, **given)
        self.setting, self.tried, self.reasons = {"recipe": self.recipe}, [], None

    def fit(self, train, validation):
        """Train on `train`, keep the epoch that is best on `validation`. Returns self."""
        if validation is None or len(validation) == 0:
            raise InputError(
                f"{self.name}: no validation part; a network needs one to choose its epoch"
            )
        device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(self.settings.seed)
        net = models.build(self.name, bands=train.bands, legend=train.legend).to(device)
        self.net, history = fit(net, train, validation, self.settings, progress=False)
        best = best_row(history, self.settings) + 1
        self.setting = {"recipe": self.recipe, "epochs": len(history), "best_epoch": best}
        return self

    def predict(self, samples):
        """Return the labels (N, T) int8 of samples."""
        self.reasons = np.where(without_observation(samples.x), "no observation", "")
        return models.label(self.net, samples.x)[0]

    @property
    def parameters(self):
        """Number of trained parameters."""
        return models.count_parameters(self.net)


def finished(path):
    """Return a network that run.py has trained, ready to predict; `name` is that of its row."""
    net = models.load(path)
    training = net.card.get("training", {})
    method = Network(net.card["network"])
    method.name += PAPER if training.get("recipe") == "paper" else ""
    method.net = net
    method.setting = {name: training.get(name) for name in ("recipe", "epochs", "best_epoch")}
    return method
