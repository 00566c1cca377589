"""Train one network: the loop, the best checkpoint, the way back after an interruption."""

import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from tqdm import tqdm

from models import NETWORKS, as_tensor, label, predict
from utils.augment import AUGMENTATIONS
from utils.changes import majority_filter
from utils.errors import InputError
from utils.files import whole
from utils.metrics import scores


@dataclass(frozen=True)
class Settings:
    """How to train. The defaults are the modern recipe; PAPER holds what the published code does differently."""

    epochs: int = 12
    batch_size: int = 64
    optimizer: str = "adamw"  # or adam
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    schedule: str = "cosine"  # with a warm-up of one epoch; or step: x 0.7 every 5 epochs
    clip: float = 1.0  # largest norm of the gradient; 0 = none
    patience: int = 0  # epochs without a better validation score before stopping; 0 = never
    average: float = 0.998  # decay of the running mean of the weights, which is what is judged and kept; 0 = none
    augment: tuple = ("flip", "illumination", "noise", "gaps", "crop")
    flip_until: float = 1.0  # share of the epochs after which flip is left out; 1 = never
    decode: bool = True  # choose a cost of change on validation (utils/decode.py); else each month by itself
    class_weights: str = "none"  # or balanced, or one number a class: 1,1,2,1,1,1
    label_smoothing: float = 0.0
    precision: str = "auto"  # float32, bfloat16; auto = bfloat16 on a GPU
    seed: int = 0


MONTHLY_SCORES = ("OA", "AA", "F1", "kappa", "mIoU")
SWITCH_COSTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # nats
HISTORY_SCORES = ("OA", "mIoU", "sequence_accuracy", "spatial_F1", "temporal_F1")
PAPER = {"epochs": 100, "batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0.0,
         "schedule": "step", "patience": 8, "average": 0.0, "clip": 0.0, "decode": False,
         "augment": ("flip",)}


def fit(net, train, validation, settings, *, folder=None, resume=False, progress=True):
    """Train `net` on Samples `train`, keep the epoch that is best on Samples `validation` (see `best_row`).

    The score that chooses is the mean of OA, spatial F1 and temporal F1, the last two after a 3-month majority filter.
    folder: where state and history go after every epoch; `resume` continues from there, bit for bit on a CPU. Under
    torchrun every process calls this and gets the same network.
    Returns (net with the best weights, history DataFrame with one row an epoch).
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
    with tqdm(epochs, initial=len(history), total=settings.epochs, unit="epoch", disable=silent) as bar:
        for epoch in bar:
            if settings.patience and stale_epochs(history) >= settings.patience:
                break
            started, used = time.perf_counter(), time.process_time()
            loss = train_epoch(model, average, optimizer, x, y, weights, settings, epoch)
            row = shared({"epoch": epoch + 1, "learning_rate": optimizer.param_groups[0]["lr"], "train_loss": loss,
                          **evaluate(average, validation)})
            history.append(row | {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used})
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
    bfloat16 = settings.precision == "bfloat16" or (settings.precision == "auto" and x.device.type == "cuda")
    share = max(1, settings.batch_size // world)  # series that this process takes of each batch
    steps = max(1, math.ceil(len(x) / (share * world)))
    # All randomness of an epoch follows from the seed and its number: a resumed run draws what it would have drawn.
    seed_everything(settings.seed, epoch)
    order = torch.randperm(len(x), device="cpu").to(x.device)
    if world > 1:  # every process needs its share of the last batch too: some series take part twice
        order = order.repeat(2)[:steps * share * world]
    seed_everything(settings.seed, epoch, rank + 1)
    flips = epoch < settings.flip_until * settings.epochs
    augment = [AUGMENTATIONS[name] for name in settings.augment if name != "flip" or flips]
    net.train()
    total = torch.zeros((), device=x.device)
    for step in range(steps):
        rows = order[step * share * world:(step + 1) * share * world][rank::world]
        batch, target = x[rows], y[rows]
        for change in augment:
            batch, target = change(batch, target)
        done = epoch * steps + step
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, done / steps, 1 / steps)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
            logits = model(batch)
        loss = nn.functional.cross_entropy(logits.float(), target, weights, ignore_index=-1,
                                           label_smoothing=settings.label_smoothing)
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
    """Validation scores of the network as it is: loss, OA, mIoU, spatial and temporal F1, and their mean, `score`."""
    net.eval()
    probability = predict(net, samples.x)
    labelled = samples.y >= 0
    chosen = np.take_along_axis(probability, np.maximum(samples.y, 0)[:, None].astype(np.int64), axis=1)[:, 0]
    loss = float(-np.log(np.maximum(chosen[labelled], 1e-9)).mean())
    found = published_scores(samples.y, probability.argmax(axis=1).astype(np.int8), len(samples.legend))
    row = {"validation_loss": loss} | {name: found[name] for name in HISTORY_SCORES}
    return row | {"score": float(np.nanmean([row["OA"], row["spatial_F1"], row["temporal_F1"]]))}


def published_scores(true, labels, classes, width=3):
    """All scores as published: those by month of the labels as they are, the others after a majority filter."""
    by_month = scores(true, labels, classes)
    return scores(true, majority_filter(labels, width), classes) | {name: by_month[name] for name in MONTHLY_SCORES}


def choose_switch_cost(net, validation):
    """Set the network's `switch_cost` (see utils/decode.py) to the one with the best score on Samples `validation`."""
    found = {}
    for cost in SWITCH_COSTS:
        net.card["switch_cost"] = cost
        row = published_scores(validation.y, label(net, validation.x)[0], len(validation.legend))
        found[cost] = np.nanmean([row["OA"], row["spatial_F1"], row["temporal_F1"]])
    net.card["switch_cost"] = max(found, key=found.get)


def seed_everything(*numbers):
    """Seed torch (all devices) from several numbers."""
    torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1))


def shared(row):
    """Under torchrun, the first process's numbers for all, so that all of them stop and keep alike."""
    if not dist.is_initialized():
        return row
    rows = [row]
    dist.broadcast_object_list(rows, src=0)
    return rows[0]


def best_row(history, settings):
    """Number of the row to keep of a history (DataFrame or list of rows): that of the best score, the first of several.

    Of a schedule that runs to its end only the last quarter counts: before it the steps are large, and an epoch that is
    the best by luck does worse on other sites.
    """
    score = list(pd.DataFrame(history)["score"])
    start = 0 if settings.patience else min(settings.epochs * 3 // 4, len(score) - 1)
    return score.index(max(score[start:]), start)


def stale_epochs(history):
    """Epochs since the best score."""
    score = [row["score"] for row in history]
    return len(score) - 1 - score.index(max(score)) if score else 0


def make_optimizer(net, settings):
    """Adam or AdamW; biases and norms are not decayed."""
    if settings.optimizer == "adam":
        return torch.optim.Adam(net.parameters(), lr=settings.learning_rate)
    groups = [{"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
              {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def learning_rate(settings, epoch, step):
    """Learning rate at a point in time, in epochs; `step` is the length of one step, so that the first is above 0."""
    if settings.schedule == "step":
        return settings.learning_rate * 0.7 ** (int(epoch) // 5)
    warm_up = min(1.0, (epoch + step) / min(1.0, 0.1 * settings.epochs))
    return settings.learning_rate * warm_up * (0.5 + 0.5 * math.cos(math.pi * min(1.0, epoch / settings.epochs)))


def update_average(average, net, decay):
    """Move the running mean of weights and buffers towards the network."""
    for mean, value in zip(average.state_dict().values(), net.state_dict().values()):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def class_weights(choice, y, classes, device):
    """Weights of the loss a class: None, 'balanced' (every class weighs the same in sum), or numbers."""
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
            raise InputError(f"--class-weights {choice}: expected none, balanced or {classes} numbers with commas")
    return torch.tensor(weights, dtype=torch.float32, device=device)


def save_state(folder, net, average, optimizer, best, history):
    """Write all that the next epoch needs as one file, whole or not at all, and the history beside it."""
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for number, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in slots.items()}
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    with whole(Path(folder) / "state.safetensors") as part:
        save_file(tensors, part, metadata={"history": json.dumps(history)})
    with whole(Path(folder) / "history.csv") as part:
        pd.DataFrame(history).to_csv(part, index=False)


def load_state(folder, net, average, optimizer):
    """Put back what `save_state` wrote; returns (best weights, history), (None, []) before the first epoch's end."""
    path = Path(folder) / "state.safetensors"
    if not path.is_file():
        return None, []
    try:
        with safe_open(path, "pt") as file:
            history = json.loads(file.metadata()["history"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    except (SafetensorError, KeyError, OSError) as error:
        raise InputError(f"{path}: not readable ({error}); expected a training state that run.py wrote") from error

    def part(prefix):
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    net.load_state_dict(part("net."))
    average.load_state_dict(part("average."))
    slots = {}
    for name, value in part("optimizer.").items():
        number, slot = name.split(".", 1)
        slots.setdefault(int(number), {})[slot] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})
    return part("best."), history


def settings_of(recipe, network, **changes):
    """Return Settings of a recipe for a network: 'modern', with what that network does best with, or 'paper'."""
    return Settings(**(PAPER if recipe == "paper" else getattr(NETWORKS[network], "recipe", {})) | changes)
