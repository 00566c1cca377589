"""What a run leaves when its training is over: scores, card, files, figures, words."""

import datetime
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

import models
from models.unfamiliar import learn
from training.card import TrainingCard
from training.lacking import lost_without, takes_missing_bands
from training.loop import HISTORY_SCORES, best_row
from utils import plots
from utils.changes import majority_filter
from utils.files import written_whole
from utils.metrics import confusion, filtered_scores, transition_matrix, transition_scores

# Scores on the terminal; benchmarks and scores.json have all.
SHOWN = (
    "OA",
    "mIoU",
    "sequence_accuracy",
    "spatial_F1",
    "temporal_F1",
    "spatial_change_F1",
    "temporal_change_F1",
)


FAMILIAR_FROM = 1000  # training series; fewer are no land to be familiar with


@dataclass(frozen=True)
class Trained:
    """What a training gives back.

    scores: {"validation": {...}, "test": {...}}, or of adapting {"before": {...}, "after": {...}}
    where the area has labels. card: of the training, None where the weights name none. folder: of
    the run. weights: the file that demo.py and map.py take.
    """

    net: nn.Module
    scores: dict
    card: TrainingCard | None
    folder: Path
    weights: Path


def finish(net, history, parts, settings, facts, folder, weights):
    """Read the test part, once, and write all that a run leaves; returns Trained.

    history: DataFrame of `fit`. facts: {"recipe", "start", "seed"}, which the card keeps. folder:
    of the run. weights: the folder that gets a copy, named after the run.
    """
    test, classes = parts.test, len(parts.test.legend)
    best = history.iloc[best_row(history, settings)]
    labels, _ = models.label(net, test.x, precision="float32")
    scores = {
        "validation": {name: float(best[name]) for name in HISTORY_SCORES},
        "test": filtered_scores(test.y, labels, classes),
    }
    card = card_of(net, history, parts, settings, facts)
    copy = Path(weights) / f"{folder.name}.safetensors"
    reach = reach_of(net, parts.train, test)
    write_weights(folder, copy, net, training=card.as_dict(), metrics=scores, **reach)
    filtered = majority_filter(labels, 3)
    write_transitions(folder, test, filtered)
    figures = {
        "curves": plots.history_figure(history, card.best_epoch),
        "confusion": plots.confusion_figure(confusion(test.y, labels, classes), test.legend),
        "transitions": plots.transition_figure(
            transition_matrix(test.y, classes), transition_matrix(filtered, classes), test.legend
        ),
    }
    write_figures(folder, figures)
    write_scores(folder, scores | {"training": card.facts()})
    return Trained(net, scores, card, folder, copy)


def reach_of(net, train, test):
    """What the card says of series unlike those of the training: bands missing, other land."""
    reach = {}
    if takes_missing_bands(net):
        reach["without"] = lost_without(net, test)
    if len(train) >= FAMILIAR_FROM:
        reach["familiar"] = learn(train.x)
    return reach


def finish_adapted(net, adapted, area, settings, facts, folder, weights):
    """Write what adapting leaves; returns Trained.

    net, adapted: the network before and after. area: Samples; where they have labels of the
    network's classes, the scores before and after are found. facts: {"data", "series", "start"}.
    """
    scores, classes = {}, len(net.card["legend"])
    if (area.y >= 0).any() and area.legend.names == net.card["legend"].names:
        for name, each in {"before": net, "after": adapted}.items():
            labels, _ = models.label(each, area.x, precision="float32")
            scores[name] = filtered_scores(area.y, labels, classes)
    card = facts | {"settings": vars(settings)}
    with written_whole(folder / "config.json") as path:
        path.write_text(json.dumps({"options": card | {"adapt": facts["data"]}}, indent=1))
    copy = Path(weights) / f"{folder.name}.safetensors"
    write_weights(folder, copy, adapted, adapted=card)
    write_scores(folder, scores | {"adapted": card})
    return Trained(adapted, scores, TrainingCard.from_card(adapted.card), folder, copy)


def card_of(net, history, parts, settings, facts):
    """Return the TrainingCard of a network that `fit` has trained."""
    source = parts.source
    return TrainingCard(
        data=source.data,
        test_data=source.test_data,
        split=source.split,
        validation=source.validation,
        test=None if source.test_data else source.test,
        series=parts.series(),
        parts=parts.ids(),
        settings=vars(settings),
        epochs=len(history),
        best_epoch=best_row(history, settings) + 1,
        minutes=round(history["seconds"].sum() / 60, 2),
        cpu_minutes=round(history["cpu_seconds"].sum() / 60, 2),
        parameters=models.count_parameters(net),
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **facts,
    )


def write_weights(folder, copy, net, **metadata):
    """Write the weights into the folder of the run, and a copy where all weights are."""
    models.save(folder / "weights.safetensors", net, **metadata)
    with written_whole(copy) as path:
        shutil.copyfile(folder / "weights.safetensors", path)


def write_transitions(folder, test, labels):
    """Write transitions.csv: precision and recall of each transition, by the names of the classes.

    labels: (N, T) of Samples `test`, after the majority filter, as the change scores are.
    """
    found = transition_scores(test.y, labels, len(test.legend))
    names = np.array(test.legend.names)
    for column in ("from_class", "to_class"):
        found[column] = names[found[column].to_numpy()]
    with written_whole(folder / "transitions.csv") as path:
        found.to_csv(path, index=False)


def write_figures(folder, figures):
    """Write each figure as <name>.png."""
    for name, figure in figures.items():
        with written_whole(folder / f"{name}.png") as path:
            figure.savefig(path, dpi=150)


def write_scores(folder, content):
    """Write scores.json: the last file of a run, which says that the run is finished."""
    with written_whole(folder / "scores.json") as path:
        path.write_text(json.dumps(content, indent=1, default=str))


def summary(trained):
    """Return what a training says at its end, as text."""
    card = trained.card
    return "\n".join(
        [
            f"best epoch {card.best_epoch} of {card.epochs}, {card.minutes} minutes; "
            f"{card.series['test']} test series:",
            line_of(trained.scores["test"]),
            f"weights {trained.weights}; figures and scores in {trained.folder}; "
            "to see: python demo.py",
        ]
    )


def line_of(scores):
    """Return the scores that are shown, in one line."""
    return "  ".join(f"{name} {scores[name]:.4f}" for name in SHOWN if name in scores)


def table_of(scores):
    """Return one line of scores for each name: {"before": {...}, "after": {...}} -> text."""
    width = max(map(len, scores), default=0)
    return "\n".join(f"{name:{width}s}  {line_of(row)}" for name, row in scores.items())
