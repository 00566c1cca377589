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


def viterbi(logits, cost):
    """The textbook: logits (K, T) -> labels (T,). Each month, for each class, the best class
    before it.
    """
    classes, steps = logits.shape
    change = cost * (1 - np.eye(classes))
    total, came_from = logits[:, 0].astype(float), np.zeros((steps, classes), int)
    for month in range(1, steps):
        ways = total[:, None] - change  # (class before, class now)
        came_from[month] = ways.argmax(axis=0)
        total = ways.max(axis=0) + logits[:, month]
    labels = [int(total.argmax())]
    for month in range(steps - 1, 0, -1):
        labels.append(int(came_from[month, labels[-1]]))
    return np.array(labels[::-1])


@given(
    seed=st.integers(0, 9999),
    classes=st.integers(1, 7),
    steps=st.integers(1, 60),
    cost=st.floats(0, 6),
)
def test_decoding_is_the_textbook_viterbi(seed, classes, steps, cost):
    logits = np.random.default_rng(seed).normal(0, 2, (5, classes, steps)).astype(np.float32)
    for score in (logits, np.ascontiguousarray(logits.transpose(2, 1, 0)).transpose(2, 1, 0)):
        found = decode(torch.from_numpy(score), cost).numpy()
        for each, path in zip(logits, found):
            textbook = viterbi(each, cost)
            if not np.array_equal(path, textbook):  # another path may be worth the same
                assert worth(each, path, cost) >= worth(each, textbook, cost) - 1e-4


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


def test_a_change_that_is_worth_just_its_cost_is_not_made():
    logits = torch.tensor([[[1.0, 0.0], [0.0, 1.5]]])  # (1, K, T): staying 1 and changing tie
    assert decode(logits, 1.0).tolist() == [[1, 1]]
    assert decode(logits, 0.9).tolist() == [[0, 1]]
