"""Transformer encoder: every month attends to every other."""

import math

import torch
from torch import nn

from models.inputs import Inputs


class Transformer(nn.Module):
    """Vaswani et al. 2017, pre-norm encoder; sine positions, so any length; a convolution at either
    end.
    """

    def __init__(self, n_bands, n_classes, width=128, layers=3, heads=4, dropout=0.1):
        super().__init__()
        self.inputs = Inputs(n_bands)
        self.embed = nn.Conv1d(self.inputs.channels, width, 3, padding=1)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.score = nn.Conv1d(width, n_classes, 3, padding=1)

    def forward(self, x):
        h = self.embed(self.inputs(x)).transpose(1, 2)  # (B, T, W)
        h = self.encoder(h + positions(h.shape[1], h.shape[2]).to(h))
        return self.score(h.transpose(1, 2))  # (B, K, T)


def positions(steps, width):
    """Sine and cosine of the month at falling frequencies: (T, W)."""
    frequency = torch.exp(torch.arange(0, width, 2) * (-math.log(1000.0) / width))
    angle = torch.arange(steps)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
