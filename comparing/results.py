"""What a comparison leaves in its folder: settings, tables, figures."""

import json

from comparing import figures, study_figures
from comparing.studies import markdown, mean_and_spread, printed, transition_table
from utils.files import written_whole


def write_all(scores, study, cells, results, samples, folder, table):
    """Write tables and figures of the comparison, or of a study.

    scores: as `studies.study_table` gives them. table: a second place for scores.csv, or None.
    """
    write_table(scores, study, folder, table)
    if study:
        draw_study(scores, study, folder)
    else:
        draw_comparison(scores, cells, results, samples, folder)


def write_json(path, settings):
    with written_whole(path) as part:
        part.write_text(json.dumps(settings, default=str, indent=1) + "\n", encoding="utf-8")


def write_table(table, study, folder, copy=None):
    """Write all scores as CSV, a row for each seed, and what a reader wants as Markdown.

    The Markdown holds the mean over seeds; it is printed too. copy: a second place for the CSV.
    """
    for place in filter(None, (folder / "scores.csv", copy)):
        with written_whole(place) as path:
            table.to_csv(path, index=False)
    by = {None: ["method"], "transfer": ["method", "train", "test"]}.get(study, [study, "method"])
    text = markdown(printed(mean_and_spread(table, by), by))
    with written_whole(folder / "scores.md") as path:
        path.write_text(text, encoding="utf-8")
    print(text, end="")


def draw_comparison(table, cells, results, samples, folder):
    """Write the transitions, and draw the figures of the table. Labels are of the first seed."""
    labels = {}
    for (_, cell), result in zip(cells, results):
        labels.setdefault(cell.method, result.labels[0])
    rows = results[0].rows
    with written_whole(folder / "transitions.csv") as path:
        transition_table(cells, results, samples).to_csv(path, index=False)
    save(figures.score_bars(mean_and_spread(table, ["method"])), folder / "scores.png")
    save(figures.date_errors(samples.y[rows], labels), folder / "date_errors.png")
    if len(labels) > 1:
        save(figures.disagreements(samples, rows, labels), folder / "disagreements.png")


def draw_study(table, study, folder):
    """Draw the picture of a study."""
    if study == "transfer":
        mean = mean_and_spread(table, ["method", "train", "test"])
        figure = study_figures.transfer_squares(mean)
    else:
        figure = study_figures.study_lines(mean_and_spread(table, ["method", study]), study)
    save(figure, folder / f"study_{study}.png")


def save(figure, path):
    with written_whole(path) as part:
        figure.savefig(part)
