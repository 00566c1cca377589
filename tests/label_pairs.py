"""True and predicted labels for the tests of scores, and a slow way to pair their changes."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

K = 3  # classes


def pairs(low, months=14):
    """(true, predicted) of one random shape with at least one labelled month."""
    shapes = st.tuples(st.integers(1, 6), st.integers(1, months))
    arrays = shapes.flatmap(
        lambda shape: st.tuples(*[hnp.arrays(np.int8, shape, elements=st.integers(low, K - 1))] * 2)
    )
    return arrays.filter(lambda pair: (pair[0] >= 0).any())


def random_pair(series=300, months=24, seed=0):
    """True labels in long segments, and a prediction with errors."""
    random = np.random.default_rng(seed)
    true = np.repeat(random.integers(K, size=(series, months // 6)), 6, axis=1).astype(np.int8)
    return true, np.where(
        random.random(true.shape) < 0.1, random.integers(K, size=true.shape), true
    ).astype(np.int8)


def slow_pairs(first, second, tolerance):
    """The greatest number of one-to-one pairs between two lists of months, by linear assignment."""
    near = np.abs(np.subtract.outer(first, second)) <= tolerance
    return near[linear_sum_assignment(~near)].sum()
