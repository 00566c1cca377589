"""The networks: build one by name, save it, load it, label series with it.

    net = build("fcn", bands=BANDS, legend=URBAN)        # net(x): (B, C, T) reflectance x 10^4 with NaN -> (B, K, T)
    save("model_data/mine.safetensors", net, training={...})
    net = load("model_data/mine.safetensors")
    labels, confidence = label(net, x)                   # (N, T) int8, (N, T) float32
"""

import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from models.deeplab import DeepLab
from models.fcn import FCN
from models.patchnet import PatchNet
from models.transformer import Transformer
from models.unet import UNet
from utils.bands import BANDS, NO_OBSERVATION
from utils.decode import decode
from utils.errors import InputError
from utils.files import whole
from utils.legend import URBAN, Legend
from utils.memory import keep_memory

BATCH = 4096  # series that a thread decodes at once: enough to make the loop over months in Python cheap
AT_ONCE = 1024  # of them in the network at once on a CPU: more would fall out of the cache, fewer cost calls
VERSION = 2  # of the weights file; raised when a network computes otherwise than older files expect
READABLE_FROM = {"patchnet": 2}  # the first version that fits the network as it is now, where not 1
NETWORKS = {"patchnet": PatchNet, "fcn": FCN, "unet": UNet, "deeplab": DeepLab, "transformer": Transformer}


def build(name, *, bands, legend, **arguments):
    """Return a new network with a `card` that says what it is. Raises InputError for a name that is not in NETWORKS."""
    if name not in NETWORKS:
        raise InputError(f"--model {name}: not known; expected one of {', '.join(NETWORKS)}")
    defaults = {key: each.default for key, each in inspect.signature(NETWORKS[name]).parameters.items()}
    arguments = {key: value for key, value in defaults.items() if value is not inspect.Parameter.empty} | arguments
    net = NETWORKS[name](len(bands), len(legend), **arguments)
    net.card = {"version": VERSION, "network": name, "arguments": arguments, "bands": tuple(bands), "legend": legend}
    return net


def count_parameters(net):
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in net.parameters())


def save(path, net, **metadata):
    """Write one .safetensors: the weights, and in its metadata the card with what is given here (training, metrics)."""
    card = net.card | metadata
    legend = {"names": card["legend"].names, "colours": card["legend"].colours}
    text = json.dumps(card | {"legend": legend}, default=str)
    tensors = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    with whole(path) as part:
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
    except (SafetensorError, RuntimeError, KeyError, ValueError, TypeError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not readable as weights ({reason}); expected a file of run.py") from error
    return net.to(device).eval()


def load_safetensors(path):
    if path.suffix != ".safetensors":
        raise InputError(f"{path}: weights of type '{path.suffix}' found; expected .safetensors (pickles are refused)")
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        if "tsscd" not in metadata:
            raise InputError(f"{path}: no network described in it; expected a .safetensors that run.py wrote")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    card = json.loads(metadata["tsscd"])
    oldest = READABLE_FROM.get(card["network"], 1)
    if not oldest <= card["version"] <= VERSION:
        raise InputError(f"{path}: weights of version {card['version']} found; expected {oldest} to {VERSION}")
    legend = Legend(tuple(card["legend"]["names"]), tuple(card["legend"]["colours"]))
    net = build(card["network"], bands=card["bands"], legend=legend, **card["arguments"])
    net.load_state_dict(tensors)
    net.card |= card | {"legend": legend, "bands": tuple(card["bands"])}
    return net


def load_published(path):
    """The authors' Best_TSSCD.pth: a state dict of tensors of their network, and nothing that could run code."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises whatever the file makes it raise
        raise InputError(f"{path}: pickle refused; expected the published state dict, tensors only") from error
    widths = tuple(state[f"layer{i}.0.weight"].shape[0] for i in range(1, 5))
    n_classes, n_bands = state["score_1.weight"].shape[0], state["layer1.0.weight"].shape[1]
    if (n_classes, n_bands) != (len(URBAN), len(BANDS)):
        raise InputError(f"{path}: {n_bands} bands, {n_classes} classes found; expected 10 and 6, as published")
    net = build("fcn", bands=BANDS, legend=URBAN, widths=widths)
    net.load_state_dict(state)
    net.card |= {"training": {"data": "published weights of He et al. 2024"}}
    return net


@torch.inference_mode()
def predict(net, x, *, batch_size=BATCH):
    """Return class probabilities (N, K, T) float32 of series x (N, C, T), float with NaN or int16 with -32768."""
    out = np.empty((len(x), len(net.card["legend"]), x.shape[-1]), np.float32)
    for start in range(0, len(x), batch_size):
        out[start:start + batch_size] = scores_of(net, x[start:start + batch_size]).softmax(dim=1).cpu().numpy()
    return out


def label(net, x, *, batch_size=BATCH):
    """Return the labels (N, T) int8 of series x, and the confidence (N, T) float32: the probability of the label.

    The labels are decoded with the network's `switch_cost` (see utils/decode.py), 0 where training chose none. On a
    CPU each of torch's threads takes batches of its own: two threads on one small product mostly wait for each other.
    """
    keep_memory()
    labels = np.empty((len(x), x.shape[-1]), np.int8)
    confidence = np.empty((len(x), x.shape[-1]), np.float32)

    lower = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")  # known to the caller's thread alone

    @torch.inference_mode()
    def work(start):
        rows = slice(start, start + batch_size)
        with torch.autocast("cpu", lower[1], enabled=lower[0]):
            logits = scores_of(net, x[rows])
        chosen = decode(logits, net.card.get("switch_cost", 0))
        labels[rows] = chosen.to(torch.int8).cpu().numpy()
        logits = logits.permute(2, 1, 0)  # as they lie in memory: several times faster to sum over the classes
        own = logits.gather(1, chosen.T[:, None])
        confidence[rows] = (logits - own).exp_().sum(1).reciprocal_().T.cpu().numpy()  # the softmax of the label

    starts, threads = range(0, len(x), batch_size), torch.get_num_threads()
    if threads == 1 or len(starts) == 1 or next(net.parameters()).is_cuda:
        for start in starts:
            work(start)
        return labels, confidence
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(work, starts))
    finally:
        torch.set_num_threads(threads)  # part of the setting is the whole process's
    return labels, confidence


def scores_of(net, x):
    """Logits (B, K, T) of series x, float32, the series innermost in memory, as `decode` likes them."""
    device = next(net.parameters()).device
    at_once = len(x) if device.type == "cuda" else AT_ONCE
    parts = [net(as_tensor(x[start:start + at_once], device)).float() for start in range(0, len(x), at_once)]
    return torch.cat([part.permute(2, 1, 0) for part in parts], dim=2).permute(2, 1, 0)


def as_tensor(x, device):
    """Series as the networks take them: float32, NaN where there is no observation."""
    x = torch.from_numpy(x if min(x.strides, default=0) >= 0 else x.copy()).to(device)  # torch has no negative strides
    # One pass less than a mask: an integer below all reflectance becomes NaN.
    return x if x.is_floating_point() else nn.functional.threshold_(x.float(), NO_OBSERVATION + 0.5, float("nan"))
