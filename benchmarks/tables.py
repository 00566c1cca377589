"""Put the tables of benchmarks/*.csv into the README and the scores of the shipped weights into
their card.

    python benchmarks/tables.py

They stand between markers, <!-- accuracy --> ... <!-- /accuracy -->; nothing else is touched.
"""

import ast
import re
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
CARD = HERE.parent / "model_data" / "README.md"
NAMES = {
    "OA": "OA",
    "mIoU": "mIoU",
    "sequence_accuracy": "sequence accuracy",
    "spatial_F1": "spatial F1",
    "temporal_F1": "temporal F1",
    "spatial_change_F1": "spatial, change",
    "temporal_change_F1": "temporal, change",
}

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


def main():
    text = README.read_text()
    accuracy = pd.read_csv(HERE / "accuracy.csv")
    for marker, data in (("accuracy", "coast_train.npz"), ("urban", "urban.npz")):
        text = put(
            text,
            marker,
            accuracy_table(accuracy[(accuracy["data"] == data) & (accuracy["split"] == "site")]),
        )
    provinces = accuracy[accuracy["split"].str.startswith("province:")]
    if len(provinces):
        text = put(text, "provinces", province_table(provinces))
    gaps = pd.read_csv(HERE / "robustness.csv")
    text = put(text, "gaps", gaps_table(coast(gaps, "site")))
    text = put(text, "later", later_table(coast(accuracy, "later")))
    text = put(text, "later_gaps", gaps_table(coast(gaps, "later")))
    decoding = pd.read_csv(HERE / "decoding.csv")
    text = put(text, "decoding", decoding_table(decoding[decoding["data"] == "coast_train.npz"]))
    if (HERE / "speed.csv").exists():
        speed = pd.read_csv(HERE / "speed.csv")
        text = put(text, "speed", speed_table(speed))
        all_cores = speed[
            (speed["network"] == "patchnet") & (speed["threads"] == speed["threads"].max())
        ]
        text = put(text, "ratio", f"{all_cores['ratio'].max():.0f}", inline=True)
    compared = {
        name: pd.read_csv(HERE / f"compare_{name}.csv")
        for name in ("coast", "urban")
        if (HERE / f"compare_{name}.csv").exists()
    }
    for name, rows in compared.items():
        text = put(text, f"compare_{name}", compare_table(rows))
    text = put(text, "compare_settings", settings_table(compared))
    text = put(
        text, "baseline_speed", baseline_speed_table(pd.read_csv(HERE / "baseline_speed.csv"))
    )
    net = models.load(HERE.parent / "model_data" / "urban.safetensors")
    text = put(text, "urban_OA", f"{net.card['metrics']['test']['OA']:.3f}", inline=True)
    README.write_text(text)
    card = net.card
    text = put(CARD.read_text(), "scores", card_table(card))
    training = card["training"]
    settings = ", ".join(f"{name} {value}" for name, value in training["settings"].items())
    facts = [
        ["series", ", ".join(f"{n} {part}" for part, n in training["series"].items())],
        ["split", f"{training['split']}, seed {training['seed']}"],
        ["settings", settings],
        ["best epoch", f"{training['best_epoch']} of {training['epochs']}"],
        ["CPU minutes", str(training["cpu_minutes"])],
        ["parameters", f"{training['parameters']:,}"],
        ["cost of a change", f"{card['switch_cost']} nats, chosen on the validation part"],
    ]
    text = put(text, "training", markdown(["what", "how"], facts))
    real = pd.read_csv(HERE / "simulated_on_real.csv").astype(str)
    CARD.write_text(put(text, "real", markdown(list(real), real.to_numpy().tolist())))


def coast(table, split):
    """The rows of the coast series, split so."""
    return table[(table["data"] == "coast_train.npz") & (table["split"] == split)]


def accuracy_table(rows):
    """One row a network: the mean over the seeds, and their spread where there are several.

    The errors (1 - OA) are compared with those of fcn for the same seed, which also draws the
    split.
    """
    fcn = rows[rows["network"] == "fcn"].set_index("seed")["OA"]
    lines = []
    for (network, recipe), runs in rows.groupby(["network", "recipe"], sort=False):
        errors = ((1 - runs["OA"]) / (1 - runs["seed"].map(fcn))).dropna()
        cells = [cell(runs[score]) for score in NAMES] + [cell(errors, 2) if len(errors) else "-"]
        name = f"`{network}`" + (" `--recipe paper`" if recipe == "paper" else "")
        size, minutes = f"{runs['parameters'].iloc[0]:,}", f"{runs['cpu_minutes'].mean():.1f}"
        lines.append([name, *cells, size, minutes, str(len(runs))])
    return markdown(
        ["network", *NAMES.values(), "errors, x `fcn`", "parameters", "CPU minutes", "seeds"], lines
    )


def later_table(rows):
    """One row a network, the mean over the seeds, and their spread, under the best published
    ones.
    """
    lines = [
        [
            "best single run of each, as published",
            *(f"{score:.4f}" for score in PUBLISHED.values()),
            "-",
        ]
    ]
    for network, runs in rows.groupby("network", sort=False):
        lines.append([f"`{network}`", *(cell(runs[score]) for score in PUBLISHED), str(len(runs))])
    return markdown(["network", *(NAMES[score] for score in PUBLISHED), "seeds"], lines)


def province_table(rows):
    """Temporal F1 and mIoU on each province held out, a row a network; the mean is of those that
    all were run on.
    """
    rows = rows.assign(province=rows["split"].str.removeprefix("province:"))
    names = sorted(rows["province"].unique())
    counts = rows.groupby("province")["network"].nunique()
    common = counts.index[counts == rows["network"].nunique()]
    lines = []
    for network, runs in rows.groupby("network", sort=False):
        each = runs.groupby("province")[["temporal_F1", "mIoU", "OA"]].mean().reindex(names)
        mean = each.loc[common].mean()
        both = [*zip(each["temporal_F1"], each["mIoU"]), (mean["temporal_F1"], mean["mIoU"])]
        cells = [
            f"{change:.3f} / {overlap:.3f}" if change == change else "-" for change, overlap in both
        ]
        lines.append([f"`{network}`", *cells, f"{mean['OA']:.3f}"])
    return markdown(["network", *names, "mean of " + ", ".join(common), "mean OA"], lines)


def cell(values, digits=4):
    spread = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def gaps_table(rows):
    """One row a network: OA with all months, the points lost to gaps, ECE; mean over the seeds, and
    their spread.
    """
    lost = {
        "six in a row": "OA_6_in_a_row",
        "30 % missing": "OA_30_missing",
        "50 % missing": "OA_50_missing",
    }
    lines = []
    for network, runs in rows.groupby("network", sort=False):
        cells = [cell(100 * (runs["OA"] - runs[column]), 2) for column in lost.values()]
        error = cell(runs["ECE"]) if runs["ECE"].notna().all() else "-"
        lines.append([f"`{network}`", cell(runs["OA"]), *cells, error, str(len(runs))])
    return markdown(["network", "OA", *lost, "ECE", "seeds"], lines)


def decoding_table(rows):
    """One row a way to decode, the mean over the seeds, and their spread."""
    lines = [
        [way, *(cell(runs[score]) for score in DECODED)]
        for way, runs in rows.groupby("way", sort=False)
    ]
    return markdown(["labels of", *(NAMES[score] for score in DECODED)], lines)


def speed_table(speed):
    head = [
        "network",
        "precision",
        "backend",
        "threads",
        "series a second",
        "x `fcn`",
        "MFLOP a series",
        "of the matrix rate",
    ]
    lines = [
        [
            f"`{row.network}`",
            row.precision,
            row.backend,
            str(row.threads),
            f"{row.series_per_second:,}",
            f"{row.ratio:.1f}",
            f"{row.MFLOP:.1f}",
            f"{row.share_of_matrix_rate:.0%}",
        ]
        for row in speed.itertuples()
    ]
    return markdown(head, lines)


def compare_table(rows):
    """One row a method: the mean over the seeds, and their spread where there are several; the best
    in bold.
    """
    best = rows.groupby("method")[list(NAMES)].mean().max()

    def shown(values):
        return f"**{cell(values)}**" if values.mean() == best[values.name] else cell(values)

    lines = []
    for method, runs in rows.groupby("method", sort=False):
        cells = [shown(runs[score]) for score in NAMES]
        size = "-" if runs["parameters"].isna().all() else f"{runs['parameters'].iloc[0]:,.0f}"
        minutes, rate = runs["train_cpu_minutes"].mean(), runs["series_a_cpu_second"].mean()
        lines.append([f"`{method}`", *cells, size, f"{minutes:.1f}", f"{rate:,.0f}"])
    return markdown(
        ["method", *NAMES.values(), "parameters", "CPU minutes to train", "series a CPU second"],
        lines,
    )


def settings_table(compared):
    """What the validation part chose for each method (first seed) on each data set: dict of name ->
    scores.
    """
    chosen = [
        table.drop_duplicates("method").set_index("method")["setting"].map(in_words)
        for table in compared.values()
    ]
    methods = dict.fromkeys(method for each in chosen for method in each.index)
    lines = [[f"`{method}`", *(each.get(method, "-") for each in chosen)] for method in methods]
    return markdown(["method", *compared], lines)


def in_words(setting):
    """'{"h": 0.1, ...}' as 'h 0.1, ...'."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in ast.literal_eval(setting).items()
    )


def baseline_speed_table(speed):
    lines = [
        [f"`{method}`", "-" if breaks != breaks else f"{breaks:,.0f}", f"{labels:,.0f}"]
        for method, breaks, labels in speed[
            ["method", "breaks, series/s", "labels, series/s"]
        ].to_numpy()
    ]
    return markdown(["method", "breaks, series a second", "labels, series a second"], lines)


def card_table(card):
    """Scores of the shipped weights on the test part of their training data, as their file holds
    them.
    """
    rows = [[label, f"{card['metrics']['test'][name]:.4f}"] for name, label in NAMES.items()]
    return markdown(["score", "test part"], rows)


def markdown(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def put(text, marker, content, inline=False):
    """Replace what stands between <!-- marker --> and <!-- /marker -->."""
    gap = "" if inline else "\n"
    new = f"<!-- {marker} -->{gap}{content}{gap}<!-- /{marker} -->"
    return re.sub(rf"<!-- {marker} -->.*?<!-- /{marker} -->", lambda _: new, text, flags=re.S)


if __name__ == "__main__":
    main()
