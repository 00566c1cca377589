"""Figures never fail, whatever the series, and say in words what changed when."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import pyplot

from data_loader import BANDS
from utils.legend import COAST, URBAN, Legend, legend_for
from utils.plots import confusion_figure, history_figure, series_figure, transition_figure
from utils.plots_words import inches, place_words
from utils.words import change_confidence, changes_in_words


def months(steps, first="2017-12"):
    return np.datetime64(first, "M") + np.arange(steps)


@st.composite
def cases(draw):
    steps, classes = draw(st.integers(12, 130)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bands = tuple(draw(st.lists(st.sampled_from((*BANDS, "NDVI")), min_size=1, unique=True)))
    x = rng.normal(2000, 900, (len(bands), steps)).astype(np.float32)
    x[:, rng.random(steps) < draw(st.sampled_from((0, 0.3, 1)))] = np.nan
    x[rng.random(x.shape) < draw(st.sampled_from((0, 0.3)))] = np.nan
    longest = draw(st.sampled_from((1, 6, 40)))
    label = (
        rng.integers(draw(st.sampled_from((0, -1))), classes, steps)
        .repeat(longest)[:steps]
        .astype(np.int8)
    )
    predicted = rng.integers(0, classes, steps).repeat(longest)[:steps].astype(np.int8)
    true = draw(st.sampled_from((label, None, np.full(steps, -1, np.int8))))
    probabilities = rng.dirichlet(np.ones(classes), steps).T.astype(np.float32)
    legend = legend_for(
        f"class {i} " + "of a long name, in $ and % " * draw(st.integers(0, 2))
        for i in range(classes)
    )
    return x, bands, legend, true, predicted, probabilities


@settings(max_examples=4)
@given(cases())
def test_a_series_figure_never_fails(tmp_path_factory, case):
    x, bands, legend, true, predicted, probabilities = case
    figure = series_figure(
        x,
        months(x.shape[1]),
        bands,
        legend,
        true=true,
        predicted=predicted,
        probabilities=probabilities,
        title="$5 sample\nsecond line",
    )
    file = tmp_path_factory.mktemp("figure") / "series.png"
    figure.savefig(file, dpi=60)
    assert file.stat().st_size > 10_000


def texts_of(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_figure_says_what_changed_when():
    true, predicted = (
        np.repeat([3, 4], (28, 20)).astype(np.int8),
        np.repeat([3, 4], (29, 19)).astype(np.int8),
    )
    probabilities = np.full((6, 48), 0.01, np.float32)
    probabilities[predicted, np.arange(48)] = 0.95
    figure = series_figure(
        np.ones((10, 48), np.float32),
        months(48),
        BANDS,
        URBAN,
        true=true,
        predicted=predicted,
        probabilities=probabilities,
    )
    words = texts_of(figure)
    assert "2020-04 bare soil → impervious surface" in words
    assert "2020-05 bare soil → impervious surface, 95 %" in words
    assert set(BANDS) <= set(words)


@pytest.mark.parametrize("known", [set(), {"true"}, {"predicted"}, {"predicted", "probabilities"}])
def test_a_series_figure_has_dates_whatever_is_known(known):
    given = {name: np.zeros(24, np.int8) for name in known - {"probabilities"}}
    if "probabilities" in known:
        given["probabilities"] = np.full((5, 24), 0.2, np.float32)
    figure = series_figure(np.ones((10, 24), np.float32), months(24), BANDS, COAST, **given)
    shown = [
        axes for axes in figure.axes if axes.axison and axes.xaxis.get_tick_params()["labelbottom"]
    ]
    dates = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in shown]
    assert [labels[0] for labels in dates if labels] == ["2018-01"]


def test_without_truth_only_the_prediction_is_drawn():
    predicted = np.zeros(24, np.int8)
    for true in (None, np.full(24, -1, np.int8)):
        figure = series_figure(
            np.ones((10, 24), np.float32), months(24), BANDS, COAST, true=true, predicted=predicted
        )
        assert "true" not in [axes.get_ylabel() for axes in figure.axes]
        assert [text for text in texts_of(figure) if text.startswith("no change")] == [
            "no change: Spartina alterniflora all through"
        ]


def test_months_without_observation_are_grey_and_leave_a_gap():
    x = np.ones((10, 24), np.float32)
    x[:, 5:8] = np.nan
    figure = series_figure(x, months(24), BANDS, COAST, predicted=np.zeros(24, np.int8))
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[5:8]).all()
    assert [patch.get_x() for patch in figure.axes[0].patches] == [4.5, 5.5, 6.5]
    assert "no observation" in [
        text.get_text() for legend in figure.legends for text in legend.get_texts()
    ]


@settings(max_examples=25)
@given(hnp.arrays(np.int8, st.integers(12, 130), elements=st.integers(-1, 5)))
def test_words_of_changes_never_overlap(labels):
    if labels.max() < 0:
        return
    placed = place_words(labels, months(len(labels)), URBAN, width=10, margin=0.6, points=9)
    for i, (text, _, left, lane) in enumerate(placed):
        assert left >= 0 and left + inches(text, 9) < 10.6
        for other, _, left2, lane2 in placed[:i]:
            assert (
                lane != lane2 or left + inches(text, 9) <= left2 or left2 + inches(other, 9) <= left
            )


@pytest.mark.parametrize("date, sure", [(12, 89), (13, 63)])
def test_confidence_is_the_lower_mean_on_the_two_sides(date, sure):
    probabilities = np.stack([np.repeat([0.893, 0.107], 12), np.repeat([0.107, 0.893], 12)])
    labels = np.repeat([0, 1], (date, 24 - date)).astype(np.int8)
    words = changes_in_words(labels, months(24), legend_for("ab"), probabilities)
    assert words == [f"{months(24)[date]} a -> b, {sure} %"]


def test_confidence_of_a_change_looks_at_the_two_segments_beside_it_alone():
    labels = np.array([0, 0, 1, 2, 2, 2, 2, 2], np.int8)
    probabilities = np.zeros((3, 8))
    probabilities[0, :2] = 0.9, 0.7
    probabilities[1, 2] = 0.95
    probabilities[2, 3:6] = 0.5, 0.6, 0.7
    assert change_confidence(labels, probabilities) == pytest.approx([0.8, 0.6])


def test_no_change_is_ever_said_to_be_certain():
    labels = np.repeat([0, 1], 12).astype(np.int8)
    assert changes_in_words(labels, months(24), legend_for("ab"), np.eye(2)[labels].T)[0].endswith(
        "99 %"
    )
    assert change_confidence(np.zeros(12, np.int8), np.ones((1, 12))).shape == (0,)


def test_unlabelled_months_are_not_a_change():
    labels = np.array([0] * 5 + [-1] * 3 + [0] * 4, np.int8)
    assert changes_in_words(labels, months(12), legend_for("ab")) == []


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=4)
def test_matrices_of_any_counts_are_drawn(tmp_path_factory, classes, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 10 ** rng.integers(1, 7), (2, classes, classes)) * rng.integers(
        0, 2, (2, classes, 1)
    )
    legend = legend_for(f"{i} class" for i in range(classes))
    file = tmp_path_factory.mktemp("figure") / "matrix.png"
    for figure in (confusion_figure(counts[0], legend), transition_figure(*counts, legend)):
        figure.savefig(file)
        assert file.stat().st_size > 3000


def test_confusion_shows_counts_and_shares_of_the_true_class():
    texts = texts_of(
        confusion_figure(np.array([[3, 1], [0, 1200]]), Legend(("a", "b"), ("#000000", "#ffffff")))
    )
    assert texts == ["3\n75.0 %", "1\n25.0 %", "0\n0.0 %", "1,200\n100.0 %"]


@pytest.mark.parametrize("epochs", [1, 30])
def test_history_is_drawn_with_the_best_epoch(tmp_path, epochs):
    names = (
        "train_loss",
        "validation_loss",
        "OA",
        "spatial_F1",
        "temporal_F1",
        "score",
        "learning_rate",
    )
    history = pd.DataFrame(
        dict.fromkeys(names, np.linspace(0.1, 1, epochs)) | {"epoch": np.arange(1, epochs + 1)}
    )
    history.loc[0, "temporal_F1"] = np.nan
    figure = history_figure(history, best_epoch=epochs)
    figure.savefig(tmp_path / "history.png")
    assert f"best epoch: {epochs}" in [
        text.get_text() for text in figure.axes[1].get_legend().get_texts()
    ]


def test_figures_leave_no_global_state():
    before = (
        pyplot.get_fignums(),
        dict(matplotlib.rcParams),
    )  # other tests may have left a window of their own
    series_figure(
        np.ones((10, 12), np.float32), months(12), BANDS, URBAN, predicted=np.zeros(12, np.int8)
    )
    assert (pyplot.get_fignums(), dict(matplotlib.rcParams)) == before
