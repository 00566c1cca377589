"""The forms of the tables of compare.py, as benchmarks/table_forms.py has those of the networks."""

import ast

from benchmarks.table_forms import NAMES, SHORT, headings, markdown, mean_of, means_of, means_to


def compare_table(rows):
    """One row for each method: the mean over the seeds, their spread, the best in bold."""
    best = rows.groupby("method")[list(NAMES)].mean().max()
    lines = []
    for method, runs in rows.groupby("method", sort=False):
        cells = []
        for score in NAMES:
            text = mean_of(runs[score])
            is_best = runs[score].mean() == best[score]
            cells.append(f"**{text}**" if is_best else text)
        counts = runs["parameters"]
        size = "-" if counts.isna().all() else f"{counts.iloc[0]:,.0f}"
        minutes = f"{runs['train_cpu_minutes'].mean():.1f}"
        rate = f"{runs['series_a_cpu_second'].mean():,.0f}"
        lines.append([f"`{method}`", *cells, size, minutes, rate])
    facts = ["parameters", "CPU minutes to train", "series per CPU second"]
    return markdown(["method", *NAMES.values(), *facts], lines)


def settings_table(compared):
    """What the validation part chose for each method (first seed). compared: name -> scores."""
    columns = []
    for table in compared.values():
        first = table.drop_duplicates("method").set_index("method")
        columns.append(first["setting"].map(in_words))
    methods = dict.fromkeys(method for column in columns for method in column.index)
    lines = []
    for method in methods:
        cells = [column.get(method, "-") for column in columns]
        lines.append([f"`{method}`", *cells])
    return markdown(["method", *compared], lines)


def in_words(setting):
    """'{"h": 0.1, ...}' as 'h 0.1, ...'."""
    words = []
    for name, value in ast.literal_eval(setting).items():
        spoken = name.replace("_", " ")
        words.append(f"{spoken} {value}")
    return ", ".join(words)


def study_table(rows, study):
    """Scores for each value of a study and each method, the mean over the seeds, their spread."""
    by = [study, "method"] if study else ["method"]
    lines = []
    for place, runs in rows.groupby(by, sort=False):
        *where, method = place
        cells = [str(value) for value in where]
        cells += [f"`{method}`", *means_of(runs, SHORT)]
        lines.append(cells)
    return markdown([*by, *headings(SHORT)], lines)


def transfer_table(rows):
    """Mean scores on the other groups for each group trained on and each method."""
    lines = []
    for (train, method), runs in rows.groupby(["train", "method"], sort=False):
        scores = means_to(4, runs, SHORT)
        lines.append([str(train), f"`{method}`", *scores])
    return markdown(["trained on", "method", *headings(SHORT)], lines)


def baseline_speed_table(speed):
    """One row for each method."""
    lines = []
    for method, breaks, labels, *_ in speed.itertuples(index=False):
        found = "-" if breaks != breaks else f"{breaks:,.0f}"
        lines.append([f"`{method}`", found, f"{labels:,.0f}"])
    return markdown(["method", "breaks, series per second", "labels, series per second"], lines)
