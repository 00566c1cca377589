"""What must be true of samples before a network sees them. Each check names the file in its error.

The arrays are those of `data_loader.Samples`.
"""

from dataclasses import is_dataclass, replace

import numpy as np

from utils.bands import NO_OBSERVATION, SHORTEST
from utils.errors import InputError


def check_arrays(path, samples):
    """Return samples whose arrays fit together, in the types that `Samples` promises.

    Raises InputError for shapes that do not fit, months with gaps, labels without a class, and
    names of samples or bands that occur twice.
    """
    if not is_dataclass(samples):
        raise InputError(f"{path}: its reader returned {type(samples).__name__}; expected Samples")
    x = np.asarray(samples.x)
    y = np.asarray(samples.y)
    months = np.asarray(samples.months)
    if x.ndim != 3:
        raise InputError(f"{path}: x of shape {x.shape} found; expected (samples, bands, months)")
    n, n_bands, steps = x.shape
    if n == 0:
        raise InputError(f"{path}: no samples in it")
    bands = tuple(str(band) for band in samples.bands)
    if len(bands) != n_bands:
        expected = f"{len(bands)}: {', '.join(bands)}"
        raise InputError(f"{path}: {n_bands} bands found; expected {expected}")
    check_unique(path, "band", bands)
    if steps < SHORTEST:
        raise InputError(f"{path}: {steps} months found; expected at least {SHORTEST}")
    expect_shape(path, "labels", y, (n, steps))
    check_labels(path, y, samples.legend)
    ids = np.arange(n) if samples.ids is None else samples.ids
    more = {"ids": ids, "site": samples.site, "lonlat": samples.lonlat}
    more["evidence"] = samples.evidence
    kinds = {"ids": str, "site": str, "lonlat": float, "evidence": np.float32}
    shapes = {"ids": (n,), "site": (n,), "lonlat": (n, 2), "evidence": (n, steps)}
    for name, values in more.items():
        if values is not None:
            expect_shape(path, name, values, shapes[name])
            more[name] = np.asarray(values).astype(kinds[name])
    check_unique(path, "sample", more["ids"])
    return replace(
        samples,
        x=observed(x),
        y=y.astype(np.int8),
        months=consecutive_months(path, months, n, steps),
        bands=bands,
        **more,
    )


def check_reflectance(path, samples):
    """Raise InputError for series without observation, infinite numbers, and another scale."""
    infinite = np.isinf(samples.x).any(axis=(1, 2))
    if infinite.any():
        first = samples.ids[infinite.argmax()]
        raise InputError(f"{path}: sample {first} holds an infinite reflectance")
    empty = np.isnan(samples.x).all(axis=(1, 2))
    if empty.any():
        first = samples.ids[empty.argmax()]
        raise InputError(
            f"{path}: {empty.sum()} series without any observation, first sample {first}"
        )
    largest = np.nanmax(np.abs(samples.x))
    if largest < 20:
        raise InputError(
            f"{path}: largest reflectance {largest:.3g} found; "
            "expected reflectance x 10^4 (0 to 10,000)"
        )


def observed(x):
    """Return a float32 copy of x with NaN where an array holds the mark for 'no observation'."""
    result = np.array(x, np.float32)
    result[result == NO_OBSERVATION] = np.nan
    return result


def consecutive_months(path, months, n, steps):
    """Return months as datetime64[M]: (T,) or (N, T), each one month after the last."""
    months = months.astype("datetime64[M]")
    fits = months.shape in ((steps,), (n, steps))
    if not fits or (np.diff(months.astype(int), axis=-1) != 1).any():
        raise InputError(
            f"{path}: months are not {steps} consecutive ones "
            f"(repeated, out of order, with gaps, or of shape {months.shape})"
        )
    return months


def check_labels(path, y, legend):
    """Raise InputError for a label that is neither a class id of the legend nor -1."""
    if y.dtype.kind not in "iufb":
        raise InputError(f"{path}: labels of type {y.dtype} found; expected whole numbers")
    known = np.isin(y, np.arange(-1, len(legend)))
    if not known.all():
        names = ", ".join(legend.names)
        raise InputError(
            f"{path}: label {y[~known][0]:g} found; "
            f"expected 0 to {len(legend) - 1} ({names}), or -1"
        )


def check_unique(path, what, names):
    """Raise InputError for a name that occurs twice."""
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{path}: {what} {values[counts.argmax()]} occurs {counts.max()} times; "
            "expected each name once")  # fmt: skip


def expect_shape(path, name, values, shape):
    """Raise InputError where an array has another shape."""
    if np.shape(values) != shape:
        raise InputError(f"{path}: {name} of shape {np.shape(values)} found; expected {shape}")
