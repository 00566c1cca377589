"""Changes to training series that leave their labels true, made on the device for a whole batch at
once.

Each takes x (B, C, T) with NaN and y (B, T) and returns both; randomness comes from torch's global
generator, which the training loop seeds at every epoch, so that a run is repeated, and resumed, bit
for bit.
"""

from functools import partial

import torch

YEAR = 12  # months


def flip(x, y):
    """Half of the series backwards in time, as published: a transition then also teaches its
    reverse.
    """
    backwards = torch.rand(len(x), device=x.device) < 0.5
    return (
        torch.where(backwards[:, None, None], x.flip(-1), x),
        torch.where(backwards[:, None], y.flip(-1), y),
    )


def illumination(x, y, gain=0.08, band_gain=0.04, offset=40.0):
    """Gains and offsets of the series and of each band: other sensors, other atmospheres, other
    provinces.
    """
    b, c, _ = x.shape
    gains = torch.exp(
        gain * torch.randn(b, 1, 1, device=x.device)
        + band_gain * torch.randn(b, c, 1, device=x.device)
    )
    return x * gains + offset * torch.randn(b, c, 1, device=x.device), y


def noise(x, y, share=0.02):
    """Noise of each month, common to the bands (haze) and of each band, as a share of the
    reflectance.
    """
    b, c, t = x.shape
    common = torch.randn(b, 1, t, device=x.device)
    return x * (1 + share * (common + 0.5 * torch.randn(b, c, t, device=x.device))), y


# Thick cloud in the ten bands, reflectance x 10^4: as in dataset/sensor.py.
CLOUD = torch.tensor([6200.0, 6100, 6300, 6400, 6500, 6600, 6700, 6700, 4500, 3300])


def weather(x, y, share=0.15):
    """Haze and shadow that masks left over: in up to `share` of the months of a series.

    Bands other than the ten of Sentinel-2 get grey cloud.
    """
    b, c, t = x.shape
    cloud = CLOUD.to(x) if c == len(CLOUD) else torch.full((c,), 6000.0).to(x)
    chance = share * torch.rand(b, 1, device=x.device)
    hazy = torch.rand(b, t, device=x.device) < chance
    dark = torch.rand(b, t, device=x.device) < chance
    cover = 0.5 * torch.rand(b, t, device=x.device) ** 2 * hazy
    shadow = 0.6 * torch.rand(b, t, device=x.device) * (dark & ~hazy)
    x = x + (cloud[:, None] - x) * cover[:, None]
    return x * (1 - shadow[:, None]), y


def gaps(x, y, most=0.7, longest=8):
    """In most series months go missing: up to `most` of them at random, one run of up to `longest`,
    or both.
    """
    b, _, t = x.shape
    uniform = torch.rand(b, 4, device=x.device)
    scattered = torch.rand(b, t, device=x.device) < most * uniform[:, :1]
    start = (uniform[:, 1] * t)[:, None]
    steps = torch.arange(t, device=x.device)
    run = (steps >= start) & (steps < start + 1 + longest * uniform[:, 2:3])
    kind = uniform[:, 3:4]
    missing = (scattered & (kind < 0.6)) | (run & (kind > 0.5) & (kind < 0.8))
    return x.masked_fill(missing[:, None], float("nan")), y


def crop(x, y, shortest=0.5):
    """A window of the months, the same for the batch, in half of the batches: other lengths, other
    first months.
    """
    t = x.shape[-1]
    draw = torch.rand(3).tolist()
    length = max(12, round(t * (shortest + (1 - shortest) * draw[1])))
    if draw[0] < 0.5 or length >= t:
        return x, y
    return window(x, y, length, draw[2])


def crop_to_year(x, y, share=0.75):
    """A window of the months in most batches, as often of one to two years as of two to four.

    Who maps an area often has a year or two.
    """
    t = x.shape[-1]
    draw = torch.rand(3).tolist()
    length = round(YEAR * (t / YEAR) ** draw[1])
    if draw[0] > share or length >= t:
        return x, y
    return window(x, y, length, draw[2])


def window(x, y, length, place):
    """So many months of series (B, C, T) and labels (B, T); place: 0 the first, 1 the last."""
    start = int(place * (x.shape[-1] - length + 1))
    return x[..., start : start + length], y[..., start : start + length]


def splice(x, y, share=0.5):
    """From a random month on, a share of the series goes on as another series of the batch.

    Stable series of two classes then make a change that was never observed. For samples in which
    few series change (`label.py`).
    """
    b, _, t = x.shape
    other = torch.randperm(b, device=x.device)
    month = (torch.rand(b, 1, device=x.device) * (t - 6) + 3).long()
    steps = torch.arange(t, device=x.device)
    after = (steps >= month) & (torch.rand(b, 1, device=x.device) < share)  # (B, T)
    return torch.where(after[:, None], x[other], x), torch.where(after, y[other], y)


# Bands that sensors and stacks lack, as rows over B2 B3 B4 B5 B6 B7 B8 B8A B11 B12.
LACKING = torch.tensor(
    [
        [0, 0, 0, 1, 1, 1, 1, 0, 0, 0],  # Landsat and HLS
        [0, 0, 0, 1, 1, 1, 0, 0, 0, 0],  # no red edge
        [0, 0, 0, 0, 0, 0, 0, 1, 0, 0],  # no B8A
        [0, 0, 0, 1, 1, 1, 0, 1, 0, 0],  # 10 m bands and short-wave infrared
        [0, 0, 0, 1, 1, 1, 0, 1, 1, 1],  # the four 10 m bands
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1],  # no short-wave infrared
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # no blue, which haze spoils
        [1, 1, 1, 0, 0, 0, 0, 0, 0, 0],  # no visible bands
        [0, 0, 0, 0, 0, 0, 1, 1, 0, 0],  # no near infrared
    ],
    dtype=torch.bool,
)


def bands(x, y, share=0.25):
    """In a share of the series some bands are missing: those that a sensor lacks, or any.

    One band in five is hidden at random in a third of these series, and in all of them where there
    are not the ten bands of Sentinel-2.
    """
    b, c, _ = x.shape
    gone = torch.rand(b, c, device=x.device) < 0.2
    if c == LACKING.shape[1]:
        row = torch.randint(len(LACKING) * 3 // 2, (b,), device=x.device)
        known = LACKING.to(x.device)[row.clamp(max=len(LACKING) - 1)]
        gone = torch.where((row < len(LACKING))[:, None], known, gone)
    gone &= (torch.rand(b, 1, device=x.device) < share) & ~gone.all(dim=1, keepdim=True)
    return x.masked_fill(gone[:, :, None], float("nan")), y


AUGMENTATIONS = {
    "flip": flip,
    "illumination": illumination,
    "noise": noise,
    "gaps": gaps,
    "crop": crop,
    "bands": bands,
    "weather": weather,
    "splice": splice,
    "splice_few": partial(splice, share=0.2),
    "crop_to_year": crop_to_year,
}
