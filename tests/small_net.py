"""A network that trains in seconds."""

import torch

import models


def small(samples, seed=0):
    torch.manual_seed(seed)
    return models.build(
        "patchnet", bands=samples.bands, legend=samples.legend, width=32, reach=(1, 2)
    )
