"""PatchNet: months in patches of a few, mixed over time by shifts. The fast one, and the default.

The work is a handful of matrix products on arrays that stay in the processor's cache: a patch of
months is one token (Dosovitskiy et al. 2021), and instead of convolving, each layer moves a part of
the channels one token on or back before a plain product (temporal shift, Lin et al. 2019). No norm,
so nothing between the products but a ReLU. Series are innermost in memory: a token moves by an
offset, and every step runs along whole rows.
"""

import math

import torch
from torch import nn


class PatchNet(nn.Module):
    """Tokens of `patch` months; a layer for each entry of `reach`, which is how many tokens its
    shift moves.

    A month without observation enters as 0, with a flag beside it; lengths are padded with such
    months. A band that is missing in months that others saw is estimated from them, and `absent`
    tells the first product which: training with the augmentation "bands" teaches it.
    """

    # Small: an epoch takes a second, and it keeps on learning. Seasons and building have a
    # direction in time: to end on series as they run makes fewer errors at sites it knows; never to
    # have seen one backwards costs reach.
    recipe = {"epochs": 100, "learning_rate": 5e-3, "flip_until": 0.5}

    def __init__(self, n_bands, n_classes, width=96, patch=6, reach=(1, 1, 2, 1), dropout=0.1):
        super().__init__()
        self.inputs = Inputs(n_bands)
        self.patch = patch
        self.reach = tuple(reach)
        self.n_classes = n_classes
        self.dropout = dropout
        self.embed = nn.Linear((n_bands + 1) * patch, width)
        self.absent = nn.Parameter(torch.zeros(width, n_bands))
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in reach)
        self.score = nn.Linear(width, n_classes * patch)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            # The sum of the layers then keeps the scale of its input.
            layer.weight.data *= len(reach) ** -0.5
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        device = x.device.type
        lower = torch.is_autocast_enabled(device)
        kind = torch.get_autocast_dtype(device) if lower else x.dtype
        with torch.autocast(device, enabled=False):  # it would cast before every product
            return self.scores(*self.tokens(x, kind))[: x.shape[-1]].permute(2, 1, 0)  # (B, K, T)

    def tokens(self, x, kind):
        """Input of the first product (patch (C + 1), L B) of x (B, C, T), and the share of the
        months of each token in which a band alone is missing (C, L B), None where none is.
        """
        patches = (math.ceil(x.shape[-1] / self.patch), self.patch)  # L, patch
        h, holes = self.inputs(x, math.prod(patches))  # (C + 1, L patch, B), (C, L patch, B)
        h = h.unflatten(1, patches).transpose(1, 2)  # (C + 1, patch, L, B)
        h = h.to(kind).flatten(2).flatten(0, 1)
        if holes is None:
            return h, None, len(x)
        absent = self.share_absent(holes.unflatten(1, patches))
        return h, absent.to(kind), len(x)

    def scores(self, h, absent, batch):
        """Class scores (L patch, K, B) of what `tokens` gives."""
        h = product(self.embed, h)  # (W, L B)
        if absent is not None:
            h.addmm_(self.absent.to(h.dtype), absent)
        elif self.training:  # torchrun wants a gradient of every parameter
            h = h + 0 * self.absent[:, :1]
        h = relu(h)
        room = None if torch.is_grad_enabled() else torch.empty_like(h)  # it stays in the cache
        for layer, reach in zip(self.layers, self.reach):
            y = relu(shifted_product(layer, h, reach * batch, out=room))
            y = nn.functional.dropout(y, self.dropout) if self.training else y
            h = h + y if room is None else h.add_(y)
        score = product(self.score, h).view(self.n_classes, self.patch, -1, batch)
        return score.permute(2, 1, 0, 3).reshape(-1, self.n_classes, batch)

    def _load_from_state_dict(self, state, prefix, *rest):
        """Weights of before bands could be missing know nothing of it: what is missing is 0."""
        state.setdefault(prefix + "absent", torch.zeros_like(self.absent))
        unknown = torch.eye(len(self.inputs.covariance))
        state.setdefault(prefix + "inputs.covariance", unknown)
        super()._load_from_state_dict(state, prefix, *rest)

    @staticmethod
    def share_absent(holes):
        """Share of the months seen of each token in which a band is missing, (C, L B).

        holes (C, L, patch, B): True where the band has no observation.
        """
        seen = ~holes.all(dim=0)  # (L, patch, B)
        absent = (holes & seen).sum(dim=2)
        return (absent / seen.sum(dim=1).clamp(min=1)).flatten(1)


class LargePatchNet(PatchNet):
    """PatchNet for accuracy: six layers of width 256, nine times the parameters."""

    recipe = {"epochs": 80, "batch_size": 128, "learning_rate": 4e-3, "flip_until": 0.5}

    def __init__(
        self, n_bands, n_classes, width=256, patch=6, reach=(1, 1, 2, 1, 2, 1), dropout=0.1
    ):
        super().__init__(n_bands, n_classes, width, patch, reach, dropout)


def product(linear, h, part=slice(None), out=None):
    """The linear layer on columns, (channels in, n) -> (channels out, n); `part` of the channels
    in.
    """
    bias, weight = linear.bias.to(h.dtype), linear.weight.to(h.dtype)
    return torch.addmm(bias[:, None], weight[:, part], h[part], out=out)


def relu(h):
    """ReLU in place. A bfloat16 below 0 read as int16 is below 0 too, and clamped in a sixth of the
    time.
    """
    if h.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        h.view(torch.int16).clamp_(min=0)
        return h
    return h.relu_()


def shifted_product(linear, h, columns, out=None):
    """The linear layer on columns of which a quarter of the channels is moved so many later, a
    quarter earlier.

    (channels in, n) -> (channels out, n), zeros coming in. Three products that add up: nothing is
    copied to be moved.
    """
    quarter = len(h) // 4
    half = 2 * quarter
    weight = linear.weight.to(h.dtype)
    y = product(linear, h, slice(half, None), out)
    y[:, columns:].addmm_(weight[:, :quarter], h[:quarter, :-columns])
    y[:, :-columns].addmm_(weight[:, quarter:half], h[quarter:half, columns:])
    return y


class Inputs(nn.Module):
    """Standardised reflectance, 0 in months without observation, and a flag of the months seen.

    (B, C, T) -> (C + 1, length, B), and where a band alone is missing (C, length, B) bool, else
    None. A band that is missing in a month that others saw is estimated from them: the mean of a
    normal distribution given the others, whose covariance is measured on the training series.

    To interpolate the missing months lost less where many are missing, but scored lower on whole
    sites held out: months that are hidden at random in training, and stay hidden, also regularise.
    """

    def __init__(self, n_bands):
        super().__init__()
        self.register_buffer("mean", torch.full((n_bands, 1), 1500.0))
        self.register_buffer("spread", torch.full((n_bands, 1), 1000.0))
        self.register_buffer("covariance", torch.eye(n_bands))  # of standardised reflectance

    def fit(self, x):
        """Measure mean, spread and covariance on training reflectance (N, C, T) with NaN."""
        for band, values in enumerate(x.transpose(0, 1).flatten(1)):
            values = values[torch.isfinite(values)].double()
            if len(values) > 1:
                self.mean[band], self.spread[band] = values.mean(), values.std().clamp(min=1)
        whole = x.transpose(1, 2)[torch.isfinite(x).all(dim=1)].double()  # (months seen, C)
        if len(whole) > 1:
            scaled = (whole - self.mean[:, 0]) / self.spread[:, 0]
            self.covariance.copy_(scaled.T @ scaled / len(scaled))

    def forward(self, x, length):
        batch, bands, steps = x.shape
        out = x.new_zeros(bands + 1, length, batch)
        scaled = out[:bands, :steps]
        scale = 1 / self.spread[:, :, None]
        torch.mul(x.permute(1, 2, 0), scale, out=scaled)
        scaled.sub_(self.mean[:, :, None] * scale)
        scaled.nan_to_num_(-math.inf, -math.inf, -math.inf)  # floats: masks are slow on a CPU
        every = scaled.amin(dim=0) > -math.inf  # all bands are seen, (T, B)
        some = scaled.amax(dim=0) > -math.inf  # a band is seen
        out[bands, :steps] = some
        if every.all():
            return out, None
        holes = None if torch.equal(every, some) else out[:bands] == -math.inf
        scaled.nan_to_num_(neginf=0)
        if holes is not None:
            holes[:, steps:] = True
            seen = out[bands] > 0
            self.estimate(out[:bands].flatten(1), holes.flatten(1), seen.flatten())
        return out, holes

    def estimate(self, values, holes, seen):
        """Fill the holes of values (C, n) in place, where at least one band is seen (n,)."""
        bit = 2 ** torch.arange(len(holes), device=holes.device)
        code = (holes * bit[:, None]).sum(dim=0) * seen  # which bands are missing, as one number
        kinds = code.unique()
        for kind in kinds[kinds > 0]:
            gone = (kind & bit) > 0
            where = (code == kind).nonzero()[:, 0]
            found = self.weights_of(gone) @ values[~gone][:, where]
            values[gone.nonzero(), where] = found.to(values.dtype)

    def weights_of(self, gone):
        """Weights (missing bands, others) of the estimate; gone (C,): which bands are missing."""
        others = self.covariance[~gone]
        given = others[:, ~gone]
        given = given + 1e-4 * torch.eye(len(given), device=given.device)
        return torch.linalg.solve(given, others[:, gone]).T
