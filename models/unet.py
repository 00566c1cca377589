"""U-Net in time: halving blocks, and on the way back each joined with what it saw at that scale."""

import torch
from torch import nn

from models.inputs import Inputs, pad_to


def block(before, after):
    return nn.Sequential(
        nn.Conv1d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm1d(after),
        nn.ReLU(),
        nn.Conv1d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm1d(after),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """Ronneberger et al. 2015, one-dimensional. Lengths are padded to a multiple of 2^(levels - 1)
    and cropped.
    """

    def __init__(self, n_bands, n_classes, widths=(48, 96, 192, 384)):
        super().__init__()
        self.inputs = Inputs(n_bands)
        before = (self.inputs.channels, *widths[:-1])
        self.down = nn.ModuleList(block(a, b) for a, b in zip(before, widths))
        self.up = nn.ModuleList(nn.ConvTranspose1d(b, a, 2, 2) for a, b in zip(widths, widths[1:]))
        self.join = nn.ModuleList(block(2 * width, width) for width in widths[:-1])
        self.score = nn.Conv1d(widths[0], n_classes, 1)

    def forward(self, x):
        steps = x.shape[-1]
        h = pad_to(self.inputs(x), 2 ** (len(self.down) - 1))
        levels = []
        for level, down in enumerate(self.down):
            h = down(
                h if level == 0 else nn.functional.max_pool1d(h, 2)
            )  # (B, widths[level], T / 2^level)
            levels.append(h)
        for level in reversed(range(len(self.up))):
            h = self.join[level](torch.cat([self.up[level](h), levels[level]], dim=1))
        return self.score(h)[..., :steps]  # (B, K, T)
