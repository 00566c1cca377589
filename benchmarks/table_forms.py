"""The forms of the tables: rows of a CSV file of benchmarks/ -> a table in Markdown.

Each function takes a DataFrame and returns text. benchmarks/tables.py says which table stands
where. The tables of compare.py are those of table_forms_compare.py.
"""

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
    """The mean of each score and its spread."""
    return [mean_of(runs[score]) for score in scores]


def means_to(digits, runs, scores):
    """The mean of each score alone."""
    return [f"{runs[score].mean():.{digits}f}" for score in scores]


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
        name = network_name(network, recipe)
        scores = means_to(3, runs, SHORT)
        lines.append([name, *scores, rate_of(speed, network)])
    return markdown(["network", *headings(SHORT), "series per second"], lines)


def accuracy_table(rows):
    """One row for each network: the mean over the seeds, and their spread where there are several.

    The errors (1 - OA) are compared with those of fcn for the same seed, which also draws the
    split.
    """
    of_fcn = rows[rows["network"] == "fcn"]
    accuracy_of_fcn = of_fcn.set_index("seed")["OA"]
    lines = []
    for (network, recipe), runs in rows.groupby(["network", "recipe"], sort=False):
        errors = 1 - runs["OA"]
        errors_of_fcn = 1 - runs["seed"].map(accuracy_of_fcn)
        ratio = (errors / errors_of_fcn).dropna()
        compared = mean_of(ratio, 2) if len(ratio) else "-"
        size = f"{runs['parameters'].iloc[0]:,}"
        minutes = f"{runs['cpu_minutes'].mean():.1f}"
        name = network_name(network, recipe)
        facts = [compared, size, minutes, str(len(runs))]
        lines.append([name, *means_of(runs, NAMES), *facts])
    facts = ["errors, x `fcn`", "parameters", "CPU minutes", "seeds"]
    return markdown(["network", *NAMES.values(), *facts], lines)


def later_table(rows, speed):
    """One row for each network, the mean over the seeds and their spread, under the published."""
    facts = ["parameters", "CPU minutes", "series per second", "seeds"]
    published = [f"{score:.4f}" for score in PUBLISHED.values()]
    lines = [["best single run of each, as published", *published, *"-" * len(facts)]]
    for network, runs in rows.groupby("network", sort=False):
        size = f"{runs['parameters'].iloc[0]:,}"
        minutes = f"{runs['cpu_minutes'].mean():.1f}"
        rate = rate_of(speed, network)
        scores = means_of(runs, PUBLISHED)
        lines.append([f"`{network}`", *scores, size, minutes, rate, str(len(runs))])
    return markdown(["network", *headings(PUBLISHED), *facts], lines)


def province_table(rows):
    """Temporal F1 / mIoU on each province held out, a row for each network.

    The mean is of the provinces that all networks were run on.
    """
    rows = rows[rows["split"].str.startswith("province:")]
    province = rows["split"].str.removeprefix("province:")
    rows = rows.assign(province=province)
    provinces = sorted(province.unique())
    counts = rows.groupby("province")["network"].nunique()
    common = counts.index[counts == rows["network"].nunique()]
    lines = []
    for network, runs in rows.groupby("network", sort=False):
        by_province = runs.groupby("province")[["temporal_F1", "mIoU", "OA"]].mean()
        every = by_province.reindex(provinces)
        cells = [two_scores(every.loc[name]) for name in provinces]
        mean = by_province.loc[common].mean()
        accuracy = f"{mean['OA']:.3f}"
        lines.append([f"`{network}`", *cells, two_scores(mean), accuracy])
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
        accuracy = mean_of(runs["OA"])
        seeds = str(len(runs))
        lines.append([f"`{network}`", accuracy, *cells, error, seeds])
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
        cells = [
            f"`{row.network}`",
            row.precision,
            row.backend,
            str(row.threads),
            f"{row.series_per_second:,}",
            f"{row.ratio:.1f}",
            f"{row.MFLOP:.1f}",
            f"{row.share_of_matrix_rate:.0%}",
        ]
        lines.append(cells)
    return markdown(head, lines)


def plain_table(rows):
    """All columns as they are."""
    filled = rows.astype(object).where(rows.notna(), "-")
    cells = filled.astype(str).to_numpy()
    return markdown(list(rows), cells.tolist())


def lost_bands(card):
    """'B2 0.3, B11 B12 3.2': points of overall accuracy lost without each set of bands."""
    words = [f"{bands} {points}" for bands, points in card["without"].items()]
    return ", ".join(words)


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
    lines, kinds = [], ("accuracies", "areas", "dates")
    for (area, points), rows in found.groupby(["area", "points"], sort=False):
        plain = rows[rows["marked"] < 0.5]  # in most samples without the mark of few points
        cells = [area, f"{points:,}"]
        for held in (rows["held"], plain["held"], rows["held_normal"]):
            inside = held.between(0.93, 0.97).sum()
            lowest, highest = held.min(), held.max()
            cells.append(f"{inside} of {len(held)} ({lowest:.1%} to {highest:.1%})")
        means = rows.groupby("kind")["held"].mean()
        cells += [f"{means[kind]:.1%}" for kind in kinds]
        lines.append(cells)
    ways = ["`assess.py`", "those without †", "normal intervals"]
    return markdown(["area", "points", *ways, *(f"mean, {kind}" for kind in kinds)], lines)


def world_beside_table(rows):
    """Greenness and brightness of each real set and class, real / simulated."""
    by = ["set", "class", "climate"]
    scores = [name for name in rows if name not in (*by, "source", "series")]
    lines = []
    for group, pair in rows.groupby(by, sort=False):
        by_source = pair.set_index("source")[scores]
        real, simulated = by_source.loc["real"], by_source.loc["simulated"]
        cells = [f"{a:.2f} / {b:.2f}" for a, b in zip(real, simulated)]
        lines.append([*group, *cells])
    return markdown([*by, *scores], lines)
