"""The device, and the several processes that train one network under torchrun."""

import os
from contextlib import contextmanager

import torch
import torch.distributed as dist

from utils.errors import InputError


@contextmanager
def machine(device="auto", threads=0):
    """Yield the torch device to train on; under torchrun, join the other processes.

    device: auto (a GPU if there is one), cpu or cuda. threads: of the CPU; 0 = as torch has it.
    The number of threads is put back, and the processes part, when the block ends. Raises
    InputError for a device that is not there.
    """
    cuda = torch.cuda.is_available() and device in ("auto", "cuda")
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {device}: not known; expected auto, cpu or cuda")
    if device == "cuda" and not cuda:
        raise InputError(
            "--device cuda: no GPU that torch can use on this machine; expected auto or cpu"
        )
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        dist.init_process_group("nccl" if cuda else "gloo")
    try:
        local = int(os.environ.get("LOCAL_RANK", 0))
        yield torch.device("cuda", local) if cuda else torch.device("cpu")
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        torch.set_num_threads(before)


def rank_and_world():
    """Number of this process and of all processes: (0, 1) without torchrun."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def is_first():
    """Whether this process writes the files: one of them does."""
    return rank_and_world()[0] == 0


def told_by_first(work):
    """Call work() in the first process alone; every process returns what came of it.

    An InputError there ends all processes, and the first one says it.
    """
    if not dist.is_initialized():
        return work()
    answer = {"value": None, "error": None}
    if is_first():
        try:
            answer["value"] = work()
        except InputError as error:
            answer["error"] = str(error)
    answers = [answer]
    dist.broadcast_object_list(answers, src=0)
    answer = answers[0]
    if answer["error"] is None:
        return answer["value"]
    if is_first():
        raise InputError(answer["error"])
    raise SystemExit(2)
