"""Train one network: the loop, the best checkpoint, the way back after an interruption."""

import copy
import math
import time

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from torch import nn
from tqdm import tqdm

from models import as_tensor, label, predict
from training.augment import AUGMENTATIONS
from training.recipe import class_weights, learning_rate, make_optimizer
from training.state import load_state, save_state
from utils.metrics import filtered_scores, selection_score

SWITCH_COSTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # nats  # nats
HISTORY_SCORES = ("OA", "mIoU", "sequence_accuracy", "spatial_F1", "temporal_F1")


def fit(net, train, validation, settings, *, folder=None, resume=False, progress=True):
    """Train `net` on Samples `train`, keep the epoch that is best on Samples `validation` (see
    `best_row`).

    The score that chooses is the mean of OA, spatial F1 and temporal F1, the last two after a
    3-month majority filter. folder: where state and history go after every epoch; `resume`
    continues from there, bit for bit on a CPU. Under torchrun every process calls this and gets the
    same network. Returns (net with the best weights, history DataFrame with one row an epoch).
    """
    device = next(net.parameters()).device
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    x, y = as_tensor(train.x, device), torch.from_numpy(train.y).to(device).long()
    if hasattr(net, "inputs"):
        net.inputs.fit(x)
    weights = class_weights(settings.class_weights, train.y, len(train.legend), device)
    optimizer = make_optimizer(net, settings)
    average = copy.deepcopy(net).requires_grad_(False) if settings.average else net
    best, history = None, []
    if resume:
        best, history = load_state(folder, net, average, optimizer)
    model = nn.parallel.DistributedDataParallel(net) if world > 1 else net

    epochs = range(len(history), settings.epochs)
    silent = not progress or rank > 0
    with tqdm(
        epochs, initial=len(history), total=settings.epochs, unit="epoch", disable=silent
    ) as bar:
        for epoch in bar:
            if settings.patience and stale_epochs(history) >= settings.patience:
                break
            started, used = time.perf_counter(), time.process_time()
            loss = train_epoch(model, average, optimizer, x, y, weights, settings, epoch)
            row = shared(
                {
                    "epoch": epoch + 1,
                    "learning_rate": optimizer.param_groups[0]["lr"],
                    "train_loss": loss,
                    **evaluate(average, validation),
                }
            )
            history.append(
                row
                | {
                    "seconds": time.perf_counter() - started,
                    "cpu_seconds": time.process_time() - used,
                }
            )
            if best_row(history, settings) == epoch:
                best = {name: value.clone() for name, value in average.state_dict().items()}
            if folder is not None and rank == 0:
                save_state(folder, net, average, optimizer, best, history)
            bar.set_postfix(loss=f"{loss:.3f}", OA=f"{row['OA']:.4f}", score=f"{row['score']:.4f}")
    net.load_state_dict(best)
    if settings.decode:
        choose_switch_cost(net.eval(), validation)
    return net.eval(), pd.DataFrame(history)


def train_epoch(model, average, optimizer, x, y, weights, settings, epoch):
    """One pass over x (N, C, T), y (N, T), both on the device; returns the mean loss."""
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    net = getattr(model, "module", model)
    bfloat16 = settings.precision == "bfloat16" or (
        settings.precision == "auto" and x.device.type == "cuda"
    )
    share = max(1, settings.batch_size // world)  # series that this process takes of each batch
    steps = max(1, math.ceil(len(x) / (share * world)))
    # All randomness of an epoch follows from the seed and its number: a resumed run draws what it
    # would have drawn.
    seed_everything(settings.seed, epoch)
    order = torch.randperm(len(x), device="cpu").to(x.device)
    if (
        world > 1
    ):  # every process needs its share of the last batch too: some series take part twice
        order = order.repeat(2)[: steps * share * world]
    seed_everything(settings.seed, epoch, rank + 1)
    flips = epoch < settings.flip_until * settings.epochs
    augment = [AUGMENTATIONS[name] for name in settings.augment if name != "flip" or flips]
    net.train()
    total = torch.zeros((), device=x.device)
    for step in range(steps):
        rows = order[step * share * world : (step + 1) * share * world][rank::world]
        batch, target = x[rows], y[rows]
        for change in augment:
            batch, target = change(batch, target)
        done = epoch * steps + step
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, done / steps, 1 / steps)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
            logits = model(batch)
        loss = nn.functional.cross_entropy(
            logits.float(),
            target,
            weights,
            ignore_index=-1,
            label_smoothing=settings.label_smoothing,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.clip:
            nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimizer.step()
        if settings.average:
            update_average(average, net, min(settings.average, (1 + done) / (10 + done)))
        total += loss.detach()
    return float(total) / steps


def evaluate(net, samples):
    """Validation scores of the network as it is: loss, OA, mIoU, spatial and temporal F1, and their
    mean, `score`.
    """
    net.eval()
    probability = predict(net, samples.x)
    labelled = samples.y >= 0
    chosen = np.take_along_axis(
        probability, np.maximum(samples.y, 0)[:, None].astype(np.int64), axis=1
    )[:, 0]
    loss = float(-np.log(np.maximum(chosen[labelled], 1e-9)).mean())
    found = filtered_scores(
        samples.y, probability.argmax(axis=1).astype(np.int8), len(samples.legend)
    )
    row = {"validation_loss": loss} | {name: found[name] for name in HISTORY_SCORES}
    return row | {"score": selection_score(row)}


def choose_switch_cost(net, validation):
    """Set the network's `switch_cost` (see models/decode.py) to the one with the best score on
    Samples `validation`.
    """
    found = {}
    for cost in SWITCH_COSTS:
        net.card["switch_cost"] = cost
        row = filtered_scores(validation.y, label(net, validation.x)[0], len(validation.legend))
        found[cost] = selection_score(row)
    net.card["switch_cost"] = max(found, key=found.get)


def seed_everything(*numbers):
    """Seed torch (all devices) from several numbers."""
    torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1))


def shared(row):
    """Under torchrun, the first process's numbers for all, so that all of them stop and keep
    alike.
    """
    if not dist.is_initialized():
        return row
    rows = [row]
    dist.broadcast_object_list(rows, src=0)
    return rows[0]


def best_row(history, settings):
    """Number of the row to keep of a history (DataFrame or list of rows): that of the best score,
    the first of several.

    Of a schedule that runs to its end only the last quarter counts: before it the steps are large,
    and an epoch that is the best by luck does worse on other sites.
    """
    score = list(pd.DataFrame(history)["score"])
    start = 0 if settings.patience else min(settings.epochs * 3 // 4, len(score) - 1)
    return score.index(max(score[start:]), start)


def stale_epochs(history):
    """Epochs since the best score."""
    score = [row["score"] for row in history]
    return len(score) - 1 - score.index(max(score)) if score else 0


def update_average(average, net, decay):
    """Move the running mean of weights and buffers towards the network."""
    for mean, value in zip(average.state_dict().values(), net.state_dict().values()):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
