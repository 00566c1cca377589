"""Label series with a network. This file alone knows of threads, batches and the layout in
memory.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from models.decode import decode
from utils.bands import NO_OBSERVATION

# series that a thread decodes at once: enough to make the loop over months in Python cheap  #
# series that a thread decodes at once: enough to make the loop over months in Python cheap
BATCH = 4096
# of them in the network at once on a CPU: more would fall out of the cache, fewer cost calls  # of
# them in the network at once on a CPU: more would fall out of the cache, fewer cost calls
AT_ONCE = 1024


@torch.inference_mode()
def predict(net, x, *, batch_size=BATCH):
    """Return class probabilities (N, K, T) float32 of series x (N, C, T), float with NaN or int16
    with -32768.
    """
    out = np.empty((len(x), len(net.card["legend"]), x.shape[-1]), np.float32)
    for start in range(0, len(x), batch_size):
        out[start : start + batch_size] = (
            scores_of(net, x[start : start + batch_size]).softmax(dim=1).cpu().numpy()
        )
    return out


def label(net, x, *, batch_size=BATCH):
    """Return the labels (N, T) int8 of series x, and the confidence (N, T) float32: the probability
    of the label.

    The labels are decoded with the network's `switch_cost` (see models/decode.py), 0 where training
    chose none. On a CPU each of torch's threads takes batches of its own: two threads on one small
    product mostly wait for each other.
    """
    labels = np.empty((len(x), x.shape[-1]), np.int8)
    confidence = np.empty((len(x), x.shape[-1]), np.float32)

    lower = (
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
    )  # known to the caller's thread alone

    @torch.inference_mode()
    def work(start):
        rows = slice(start, start + batch_size)
        with torch.autocast("cpu", lower[1], enabled=lower[0]):
            logits = scores_of(net, x[rows])
        chosen = decode(logits, net.card.get("switch_cost", 0))
        labels[rows] = chosen.to(torch.int8).cpu().numpy()
        logits = logits.permute(
            2, 1, 0
        )  # as they lie in memory: several times faster to sum over the classes
        own = logits.gather(1, chosen.T[:, None])
        confidence[rows] = (
            (logits - own).exp_().sum(1).reciprocal_().T.cpu().numpy()
        )  # the softmax of the label

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
    """Logits (B, K, T) of series x, float32, the series innermost in memory, as `decode` likes
    them.
    """
    device = next(net.parameters()).device
    at_once = len(x) if device.type == "cuda" else AT_ONCE
    parts = [
        net(as_tensor(x[start : start + at_once], device)).float()
        for start in range(0, len(x), at_once)
    ]
    return torch.cat([part.permute(2, 1, 0) for part in parts], dim=2).permute(2, 1, 0)


def as_tensor(x, device):
    """Series as the networks take them: float32, NaN where there is no observation."""
    x = torch.from_numpy(x if min(x.strides, default=0) >= 0 else x.copy()).to(
        device
    )  # torch has no negative strides
    # One pass less than a mask: an integer below all reflectance becomes NaN.
    return (
        x
        if x.is_floating_point()
        else nn.functional.threshold_(x.float(), NO_OBSERVATION + 0.5, float("nan"))
    )
