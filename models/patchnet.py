"""PatchNet: months in patches of a few, mixed over time by shifts. The fast one, and the default.

The work is a handful of large matrix products on arrays that stay in the processor's cache: a patch of months is one
token (Dosovitskiy et al. 2021), and instead of convolving, each layer moves a part of the channels one token on or
back before a plain product (temporal shift, Lin et al. 2019). No norm, so nothing between the products but a ReLU.
"""

import torch
from torch import nn


class PatchNet(nn.Module):
    """Tokens of `patch` months; a layer for each entry of `reach`, which is how many tokens its shift moves.

    A month without observation enters as the mean of the training data, with a flag beside it that says so; lengths
    are padded with such months.
    """

    recipe = {"epochs": 100, "learning_rate": 5e-3}  # small: an epoch takes a second, and it keeps on learning

    def __init__(self, n_bands, n_classes, width=96, patch=6, reach=(1, 1, 2, 1), dropout=0.1):
        super().__init__()
        self.inputs = Standardise(n_bands)
        self.patch, self.reach, self.n_classes, self.dropout = patch, tuple(reach), n_classes, dropout
        self.embed = nn.Linear(patch * (n_bands + 1), width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in reach)
        self.score = nn.Linear(width, n_classes * patch)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layer.weight.data *= len(reach) ** -0.5  # the sum of the layers then keeps the scale of its input
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        batch, _, steps = x.shape
        tokens = -(-steps // self.patch)
        h = self.inputs(x, tokens * self.patch).view(batch, tokens, -1)  # (B, L, patch (C + 1))
        h = self.embed(h).relu_()  # (B, L, W)
        for layer, reach in zip(self.layers, self.reach):
            y = layer(shift(h, reach)).relu_()
            h = h + nn.functional.dropout(y, self.dropout, self.training)
        score = self.score(h).view(batch, tokens, self.n_classes, self.patch).transpose(1, 2)  # (B, K, L, patch)
        return score.reshape(batch, self.n_classes, -1)[..., :steps]  # (B, K, T)


def shift(h, reach):
    """Move a quarter of the channels `reach` tokens later, a quarter earlier, zeros coming in: (B, L, W) -> same."""
    quarter = h.shape[2] // 4
    later = nn.functional.pad(h[:, :-reach, :quarter], (0, 0, reach, 0))
    earlier = nn.functional.pad(h[:, reach:, quarter:2 * quarter], (0, 0, 0, reach))
    return torch.cat([later, earlier, h[:, :, 2 * quarter:]], dim=2)


class Standardise(nn.Module):
    """Standardised reflectance, 0 where there is no observation, and a flag of the months seen.

    (B, C, T) -> (B, length, C + 1), months before bands so that a patch of months lies together in memory.
    """

    def __init__(self, n_bands):
        super().__init__()
        self.register_buffer("mean", torch.full((n_bands, 1), 1500.0))
        self.register_buffer("spread", torch.full((n_bands, 1), 1000.0))

    def fit(self, x):
        """Measure mean and spread a band on training reflectance (N, C, T) with NaN."""
        for band, values in enumerate(x.transpose(0, 1).flatten(1)):
            values = values[torch.isfinite(values)].double()
            self.mean[band], self.spread[band] = values.mean(), values.std().clamp(min=1)

    def forward(self, x, length):
        batch, bands, steps = x.shape
        out = x.new_zeros(batch, length, bands + 1)
        scaled = torch.addcdiv(-self.mean / self.spread, x, self.spread)
        seen = torch.isfinite(scaled.sum(1))
        out[:, :steps, :bands] = scaled.nan_to_num_(nan=0.0).transpose(1, 2)
        out[:, :steps, bands] = seen
        return out
