"""The state of a training after each epoch, from which an interrupted run goes on."""

import json
from pathlib import Path

import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from utils.errors import InputError
from utils.files import written_whole


def save_state(folder, net, average, optimizer, best, history):
    """Write all that the next epoch needs as one file, whole or not at all, and the history beside
    it.
    """
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for number, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in slots.items()}
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    with written_whole(Path(folder) / "state.safetensors") as part:
        save_file(tensors, part, metadata={"history": json.dumps(history)})
    with written_whole(Path(folder) / "history.csv") as part:
        pd.DataFrame(history).to_csv(part, index=False)


def load_state(folder, net, average, optimizer):
    """Put back what `save_state` wrote; returns (best weights, history), (None, []) before the
    first epoch's end.
    """
    path = Path(folder) / "state.safetensors"
    if not path.is_file():
        return None, []
    try:
        with safe_open(path, "pt") as file:
            history = json.loads(file.metadata()["history"])
            # safe_open gives no mapping: it has keys() alone
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, OSError) as error:
        raise InputError(
            f"{path}: not readable ({error}); expected a training state that run.py wrote"
        ) from error

    def part(prefix):
        return {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }

    net.load_state_dict(part("net."))
    average.load_state_dict(part("average."))
    slots = {}
    for name, value in part("optimizer.").items():
        number, slot = name.split(".", 1)
        slots.setdefault(int(number), {})[slot] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})
    return part("best."), history
