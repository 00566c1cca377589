"""Label series with a network. This file alone knows of threads, batches, precision and the layout
in memory.

`label` is the fast way. `label_plain` computes the same in ten plain lines, and a test holds the
two together. What makes `label` fast on a CPU:

- Each thread labels batches of its own. Two threads on one small product mostly wait.
- The series are innermost in memory, (T, K, B) and not (B, K, T), so that sums over classes and
  months run along whole rows. Callers pass and get (N, C, T) and (N, T); any layout is right.
- bfloat16 where a short measurement finds it faster (`fastest_precision`).
"""

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from models.breaks import LEAST_COST, break_strength, cost_at
from models.decode import decode
from utils.bands import NO_OBSERVATION
from utils.errors import InputError

# Series that a thread decodes at once: enough to make the loop over months in Python cheap.
BATCH = 3840
# Of them in the network at once on a CPU: more would fall out of the cache, fewer cost calls.
AT_ONCE = {"float32": 480, "bfloat16": 960}  # as many bytes
PRECISIONS = ("auto", "float32", "bfloat16")
# Fewer series than this are labelled in float32: a measurement would take longer than it saves.
WORTH_MEASURING = 8 * BATCH
# bfloat16 is taken where it needs less than this share of the time of float32.
CLEARLY_FASTER = 0.9
MEASURED_SECONDS = 0.03  # least time of one pass that is measured
ROUNDS = 3  # of a measurement; the best counts

log = logging.getLogger(__name__)


def label(
    net,
    x,
    *,
    probabilities=False,
    evidence=None,
    temperature=1.0,
    switch_cost=None,
    halved_at=None,
    precision="auto",
    threads=None,
    batch_size=BATCH,
    whole_batches=False,
):
    """Return labels (N, T) int8 and confidence (N, T) float32 of series x, in one network pass.

    x: (N, C, T) reflectance x 10^4, float with NaN or integers with -32768 = no observation.
    Labels are decoded by `decode_with`. The confidence is the probability of the label.
    probabilities: also return those of all classes, (N, K, T) float32.
    evidence: (N, K, T) float32, log probabilities of the classes from elsewhere. They are added to
        the network's scores. Labels, confidence and probabilities are those of the sum. Or a
        function (slice of the series, their labels (n, T) by the network alone) that returns them.
    temperature: divides the network's scores first. Above 1 it trusts the network less.
    precision: float32, bfloat16, or auto (see `chosen_precision`).
    threads: on a CPU; torch's own number if not given.
    whole_batches: fill up the last batch, so that no bit depends on the number of series.
    """
    precision = chosen_precision(precision, net, x, threads)
    n = len(x)
    answers = room_for_answers(n, classes_of(net), x.shape[-1], probabilities)

    @torch.inference_mode()
    def label_batch(start):
        rows = slice(start, min(start + batch_size, n))
        batch = filled_up(x[rows], batch_size) if whole_batches else x[rows]
        logits = logits_of(net, batch, precision)  # (B, K, T)
        known = evidence_of(rows, evidence, lambda: decode_with(net, batch, logits))
        total = with_evidence(logits, known, temperature)
        labels = decode_with(net, batch, total, switch_cost, halved_at)
        parts = answers_of(total, labels, probabilities)
        for whole, part in zip(answers, parts):
            whole[rows] = part[: rows.stop - rows.start].cpu().numpy()  # without the filling

    in_threads(label_batch, range(0, n, batch_size), threads, on_gpu=device_of(net).type == "cuda")
    return answers


def room_for_answers(series, classes, months, probabilities):
    """Empty arrays for what `answers_of` gives of all batches."""
    labels = np.empty((series, months), np.int8)
    confidence = np.empty((series, months), np.float32)
    if not probabilities:
        return labels, confidence
    # The series innermost in memory, as the scores are: four times as fast to write.
    probability = np.empty((months, classes, series), np.float32).transpose(2, 1, 0)
    return labels, confidence, probability


def decode_with(net, x, logits, cost=None, halved_at=None):
    """Labels (B, T) int64 of scores (B, K, T) of series x (models/decode.py).

    cost: of a change. It falls where the bands break as halved_at says (models/breaks.py). None is
    the network's own: no cost where its card has no `switch_cost`, no fall where it has no `break`.
    """
    if cost is None:
        cost = net.card.get("switch_cost", 0)
    if halved_at is None:
        halved_at = net.card.get("break")
    if halved_at is None:
        return decode(logits, cost)

    def costs_of(rows):
        series = as_tensor(x[rows.cpu().numpy()], logits.device)
        return cost_at(break_strength(series), cost, halved_at)

    return decode(logits, LEAST_COST, costs_of)


def answers_of(logits, chosen, probabilities):
    """Labels (B, T) int8, confidence (B, T) and perhaps probabilities (B, K, T) of scores.

    chosen: labels (B, T) int64.
    """
    # As it lies in memory: several times faster to sum over K.
    probability = logits.permute(2, 1, 0).softmax(dim=1)  # (T, K, B)
    confidence = probability.gather(1, chosen.T[:, None])[:, 0]
    answers = (chosen.to(torch.int8), confidence.T, probability.permute(2, 1, 0))
    return answers if probabilities else answers[:2]


def label_plain(net, x, *, evidence=None, temperature=1.0):
    """Compute what `label` does with probabilities, plainly: all series at once, in float32."""
    with torch.inference_mode():
        logits = net(as_tensor(x, device_of(net))).float() / temperature  # (N, K, T)
        if evidence is not None:
            logits = logits + torch.as_tensor(evidence, device=logits.device)
        labels = decode_with(net, x, logits)  # (N, T)
        probability = logits.softmax(dim=1)
        confidence = probability.gather(1, labels[:, None])[:, 0]
    return labels.to(torch.int8).cpu().numpy(), confidence.cpu().numpy(), probability.cpu().numpy()


@torch.inference_mode()
def predict(net, x, *, batch_size=BATCH):
    """Return class probabilities (N, K, T) float32 of series x, each month by itself.

    x: (N, C, T), float with NaN or integers with -32768 = no observation.
    """
    out = np.empty((len(x), classes_of(net), x.shape[-1]), np.float32)
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        out[rows] = logits_of(net, x[rows]).softmax(dim=1).cpu().numpy()
    return out


def chosen_precision(precision, net, x, threads):
    """float32 or bfloat16, where `precision` may also be auto.

    For long x a short measurement decides, and the logger `models.label` says which (level INFO).
    Short x is labelled in float32.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision}: not known; expected {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    long = len(x) >= WORTH_MEASURING
    return fastest_precision(net, x, threads=threads) if long else "float32"


def fastest_precision(net, x, *, threads=None):
    """Return "float32" or "bfloat16", whichever labels series like x (N, C, T) faster here.

    Measured in a fraction of a second, in turns, the best of three; bfloat16 must be faster by a
    tenth. Whoever labels in several processes or parts asks once and gives all of them the answer:
    two measurements on a busy machine may differ.
    """
    threads = threads or torch.get_num_threads()
    clock = clock_for(net)

    def seconds(precision, each):
        series = x[: each * threads]  # as x lies in memory, which matters
        if len(series) < each * threads:
            series = x[np.arange(each * threads) % len(x)]
        started = clock()
        label(net, series, precision=precision, threads=threads, batch_size=each)
        return clock() - started

    each = 16  # series of each thread; large networks need few to be measured
    seconds("bfloat16", each)  # the first pass of either also prepares
    while seconds("float32", each) < MEASURED_SECONDS and each < BATCH:
        each *= 4
    best = {"float32": np.inf, "bfloat16": np.inf}
    for _ in range(ROUNDS):
        for precision in best:
            best[precision] = min(best[precision], seconds(precision, each))
    faster = best["bfloat16"] < CLEARLY_FASTER * best["float32"]
    chosen = "bfloat16" if faster else "float32"
    log.info("%s: bfloat16 %.0f %% faster", chosen, 100 * (best["float32"] / best["bfloat16"] - 1))
    return chosen


def clock_for(net):
    """Return the clock of a measurement: the time of this process's own work, where it is told.

    Other programs on the machine then decide nothing. The work of a GPU shows on the clock on the
    wall alone, and Windows counts own time in steps of 16 ms.
    """
    own = device_of(net).type == "cpu" and sys.platform != "win32"
    return time.process_time if own else time.perf_counter


def logits_of(net, x, precision="float32"):
    """Return scores (B, K, T) float32 of series x (B, C, T), the series innermost in memory."""
    device = device_of(net)
    at_once = max(1, len(x)) if device.type == "cuda" else AT_ONCE[precision]
    parts = []
    # Said for float32 too, as the caller may have set another precision.
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        for start in range(0, len(x), at_once):
            part = net(as_tensor(x[start : start + at_once], device))  # (B, K, T)
            parts.append(part.float().permute(2, 1, 0))
    return torch.cat(parts, dim=2).permute(2, 1, 0)


def evidence_of(rows, evidence, decoded):
    """Evidence (n, K, T) of the series `rows`, None where there is none. It may be a function of
    the labels by the network alone, which `decoded` () gives (B, T).
    """
    if not callable(evidence):
        return None if evidence is None else evidence[rows]
    alone = decoded()[: rows.stop - rows.start]  # without the filling
    return evidence(rows, alone.to(torch.int8).cpu().numpy())


def with_evidence(logits, evidence, temperature):
    """Add evidence (B, K, T), if any, to the scores over the temperature of the first B series, the
    series innermost still.
    """
    if temperature != 1:
        logits = logits / temperature
    if evidence is None:
        return logits
    evidence = torch.as_tensor(evidence, dtype=logits.dtype, device=logits.device)
    total = logits.permute(2, 1, 0).clone()  # (T, K, B)
    total[:, :, : len(evidence)].add_(evidence.permute(2, 1, 0))
    return total.permute(2, 1, 0)


def in_threads(work, starts, threads=None, *, on_gpu=False):
    """Call work(start) for each of `starts`, each thread of torch's on a batch of its own."""
    before = torch.get_num_threads()
    threads = threads or before
    try:
        if threads == 1 or len(starts) == 1 or on_gpu:
            torch.set_num_threads(threads)
            for start in starts:
                work(start)
        else:
            one = {"initializer": torch.set_num_threads, "initargs": (1,)}
            with ThreadPoolExecutor(threads, **one) as pool:
                list(pool.map(work, starts))
    finally:
        torch.set_num_threads(before)  # part of the setting is the whole process's


def filled_up(x, size):
    """Repeat the last series until there are `size`: (B, C, T) -> (size, C, T)."""
    missing = size - len(x)
    return x if missing == 0 else x.take(np.pad(np.arange(len(x)), (0, missing), "edge"), axis=0)


def as_tensor(x, device):
    """Series as the networks take them: float32, NaN where there is no observation."""
    x = np.asarray(x)
    if x.dtype.kind not in "fiu":
        raise InputError(f"series of type {x.dtype} found; expected numbers")
    # torch has no negative strides, warns of what is read-only, and knows one byte order.
    x = np.require(x, x.dtype.newbyteorder("="), "W")
    x = torch.from_numpy(x if min(x.strides, default=0) >= 0 else x.copy()).to(device)
    if x.is_floating_point():
        return x.float()
    # One pass less than a mask: an integer below all reflectance becomes NaN.
    return nn.functional.threshold_(x.float(), NO_OBSERVATION + 0.5, float("nan"))


def device_of(net):
    """Where the network is."""
    return next(net.parameters()).device


def classes_of(net):
    """Number of classes the network knows."""
    return len(net.card["legend"])
