"""What every network does first: fill the months without observation, scale, and say which months
were seen.
"""

import torch
from torch import nn


def fill(x):
    """Fill NaN months by linear interpolation in time, the ends by the nearest observation.

    x (B, C, T) with NaN -> (filled (B, C, T), seen (B, 1, T) 1.0 where the month has an observation
    in every band). A series without any observation becomes 0.
    """
    observed = torch.isfinite(x)
    seen = observed.all(dim=1, keepdim=True)
    if bool(seen.all()):
        return x, seen.to(x.dtype)
    observed = observed.float()
    steps = torch.arange(x.shape[-1], device=x.device, dtype=torch.float32)
    far = float(10 * x.shape[-1])
    # Index of the last observation before each month and the first after it, by running maximum and
    # minimum.
    before = torch.where(observed > 0, steps, -far).cummax(dim=-1).values
    after = torch.where(observed > 0, steps, far).flip(-1).cummin(dim=-1).values.flip(-1)
    last = x.shape[-1] - 1
    values = torch.nan_to_num(x, nan=0.0)
    at_before = values.gather(-1, before.clamp(0, last).long())
    at_after = values.gather(-1, after.clamp(0, last).long())
    share = (steps - before) / (after - before).clamp(min=1)
    filled = torch.lerp(at_before.float(), at_after.float(), share)
    filled = torch.where(
        before < 0, at_after.float(), torch.where(after > last, at_before.float(), filled)
    )
    return filled.to(x.dtype), seen.to(x.dtype)


class Inputs(nn.Module):
    """Filled and standardised reflectance with a validity mask: (B, C, T) -> (B, C + 1, T).

    Mean and spread of each band are measured on the training samples (`fit`) and saved with the
    network.
    """

    def __init__(self, n_bands):
        super().__init__()
        self.channels = n_bands + 1
        self.register_buffer("mean", torch.full((n_bands, 1), 1500.0))
        self.register_buffer("spread", torch.full((n_bands, 1), 1000.0))

    def fit(self, x):
        """Measure mean and spread a band on training reflectance (N, C, T) with NaN."""
        values = x.transpose(0, 1).flatten(1).double()
        seen = torch.isfinite(values)
        count = seen.sum(1, keepdim=True).clamp(min=1)
        mean = torch.where(seen, values, 0).sum(1, keepdim=True) / count
        variance = torch.where(seen, values - mean, 0).square().sum(1, keepdim=True) / count
        self.mean.copy_(mean)
        self.spread.copy_(variance.sqrt().clamp(min=1))

    def forward(self, x):
        filled, seen = fill(x)
        return torch.cat([(filled - self.mean) / self.spread, seen], dim=1)  # (B, C + 1, T)


def pad_to(x, multiple):
    """Repeat the last month until the length is a multiple: (B, C, T) -> (B, C, T')."""
    missing = -x.shape[-1] % multiple
    return nn.functional.pad(x, (0, missing), mode="replicate") if missing else x
