"""The forms of the tables: rows of a CSV file of benchmarks/ -> a table in Markdown.

Each function takes a DataFrame and returns text. benchmarks/tables.py says which table stands
where.
"""

import ast

NAMES = {
    "OA": "OA",
    "mIoU": "mIoU",
    "sequence_accuracy": "sequence accuracy",
    "spatial_F1": "spatial F1",
    "temporal_F1": "temporal F1",
    "spatial_change_F1": "spatial, change",
    "temporal_change_F1": "temporal, change",
}
SHORT = ("OA", "mIoU", "sequence_accuracy", "temporal_F1")
# On the authors' own test series: best of five runs of each of three networks (GitHub,
# gulugulu0311/SA_tracking).
PUBLISHED = {
    "OA": 0.9797,
    "mIoU": 0.9489,
    "sequence_accuracy": 0.8901,
    "spatial_F1": 0.9792,
    "temporal_F1": 0.9408,
}
DECODED = ("OA", "sequence_accuracy", "spatial_F1", "temporal_F1", "temporal_change_F1")
LOST = {
    "six in a row": "OA_6_in_a_row",
    "30 % missing": "OA_30_missing",
    "50 % missing": "OA_50_missing",
}


def markdown(head, lines):
    """A table of text."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def headings(scores):
    """The scores by the names that stand in the head of a table."""
    return [NAMES[score] for score in scores]


def mean_of(values, digits=4):
    """The mean of several seeds and their spread; of one seed its value."""
    mean = f"{values.mean():.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {values.std():.{digits}f}"


def means_of(runs, scores):
    return [mean_of(runs[score]) for score in scores]


def network_name(network, recipe):
    suffix = " `--recipe paper`" if recipe == "paper" else ""
    return f"`{network}`{suffix}"


def fastest(speed, network="patchnet"):
    """The row of the network on most threads and, of those, with the best ratio."""
    most = speed["threads"].max()
    rows = speed[(speed["network"] == network) & (speed["threads"] == most)]
    return rows.loc[rows["ratio"].idxmax()]


def rate_of(speed, network):
    """Series per second of a network in text; "-" where speed.py did not time it."""
    timed = (speed["network"] == network).any()
    return f"{fastest(speed, network)['series_per_second']:,}" if timed else "-"


def results_table(rows, speed):
    """The table of the root README: a row for each network, the mean over the seeds."""
    accuracy = rows.groupby(["network", "recipe"])["OA"].mean()
    lines = []
    for network, recipe in accuracy.sort_values(ascending=False).index:
        runs = rows[(rows["network"] == network) & (rows["recipe"] == recipe)]
        scores = [f"{runs[score].mean():.3f}" for score in SHORT]
        lines.append([network_name(network, recipe), *scores, rate_of(speed, network)])
    return markdown(["network", *headings(SHORT), "series per second"], lines)


def accuracy_table(rows):
    """One row for each network: the mean over the seeds, and their spread where there are several.

    The errors (1 - OA) are compared with those of fcn for the same seed, which also draws the
    split.
    """
    fcn = rows[rows["network"] == "fcn"].set_index("seed")["OA"]
    lines = []
    for (network, recipe), runs in rows.groupby(["network", "recipe"], sort=False):
        errors, errors_of_fcn = 1 - runs["OA"], 1 - runs["seed"].map(fcn)
        ratio = (errors / errors_of_fcn).dropna()
        compared = mean_of(ratio, 2) if len(ratio) else "-"
        size = f"{runs['parameters'].iloc[0]:,}"
        minutes = f"{runs['cpu_minutes'].mean():.1f}"
        facts = [compared, size, minutes, str(len(runs))]
        lines.append([network_name(network, recipe), *means_of(runs, NAMES), *facts])
    facts = ["errors, x `fcn`", "parameters", "CPU minutes", "seeds"]
    return markdown(["network", *NAMES.values(), *facts], lines)


def later_table(rows, speed):
    """One row for each network, the mean over the seeds and their spread, under the published."""
    facts = ["parameters", "CPU minutes", "series per second", "seeds"]
    published = [f"{score:.4f}" for score in PUBLISHED.values()]
    lines = [["best single run of each, as published", *published, *"-" * len(facts)]]
    for network, runs in rows.groupby("network", sort=False):
        size, minutes = runs["parameters"].iloc[0], runs["cpu_minutes"].mean()
        found = [f"{size:,}", f"{minutes:.1f}", rate_of(speed, network), str(len(runs))]
        lines.append([f"`{network}`", *means_of(runs, PUBLISHED), *found])
    return markdown(["network", *headings(PUBLISHED), *facts], lines)


def province_table(rows):
    """Temporal F1 / mIoU on each province held out, a row for each network.

    The mean is of the provinces that all networks were run on.
    """
    rows = rows[rows["split"].str.startswith("province:")]
    rows = rows.assign(province=rows["split"].str.removeprefix("province:"))
    provinces = sorted(rows["province"].unique())
    counts = rows.groupby("province")["network"].nunique()
    common = counts.index[counts == rows["network"].nunique()]
    lines = []
    for network, runs in rows.groupby("network", sort=False):
        by_province = runs.groupby("province")[["temporal_F1", "mIoU", "OA"]].mean()
        mean = by_province.loc[common].mean()
        cells = [two_scores(by_province.reindex(provinces).loc[name]) for name in provinces]
        lines.append([f"`{network}`", *cells, two_scores(mean), f"{mean['OA']:.3f}"])
    mean_name = "mean of " + ", ".join(common)
    return markdown(["network", *provinces, mean_name, "mean OA"], lines)


def two_scores(row):
    """'temporal F1 / mIoU'; '-' where there was no run."""
    if row.isna().any():
        return "-"
    return f"{row['temporal_F1']:.3f} / {row['mIoU']:.3f}"


def gaps_table(rows):
    """One row for each network: OA with all months, the points lost to gaps, ECE."""
    lines = []
    for network, runs in rows.groupby("network", sort=False):
        cells = []
        for column in LOST.values():
            points = 100 * (runs["OA"] - runs[column])
            cells.append(mean_of(points, 2))
        error = mean_of(runs["ECE"]) if runs["ECE"].notna().all() else "-"
        lines.append([f"`{network}`", mean_of(runs["OA"]), *cells, error, str(len(runs))])
    return markdown(["network", "OA", *LOST, "ECE", "seeds"], lines)


def decoding_table(rows):
    """One row for each way to decode, the mean over the seeds and their spread."""
    ways = rows.groupby("way", sort=False)
    lines = [[way, *means_of(runs, DECODED)] for way, runs in ways]
    return markdown(["labels of", *headings(DECODED)], lines)


def speed_table(speed):
    """One row for each network, precision and number of threads."""
    head = ["network", "precision", "backend", "threads", "series per second"]
    head += ["x `fcn`", "MFLOP per series", "of the matrix rate"]
    lines = []
    for row in speed.itertuples():
        case = [f"`{row.network}`", row.precision, row.backend, str(row.threads)]
        rate = [f"{row.series_per_second:,}", f"{row.ratio:.1f}", f"{row.MFLOP:.1f}"]
        lines.append([*case, *rate, f"{row.share_of_matrix_rate:.0%}"])
    return markdown(head, lines)


def plain_table(rows):
    """All columns as they are."""
    text = rows.astype(object).where(rows.notna(), "-").astype(str)
    return markdown(list(rows), text.to_numpy().tolist())


def lost_bands(card):
    """'B2 0.3, B11 B12 3.2': points of overall accuracy lost without each set of bands."""
    return ", ".join(f"{names} {lost}" for names, lost in card["without"].items())


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
    pairs = ast.literal_eval(setting).items()
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in pairs)


def study_table(rows, study):
    """Scores for each value of a study and each method, the mean over the seeds, their spread."""
    by = [study, "method"] if study else ["method"]
    lines = []
    for place, runs in rows.groupby(by, sort=False):
        where = [str(value) for value in place[:-1]]
        lines.append([*where, f"`{place[-1]}`", *means_of(runs, SHORT)])
    return markdown([*by, *headings(SHORT)], lines)


def transfer_table(rows):
    """Mean scores on the other groups for each group trained on and each method."""
    lines = []
    for (train, method), runs in rows.groupby(["train", "method"], sort=False):
        scores = [f"{runs[score].mean():.4f}" for score in SHORT]
        lines.append([str(train), f"`{method}`", *scores])
    return markdown(["trained on", "method", *headings(SHORT)], lines)


def baseline_speed_table(speed):
    """One row for each method."""
    lines = []
    for method, breaks, labels, *_ in speed.itertuples(index=False):
        found = "-" if breaks != breaks else f"{breaks:,.0f}"
        lines.append([f"`{method}`", found, f"{labels:,.0f}"])
    return markdown(["method", "breaks, series per second", "labels, series per second"], lines)


def beside_real_table(rows):
    """Median reflectance, noise and NDVI of each group, real / simulated."""
    columns = {band: ("median", band) for band in ("B2", "B4", "B8", "B11", "B12")}
    columns |= {f"noise {band}": ("noise", band) for band in ("B4", "B8", "B11")}
    columns["lowest NDVI"] = ("lowest monthly median", "NDVI")
    columns["highest NDVI"] = ("highest monthly median", "NDVI")
    found = rows.set_index(["group", "measure", "band"])
    lines = []
    for group in rows["group"].unique():
        pairs = [found.loc[(group, *place)] for place in columns.values()]
        cells = [f"{pair['real']:.3f} / {pair['simulated']:.3f}" for pair in pairs]
        lines.append([group, *cells])
    return markdown(["group", *columns], lines)


def coverage_table(found):
    """One row for each made-up area and size of sample: how often 95 % intervals hold the truth."""
    lines = []
    for (area, points), rows in found.groupby(["area", "points"], sort=False):
        cells = [area, f"{points:,}"]
        for held in (rows["held"], rows["held_normal"]):
            inside = held.between(0.93, 0.97).sum()
            cells += [f"{inside} of {len(held)}", f"{held.min():.1%} to {held.max():.1%}"]
        lines.append(cells)
    own, normal = "`assess.py`: 93 to 97 %", "normal: 93 to 97 %"
    return markdown(
        ["area", "points", own, "lowest to highest", normal, "lowest to highest"], lines
    )


def world_beside_table(rows):
    """Greenness and brightness of each real set and class, real / simulated."""
    scores = [name for name in rows if name not in ("set", "class", "climate", "source", "series")]
    lines = []
    for group, pair in rows.groupby(["set", "class", "climate"], sort=False):
        by_source = pair.set_index("source")[scores]
        real, simulated = by_source.loc["real"], by_source.loc["simulated"]
        cells = [f"{real[name]:.2f} / {simulated[name]:.2f}" for name in scores]
        lines.append([*group, *cells])
    return markdown(["set", "class", "climate", *scores], lines)
