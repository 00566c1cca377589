"""models.label: the fast way says what the plain way says, whatever the machine does."""

import importlib
import logging
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models.label import fastest_precision, in_threads, label, label_plain
from utils.bands import BANDS
from utils.errors import InputError
from utils.legend import URBAN


def network(switch_cost=1.0):
    """A PatchNet with random weights whose scores differ clearly between classes."""
    torch.manual_seed(0)
    net = models.build("patchnet", bands=BANDS, legend=URBAN, width=32, reach=(1, 2)).eval()
    with torch.no_grad():
        net.score.weight *= 4
    net.card["switch_cost"] = switch_cost
    return net


NET = network()
engine = importlib.import_module("models.label")  # the function hides the module of its name


def series(n=50, steps=24, seed=0, missing=0.2):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 5000, (n, len(BANDS), steps)).astype(np.float32)
    x.transpose(0, 2, 1)[rng.random((n, steps)) < missing] = np.nan
    return x


def worth(labels, probability, cost):
    """What decoding maximises, for each series: labels (N, T), probability (N, K, T)."""
    own = np.take_along_axis(probability, labels[:, None].astype(np.int64), axis=1)[:, 0]
    changes = (np.diff(labels, axis=1) != 0).sum(axis=1)
    return np.log(np.maximum(own, 1e-30)).sum(axis=1) - cost * changes


@given(
    n=st.integers(1, 40),
    steps=st.integers(12, 50),
    missing=st.floats(0, 1),
    threads=st.integers(1, 3),
    batch_size=st.integers(1, 17),
    whole_batches=st.booleans(),
    series_innermost=st.booleans(),
    with_evidence=st.booleans(),
    temperature=st.sampled_from([0.5, 1.0, 2.0]),
    cost=st.sampled_from([0.0, 1.0, 5.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_the_fast_way_and_the_plain_way_agree(
    n, steps, missing, threads, batch_size, whole_batches, series_innermost, with_evidence,
    temperature, cost, seed,
):  # fmt: skip
    x = series(n, steps, seed, missing)
    if series_innermost:
        x = np.ascontiguousarray(x.transpose(2, 1, 0)).transpose(2, 1, 0)
    known = {"temperature": temperature}
    if with_evidence:
        rng = np.random.default_rng(seed)
        known["evidence"] = rng.normal(0, 3, (n, len(URBAN), steps)).astype(np.float32)
    net = network(cost)
    found = label(
        net,
        x,
        probabilities=True,
        threads=threads,
        batch_size=batch_size,
        whole_batches=whole_batches,
        **known,
    )
    plain = label_plain(net, x, **known)
    assert [each.dtype for each in found] == [np.int8, np.float32, np.float32]
    assert [each.shape for each in found] == [each.shape for each in plain]
    np.testing.assert_allclose(found[2], plain[2], atol=1e-4)
    own = np.take_along_axis(found[2], found[0][:, None].astype(np.int64), axis=1)[:, 0]
    np.testing.assert_allclose(found[1], own, atol=1e-5)
    worths = [worth(labels, plain[2], cost) for labels in (found[0], plain[0])]
    np.testing.assert_allclose(*worths, atol=1e-2)
    assert (found[0] == plain[0]).mean() > 0.99


def test_no_series_give_no_labels():
    found = label(NET, series(0), probabilities=True)
    assert [each.shape for each in found] == [(0, 24), (0, 24), (0, 6, 24)]


def test_no_bit_depends_on_the_number_of_series_where_batches_are_whole():
    x = series(100)
    everything = label(NET, x, batch_size=64, whole_batches=True, probabilities=True)
    for n in (1, 63, 64, 65):
        some = label(NET, x[:n], batch_size=64, whole_batches=True, probabilities=True)
        assert all(np.array_equal(one, two[:n]) for one, two in zip(some, everything))


@pytest.mark.parametrize("kind", [np.float64, np.int16, np.int32, ">f4"])
def test_series_of_any_numbers_are_labelled_alike(kind):
    x = np.rint(series())
    whole = np.dtype(kind).kind == "i"
    other = (np.where(np.isnan(x), -32768, x) if whole else x).astype(kind)
    other.setflags(write=False)
    for one, two in zip(label(NET, x), label(NET, other)):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(label(NET, other[::-1])[0], label(NET, x)[0][::-1])


def test_text_is_no_series():
    with pytest.raises(InputError, match="expected numbers"):
        label(NET, series().astype(str))


def test_evidence_of_nothing_changes_no_bit_and_strong_evidence_decides():
    x = series()
    plain = label(NET, x, probabilities=True)
    nothing = np.zeros_like(plain[2])
    for one, two in zip(plain, label(NET, x, probabilities=True, evidence=nothing)):
        np.testing.assert_array_equal(one, two)
    nothing[:, 3] = 100
    labels, confidence = label(NET, x, evidence=nothing)
    assert (labels == 3).all() and (confidence > 0.99).all()


def test_a_higher_temperature_trusts_the_network_less():
    x, net = series(), network(switch_cost=0)
    labels, confidence = label(net, x)
    same, lower = label(net, x, temperature=3.0)
    np.testing.assert_array_equal(labels, same)
    assert (lower <= confidence + 1e-6).all() and lower.mean() < confidence.mean() - 0.05


def test_probabilities_are_those_of_predict():
    x = series()
    labels, confidence, probability = label(NET, x, probabilities=True)
    np.testing.assert_allclose(probability, models.predict(NET, x), atol=1e-6)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("faster, by", [("float32", 1.0), ("bfloat16", 1.05), ("bfloat16", 1.5)])
def test_precision_is_the_one_that_a_measurement_finds_clearly_faster(faster, by, monkeypatch):
    clock, asked = [0.0], []

    def labelled(net, x, *, precision, **others):
        asked.append(precision)
        clock[0] += 0.0001 * len(x) / (by if precision == faster else 1)

    monkeypatch.setattr(engine, "label", labelled)
    monkeypatch.setattr(engine, "clock_for", lambda net: lambda: clock[0])
    expected = faster if by > 1.1 else "float32"
    assert fastest_precision(NET, series(5)) == expected
    assert {"float32", "bfloat16"} == set(asked) and clock[0] < 1


def test_the_own_time_is_measured_except_on_windows(monkeypatch):
    assert engine.clock_for(NET) is engine.time.process_time or sys.platform == "win32"
    monkeypatch.setattr(engine.sys, "platform", "win32")
    assert engine.clock_for(NET) is engine.time.perf_counter


def test_precision_is_measured_for_long_work_only_and_the_log_says_which(monkeypatch, caplog):
    x, measured = series(20), []
    monkeypatch.setattr(engine, "WORTH_MEASURING", 20)

    def fastest(net, series, threads=None):
        measured.append(len(series))
        return "bfloat16"

    monkeypatch.setattr(engine, "fastest_precision", fastest)
    short, long = label(NET, x[:19]), label(NET, x)
    assert measured == [20]
    exact = label(NET, x, precision="float32")
    lower = label(NET, x, precision="bfloat16")
    np.testing.assert_array_equal(short[1], exact[1][:19])
    np.testing.assert_array_equal(long[1], lower[1])
    assert not np.array_equal(exact[1], lower[1])
    monkeypatch.undo()
    with caplog.at_level(logging.INFO, "models.label"):
        chosen = fastest_precision(NET, x)
    assert chosen in caplog.text


def test_the_precision_of_the_caller_changes_nothing():
    x = series()
    with torch.autocast("cpu", torch.bfloat16):
        inside = label(NET, x, precision="float32")
    np.testing.assert_array_equal(inside[1], label(NET, x, precision="float32")[1])


def test_unknown_precision_is_refused():
    with pytest.raises(InputError, match="float16"):
        label(NET, series(3), precision="float16")


@pytest.mark.parametrize("threads", [None, 1, 2, 3])
def test_the_threads_of_the_caller_stay_as_they_were(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        label(NET, series(20), threads=threads, batch_size=4)
        assert torch.get_num_threads() == 2

        def fails(start):
            raise InputError("no")

        with pytest.raises(InputError):
            in_threads(fails, range(4), threads)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_network_without_a_cost_of_change_labels_each_month_by_itself():
    net, x = network(), series()
    del net.card["switch_cost"]
    labels, _, probability = label(net, x, probabilities=True)
    np.testing.assert_array_equal(labels, probability.argmax(axis=1))
