import itertools

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.decode import decode
from utils.changes import change_months


def worth(logits, path, cost):
    """Sum of the scores along a path, less the cost of its changes; logits (K, T)."""
    return logits[path, np.arange(len(path))].sum() - cost * (np.diff(path) != 0).sum()


@given(
    seed=st.integers(0, 9999),
    classes=st.integers(1, 3),
    steps=st.integers(1, 6),
    cost=st.floats(0, 4),
)
def test_no_other_path_is_worth_more(seed, classes, steps, cost):
    logits = np.random.default_rng(seed).normal(0, 2, (4, classes, steps)).astype(np.float32)
    found = decode(torch.from_numpy(logits), cost).numpy()
    for each, path in zip(logits, found):
        best = max(
            worth(each, np.array(other), cost)
            for other in itertools.product(range(classes), repeat=steps)
        )
        assert worth(each, path, cost) >= best - 1e-4


@given(seed=st.integers(0, 9999), steps=st.integers(2, 60))
def test_a_higher_cost_never_makes_more_changes(seed, steps):
    logits = torch.from_numpy(
        np.random.default_rng(seed).normal(0, 2, (5, 6, steps)).astype(np.float32)
    )
    changes = [
        change_months(decode(logits, cost).numpy().astype(np.int8)).sum(1)
        for cost in (0, 1, 4, 1e6)
    ]
    assert (
        all((fewer <= more).all() for more, fewer in itertools.pairwise(changes))
        and not changes[-1].any()
    )


@given(seed=st.integers(0, 9999))
def test_a_series_decodes_the_same_alone_and_in_a_batch(seed):
    logits = torch.from_numpy(
        np.random.default_rng(seed).normal(0, 2, (7, 6, 24)).astype(np.float32)
    )
    together = decode(logits, 2.0)
    assert all(torch.equal(together[i : i + 1], decode(logits[i : i + 1], 2.0)) for i in range(7))
