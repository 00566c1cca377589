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
from models.breaks import HALVED_AT
from training.augment import AUGMENTATIONS
from training.processes import rank_and_world
from training.recipe import class_weights, learning_rate, make_optimizer
from training.state import State, load_state, save_state
from utils.changes import change_months
from utils.metrics import filtered_scores, selection_score

SWITCH_COSTS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # nats
HISTORY_SCORES = ("OA", "mIoU", "sequence_accuracy", "spatial_F1", "temporal_F1")


def fit(net, train, validation, settings, *, folder=None, resume=False, progress=True):
    """Train `net` on Samples `train`, keep the epoch that is best on Samples `validation` (see
    `best_row`).

    The score that chooses is the mean of OA, spatial F1 and temporal F1, the last two after a
    3-month majority filter. folder: where state and history go after every epoch; `resume`
    continues from there, bit for bit on a CPU. Under torchrun every process calls this and gets the
    same network. Returns (net with the best weights, history DataFrame with one row an epoch).
    Raises InputError for class weights that do not fit, and for a state that cannot be read.
    """
    device = next(net.parameters()).device
    x, y = as_tensor(train.x, device), torch.from_numpy(train.y).to(device).long()
    weights = class_weights(settings.class_weights, train.y, len(train.legend), device)
    state = first_state(net, x, settings)
    if resume:
        load_state(folder, state)
    rank, world = rank_and_world()
    model = nn.parallel.DistributedDataParallel(net) if world > 1 else net
    with epoch_bar(state, settings, progress and rank == 0) as bar:
        for epoch in bar:
            if settings.patience and stale_epochs(state.history) >= settings.patience:
                break
            started, used = time.perf_counter(), time.process_time()
            loss = train_epoch(
                model, state.average, state.optimizer, x, y, weights, settings, epoch
            )
            row = row_of(state, validation, epoch, loss)
            row["seconds"] = time.perf_counter() - started
            row["cpu_seconds"] = time.process_time() - used
            state.history.append(row)
            if best_row(state.history, settings) == epoch:
                state.best = copy_of(state.average)
            if folder is not None and rank == 0:
                save_state(folder, state)
            bar.set_postfix(loss=f"{loss:.3f}", OA=f"{row['OA']:.4f}", score=f"{row['score']:.4f}")
    net.load_state_dict(state.best)
    if settings.decode:
        choose_switch_cost(net.eval(), validation, train.y)
    return net.eval(), pd.DataFrame(state.history)


def first_state(net, x, settings):
    """State of a training before its first epoch; x (N, C, T) of the training part."""
    if hasattr(net, "inputs"):
        net.inputs.fit(x)
    average = copy.deepcopy(net).requires_grad_(False) if settings.average else net
    return State(net, average, make_optimizer(net, settings), best=None, history=[])


def epoch_bar(state, settings, shown):
    """Progress bar over the numbers of the epochs that are still to do."""
    done = len(state.history)
    epochs = range(done, settings.epochs)
    return tqdm(epochs, initial=done, total=settings.epochs, unit="epoch", disable=not shown)


def row_of(state, validation, epoch, loss):
    """Row of the history after an epoch; under torchrun the first process's, in all of them."""
    rate = state.optimizer.param_groups[0]["lr"]
    row = {"epoch": epoch + 1, "learning_rate": rate, "train_loss": loss}
    return shared(row | evaluate(state.average, validation))


def copy_of(net):
    """Weights and buffers of a network, as they are now."""
    return {name: value.clone() for name, value in net.state_dict().items()}


def train_epoch(model, average, optimizer, x, y, weights, settings, epoch):
    """One pass over x (N, C, T), y (N, T), both on the device; returns the mean loss.

    model: the network, or what wraps it under torchrun. average: network that holds the running
    mean of the weights; it follows where `settings.average` is not 0.
    """
    net = getattr(model, "module", model)
    batches = batches_of(x, y, settings, epoch)
    steps = steps_of(len(x), settings)
    net.train()
    total = torch.zeros((), device=x.device)
    for step, (batch, target) in enumerate(batches):
        done = epoch * steps + step
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, done / steps, 1 / steps)
        loss = loss_of(model, batch, target, weights, settings)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.clip:
            nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimizer.step()
        if settings.average:
            # The mean moves fast at first: it must soon forget the random first weights.
            update_average(average, net, min(settings.average, (1 + done) / (10 + done)))
        total += loss.detach()
    return float(total) / steps


def loss_of(model, batch, target, weights, settings):
    """Cross-entropy of a batch x (B, C, T) and its labels (B, T); -1 does not count."""
    device = batch.device.type
    on_gpu = settings.precision == "auto" and device == "cuda"
    bfloat16 = settings.precision == "bfloat16" or on_gpu
    with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
        logits = model(batch)
    smoothing = settings.label_smoothing
    return nn.functional.cross_entropy(
        logits.float(), target, weights, ignore_index=-1, label_smoothing=smoothing
    )


def batches_of(x, y, settings, epoch):
    """Yield the batches of an epoch, augmented: x (B, C, T), y (B, T) of this process.

    All randomness of an epoch follows from the seed and the epoch's number: a resumed run draws
    what it would have drawn.
    """
    rank, world = rank_and_world()
    size = batch_share(settings) * world  # series of all processes
    seed_everything(settings.seed, epoch)
    order = torch.randperm(len(x), device="cpu").to(x.device)
    if world > 1:
        # Every process needs its share of the last batch too: some series take part twice.
        order = order.repeat(2)[: steps_of(len(x), settings) * size]
    seed_everything(settings.seed, epoch, rank + 1)
    flips = epoch < settings.flip_until * settings.epochs
    augment = [AUGMENTATIONS[name] for name in settings.augment if name != "flip" or flips]
    for rows in order.split(size):
        rows = rows[rank::world]
        batch, target = x[rows], y[rows]
        for change in augment:
            batch, target = change(batch, target)
        yield batch, target


def batch_share(settings):
    """Series of each batch that one process takes."""
    return max(1, settings.batch_size // rank_and_world()[1])


def steps_of(series, settings):
    """Number of batches in an epoch."""
    return max(1, math.ceil(series / (batch_share(settings) * rank_and_world()[1])))


def evaluate(net, samples):
    """Validation scores of the network as it is: loss, OA, mIoU, spatial and temporal F1, and their
    mean, `score`.
    """
    net.eval()
    probability = predict(net, samples.x)  # (N, K, T)
    labels = probability.argmax(axis=1).astype(np.int8)
    found = filtered_scores(samples.y, labels, len(samples.legend))
    row = {name: found[name] for name in HISTORY_SCORES}
    loss = mean_log_loss(probability, samples.y)
    return {"validation_loss": loss} | row | {"score": selection_score(row)}


def mean_log_loss(probability, y):
    """Cross-entropy of probabilities (N, K, T) in the labelled months of y (N, T)."""
    true = np.maximum(y, 0)[:, None].astype(np.int64)
    chosen = np.take_along_axis(probability, true, axis=1)[:, 0]
    return float(-np.log(np.maximum(chosen[y >= 0], 1e-9)).mean())


def choose_switch_cost(net, validation, train_y):
    """Set the network's `switch_cost` (see models/decode.py) to the one with the best score on
    Samples `validation`.

    At least one nat: months are never without memory. No more than the log odds of a change in the
    training labels (N, T): a few false changes at one validation site would else forbid the changes
    of other land. A network whose samples were labelled by label.py is less sure of the months of
    changes. For it a change costs less where the bands break (models/breaks.py), whatever it costs
    elsewhere.
    """
    months_per_change = (train_y >= 0).sum() / max(1, change_months(train_y).sum())
    most = np.log(months_per_change)
    if validation.evidence is not None:
        net.card["break"], most = HALVED_AT, np.inf
    found = {}
    for cost in SWITCH_COSTS:
        if found and cost > most:
            break
        net.card["switch_cost"] = cost
        labels, _ = label(net, validation.x, precision="float32")
        row = filtered_scores(validation.y, labels, len(validation.legend))
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
