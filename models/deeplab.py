"""DeepLab v3+ in time: an atrous pyramid over a quarter of the months, joined with full-length
features.
"""

import torch
from torch import nn

from models.inputs import Inputs, pad_to


def unit(before, after, kernel=3, dilation=1, stride=1):
    padding = dilation * (kernel - 1) // 2
    convolution = nn.Conv1d(before, after, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(after), nn.ReLU())


class DeepLab(nn.Module):
    """Chen et al. 2018, one-dimensional: encoder to T/4, pyramid of dilations 1, 2, 4 and the mean,
    low-level skip.
    """

    def __init__(self, n_bands, n_classes, width=64, dilations=(1, 2, 4)):
        super().__init__()
        self.inputs = Inputs(n_bands)
        self.low = nn.Sequential(unit(self.inputs.channels, width), unit(width, width))
        self.encoder = nn.Sequential(
            unit(width, 2 * width, stride=2),
            unit(2 * width, 2 * width),
            unit(2 * width, 4 * width, stride=2),
            unit(4 * width, 4 * width),
        )
        kernels = [(1, 1)] + [(3, dilation) for dilation in dilations]
        self.pyramid = nn.ModuleList(unit(4 * width, 2 * width, *kernel) for kernel in kernels)
        self.mean = unit(4 * width, 2 * width, 1)
        self.project = unit(2 * width * (len(kernels) + 1), 2 * width, 1)
        self.decoder = nn.Sequential(unit(3 * width, 2 * width), unit(2 * width, width))
        self.score = nn.Conv1d(width, n_classes, 1)

    def forward(self, x):
        steps = x.shape[-1]
        low = self.low(pad_to(self.inputs(x), 4))  # (B, W, T)
        high = self.encoder(low)  # (B, 4W, T/4)
        mean = self.mean(high.mean(-1, keepdim=True))  # (B, 2W, 1)
        views = [branch(high) for branch in self.pyramid]  # each (B, 2W, T/4)
        views.append(mean.expand(-1, -1, high.shape[-1]))
        high = self.project(torch.cat(views, dim=1))
        high = nn.functional.interpolate(high, size=low.shape[-1], mode="linear")
        both = torch.cat([high, low], dim=1)  # (B, 3W, T)
        return self.score(self.decoder(both))[..., :steps]  # (B, K, T)
