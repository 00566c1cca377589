"""Weights files: one .safetensors that holds the network, its bands and classes, and how it was
trained.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from models.build import READABLE_FROM, VERSION, build
from utils.bands import BANDS
from utils.errors import InputError
from utils.files import written_whole
from utils.legend import URBAN, Legend

# What reading a damaged file raises, from safetensors, json, torch and our own look at the card.
DAMAGED = (SafetensorError, RuntimeError, KeyError, ValueError, TypeError, OSError, EOFError)


def save(path, net, **metadata):
    """Write one .safetensors that `load` needs nothing else for.

    Its metadata holds the card of the network with what is given here: training, metrics.
    """
    card = net.card | metadata
    legend = {"names": card["legend"].names, "colours": card["legend"].colours}
    text = json.dumps(card | {"legend": legend}, default=str, separators=(",", ":"))
    tensors = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    with written_whole(path) as part:
        save_file(tensors, part, metadata={"tsscd": text})


def load(path, device="cpu"):
    """Return the network in a weights file, ready to label. Nothing else is needed.

    Reads the project's .safetensors, and the published `Best_TSSCD.pth`; other pickles are refused.
    Raises InputError for a file that is missing, truncated or not ours.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: weights not found; expected a .safetensors that run.py wrote")
    try:
        net = load_published(path) if path.suffix == ".pth" else load_safetensors(path)
    except InputError:
        raise
    except DAMAGED as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: not readable as weights ({reason}); expected a file of run.py"
        ) from error
    return net.to(device).eval()


def load_safetensors(path):
    """Return the network in a .safetensors of this project."""
    if path.suffix != ".safetensors":
        raise InputError(
            f"{path}: weights of type '{path.suffix}' found; "
            "expected .safetensors (pickles are refused)"
        )
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        # safe_open gives no mapping: it has keys() alone.
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if "tsscd" not in metadata:
        raise InputError(
            f"{path}: no network described in it; expected a .safetensors that run.py wrote"
        )
    card = json.loads(metadata["tsscd"])
    oldest = READABLE_FROM.get(card["network"], 1)
    if not oldest <= card["version"] <= VERSION:
        raise InputError(
            f"{path}: weights of version {card['version']} found; expected {oldest} to {VERSION}"
        )
    legend = Legend(tuple(card["legend"]["names"]), tuple(card["legend"]["colours"]))
    net = build(card["network"], bands=card["bands"], legend=legend, **card["arguments"])
    net.load_state_dict(tensors)
    net.card |= card | {"legend": legend, "bands": tuple(card["bands"])}
    return net


def load_published(path):
    """The authors' Best_TSSCD.pth: a state dict of tensors of their network, and nothing that could
    run code.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises whatever the file makes it raise
        raise InputError(
            f"{path}: pickle refused; expected the published state dict, tensors only"
        ) from error
    widths = tuple(state[f"layer{i}.0.weight"].shape[0] for i in range(1, 5))
    n_classes, n_bands = state["score_1.weight"].shape[0], state["layer1.0.weight"].shape[1]
    if (n_classes, n_bands) != (len(URBAN), len(BANDS)):
        raise InputError(
            f"{path}: {n_bands} bands, {n_classes} classes found; expected 10 and 6, as published"
        )
    net = build("fcn", bands=BANDS, legend=URBAN, widths=widths)
    net.load_state_dict(state)
    net.card |= {"training": {"data": "published weights of He et al. 2024"}}
    return net
