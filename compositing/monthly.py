"""The looks of a month -> one value per pixel and band: pure arithmetic on arrays.

A look is what one overflight shows of a pixel. Values are int16 reflectance x 10^4; MISSING stands
for no look and sorts behind all values.
"""

from itertools import combinations

import numpy as np

from utils.bands import NO_OBSERVATION

MISSING = 32767
HIGHEST = 32766  # higher numbers are stored as this one: 32767 marks no data in many files
MASKED = (0, 1, 3, 8, 9, 10)  # no data, defective, cloud shadow, cloud (2), thin cirrus
# Pixels of 10 m by which masked classes grow. 3 leaves the fewest outliers in the series of real
# fields (benchmarks/composite_buffer.py).
BUFFER = 3
NO_DATA = 0  # class of the scene classification


def reflectance(numbers, offset, clear):
    """Stored numbers of a look as int16 reflectance x 10^4, MISSING where not clear or no data.

    numbers (y, x) uint16, 0 = no data; offset: 0 or negative, added. Values below zero are kept:
    baseline 04.00 added the 1000 for their sake.
    """
    seen = clear & (numbers > 0)
    capped = np.minimum(numbers, HIGHEST - offset)
    # In 16 bits the subtraction wraps below zero to just the right negative number.
    values = (capped - np.uint16(-offset)).view(np.int16)
    return np.where(seen, values, np.int16(MISSING))


def clear_of(classes, masked, buffer):
    """Clear pixels by scene classification, (y, x) bool without the halo of `buffer` pixels.

    Masked classes grow by `buffer` pixels in all directions. Class 0 does not grow: no data is the
    edge of an image, not a cloud.
    """
    if not buffer:
        return ~np.isin(classes, masked)
    inside = (slice(buffer, -buffer),) * 2
    growing = np.isin(classes, [code for code in masked if code != NO_DATA])
    clear = ~grown(growing, buffer)[inside]
    return clear & ~np.isin(classes[inside], masked)


def grown(mask, radius):
    """A mask grown by a disc of `radius` pixels."""
    height = len(mask)
    result = mask.copy()
    for down in range(-radius, radius + 1):
        reach = int(np.sqrt(radius**2 - down**2))
        wide = widened(mask, reach)
        below = max(0, down)
        above = max(0, -down)
        result[below : height - above] |= wide[above : height - below]
    return result


def widened(mask, reach):
    """A mask grown by `reach` pixels to the left and right."""
    width = 2 * reach + 1
    padded = np.pad(mask, ((0, 0), (reach + 1, reach)))
    counts = np.cumsum(padded, axis=1, dtype=np.int32)
    return counts[:, width:] > counts[:, :-width]


def median(looks):
    """Median over looks (n arrays (y, x) int16, MISSING = none), NO_OBSERVATION without any.

    The mean of the two middle ones where their number is even, halves to the even neighbour as
    `numpy.rint` does. The looks are sorted in place.
    """
    count = sum((look != MISSING).astype(np.uint8) for look in looks)
    sort(looks)
    low = np.full(count.shape, NO_OBSERVATION, np.int16)
    high = low.copy()
    for number in range(1, len(looks) + 1):
        here = count == number
        np.copyto(low, looks[(number - 1) // 2], where=here)
        np.copyto(high, looks[number // 2], where=here)
    total = low.astype(np.int32) + high
    return ((total + ((total >> 1) & 1)) >> 1).astype(np.int16)


def sort(looks):
    """Sort n arrays element by element in place, by Batcher's network of exchanges (1968).

    Each exchange is one minimum and one maximum over whole arrays: several times as fast as sorting
    along an axis.
    """
    spare = np.empty_like(looks[0])
    for a, b in exchanges(len(looks)):
        np.minimum(looks[a], looks[b], out=spare)
        np.maximum(looks[a], looks[b], out=looks[b])
        looks[a], spare = spare, looks[a]


def exchanges(number):
    """Pairs (a, b), a < b, of Batcher's odd-even merge sort of `number` values."""
    pairs, size = [], 1
    while size < number:
        step = size
        while step >= 1:
            pairs += exchanges_of_step(number, size, step)
            step //= 2
        size *= 2
    return pairs


def exchanges_of_step(number, size, step):
    """Pairs `step` apart that merge sorted runs of `size` values into runs of twice the size."""
    pairs = []
    for start in range(step % size, number - step, 2 * step):
        for a in range(start, min(start + step, number - step)):
            b = a + step
            same_run = a // (2 * size) == b // (2 * size)
            if same_run:
                pairs.append((a, b))
    return pairs


def medoid(looks):
    """The one real look with the least summed distance to the others: (C, y, x) int16.

    looks (n, C, y, x) int16, MISSING = none. Distance: Euclidean over the bands. Only looks with
    all bands count; NO_OBSERVATION without one. The earliest of equals is taken.
    """
    whole = (looks != MISSING).all(axis=1)  # (n, y, x)
    costs = np.where(whole, np.float32(0), np.float32(np.inf))
    for one, other in combinations(range(len(looks)), 2):
        apart = looks[one].astype(np.float32) - looks[other]
        distance = np.sqrt((apart**2).sum(axis=0))
        both = whole[one] & whole[other]
        distance = np.where(both, distance, 0)
        costs[one] += distance
        costs[other] += distance
    best = costs.argmin(axis=0)[None, None]
    chosen = np.take_along_axis(looks, best, axis=0)[0]
    return np.where(whole.any(axis=0), chosen, np.int16(NO_OBSERVATION))
