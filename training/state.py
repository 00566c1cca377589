"""The state of a training after each epoch, from which an interrupted run goes on."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from utils.errors import InputError
from utils.files import written_whole


@dataclass
class State:
    """All that the next epoch needs.

    average: network with the running mean of the weights of `net`, or `net` itself. best: weights
    of the best epoch, None before the first epoch's end. history: one dict for each epoch.
    """

    net: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    best: dict | None
    history: list


def save_state(folder, state):
    """Write a State as one file, whole or not at all, and the history beside it."""
    tensors = prefixed("net.", state.net.state_dict())
    tensors |= prefixed("average.", state.average.state_dict())
    tensors |= prefixed("best.", state.best)
    for number, slots in state.optimizer.state_dict()["state"].items():
        tensors |= prefixed(f"optimizer.{number}.", slots)
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    with written_whole(Path(folder) / "state.safetensors") as part:
        save_file(tensors, part, metadata={"history": json.dumps(state.history)})
    with written_whole(Path(folder) / "history.csv") as part:
        pd.DataFrame(state.history).to_csv(part, index=False)


def load_state(folder, state):
    """Put what `save_state` wrote into a State; before the first epoch's end there is nothing.

    Raises InputError for a file that is damaged or of another network.
    """
    path = Path(folder) / "state.safetensors"
    if not path.is_file():
        return
    try:
        with safe_open(path, "pt") as file:
            history = json.loads(file.metadata()["history"])
            # safe_open gives no mapping: it has keys() alone
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state.net.load_state_dict(without_prefix("net.", tensors))
        state.average.load_state_dict(without_prefix("average.", tensors))
        slots = {}
        for name, value in without_prefix("optimizer.", tensors).items():
            number, slot = name.split(".", 1)
            slots.setdefault(int(number), {})[slot] = value
        state.optimizer.load_state_dict(state.optimizer.state_dict() | {"state": slots})
    except (SafetensorError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: not readable ({reason}); expected a training state that run.py wrote"
        ) from error
    state.best, state.history = without_prefix("best.", tensors), history


def prefixed(prefix, values):
    """The same values, their names with a prefix."""
    return {prefix + name: value for name, value in values.items()}


def without_prefix(prefix, tensors):
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
