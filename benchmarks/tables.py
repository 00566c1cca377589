"""Put the figures of benchmarks/*.csv and of the shipped weights into the README files.

    python benchmarks/tables.py            # write them
    python benchmarks/tables.py --check    # only say which file is not up to date

A figure stands between markers, <!-- accuracy --> ... <!-- /accuracy -->. Nothing else is
touched. To bring in a new table, write a function here, name it in `pages`, and put its markers
into the file.
"""

import ast
import re
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from training.card import TrainingCard
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser

HERE = Path(__file__).parent
ROOT = HERE.parent
NAMES = {
    "OA": "OA",
    "mIoU": "mIoU",
    "sequence_accuracy": "sequence accuracy",
    "spatial_F1": "spatial F1",
    "temporal_F1": "temporal F1",
    "spatial_change_F1": "spatial, change",
    "temporal_change_F1": "temporal, change",
}
SHORT = ("OA", "mIoU", "sequence_accuracy", "temporal_F1")  # of the table in the root README
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
STUDIED = ("OA", "mIoU", "sequence_accuracy", "temporal_F1")


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 2 if one is old")
    return parser


def main():
    options = make_parser().parse_args()
    for page, figures in pages().items():
        old = page.read_text(encoding="utf-8")
        new = filled(page, old, figures)
        if new != old and options.check:
            raise InputError(f"{page}: old figures; expected what python {sys.argv[0]} writes")
        if new != old:
            with written_whole(page) as path:
                path.write_text(new, encoding="utf-8")


def pages():
    """What stands between which markers: dict of file -> dict of marker -> text."""
    accuracy, gaps, speed = rows_of("accuracy"), rows_of("robustness"), rows_of("speed")
    weights = models.load(ROOT / "model_data" / "urban.safetensors").card
    compared = {name: rows_of(f"compare_{name}") for name in ("coast", "urban")}
    decoding = rows_of("decoding")
    results = {
        "accuracy": accuracy_table(coast(accuracy, "site")),
        "urban": accuracy_table(at(accuracy, "urban.npz", "site")),
        "provinces": province_table(accuracy),
        "gaps": gaps_table(coast(gaps, "site")),
        "later": later_table(coast(accuracy, "later")),
        "later_gaps": gaps_table(coast(gaps, "later")),
        "decoding": decoding_table(decoding[decoding["data"] == "coast_train.npz"]),
        "speed": speed_table(speed),
        "compare_coast": compare_table(compared["coast"]),
        "compare_urban": compare_table(compared["urban"]),
        "compare_settings": settings_table(compared),
        "baseline_speed": baseline_speed_table(rows_of("baseline_speed")),
        "map_speed": map_speed_table(rows_of("map_speed")),
    }
    for study in ("gaps", "size", "bands", "class"):
        results[f"study_{study}"] = study_table(rows_of(f"study_{study}"), study)
    results["study_transfer"] = transfer_table(rows_of("study_transfer"))
    results["study_one_band"] = study_table(rows_of("study_one_band"), None)
    root = {
        "results": results_table(coast(accuracy, "site"), speed),
        "ratio": f"{fastest(speed)['ratio']:.0f}",
        "urban_OA": f"{weights['metrics']['test']['OA']:.3f}",
    }
    return {
        ROOT / "README.md": root,
        HERE / "README.md": results,
        ROOT / "model_data" / "README.md": card_figures(weights),
        ROOT / "dataset" / "README.md": dataset_figures(),
    }


def rows_of(name):
    return pd.read_csv(HERE / f"{name}.csv")


def at(table, data, split):
    """The rows of one data set and one split."""
    return table[(table["data"] == data) & (table["split"] == split)]


def coast(table, split):
    """The rows of the coast series, split so."""
    return at(table, "coast_train.npz", split)


def fastest(speed, network="patchnet"):
    """The row of the network on most threads and, of those, with the best ratio."""
    rows = speed[(speed["network"] == network) & (speed["threads"] == speed["threads"].max())]
    return rows.loc[rows["ratio"].idxmax()]


def results_table(rows, speed):
    """The table of the root README: a row for each network, the mean over the seeds."""
    order = rows.groupby("network")["OA"].mean().sort_values(ascending=False).index
    rows = rows.sort_values("network", key=lambda names: names.map(order.get_loc), kind="stable")
    lines = []
    for (network, recipe), runs in rows.groupby(["network", "recipe"], sort=False):
        scores = [f"{runs[score].mean():.3f}" for score in SHORT]
        rate = fastest(speed, network)["series_per_second"]
        lines.append([network_name(network, recipe), *scores, f"{rate:,}"])
    return markdown(["network", *(NAMES[score] for score in SHORT), "series per second"], lines)


def network_name(network, recipe):
    return f"`{network}`" + (" `--recipe paper`" if recipe == "paper" else "")


def accuracy_table(rows):
    """One row for each network: the mean over the seeds, and their spread where there are several.

    The errors (1 - OA) are compared with those of fcn for the same seed, which also draws the
    split.
    """
    fcn = rows[rows["network"] == "fcn"].set_index("seed")["OA"]
    lines = []
    for (network, recipe), runs in rows.groupby(["network", "recipe"], sort=False):
        errors = ((1 - runs["OA"]) / (1 - runs["seed"].map(fcn))).dropna()
        scores = [cell(runs[score]) for score in NAMES]
        compared = cell(errors, 2) if len(errors) else "-"
        size, minutes = f"{runs['parameters'].iloc[0]:,}", f"{runs['cpu_minutes'].mean():.1f}"
        name = network_name(network, recipe)
        lines.append([name, *scores, compared, size, minutes, str(len(runs))])
    facts = ["errors, x `fcn`", "parameters", "CPU minutes", "seeds"]
    return markdown(["network", *NAMES.values(), *facts], lines)


def later_table(rows):
    """One row for each network, the mean over the seeds and their spread, under the published."""
    published = [f"{score:.4f}" for score in PUBLISHED.values()]
    lines = [["best single run of each, as published", *published, "-"]]
    for network, runs in rows.groupby("network", sort=False):
        lines.append([f"`{network}`", *(cell(runs[score]) for score in PUBLISHED), str(len(runs))])
    return markdown(["network", *(NAMES[score] for score in PUBLISHED), "seeds"], lines)


def province_table(rows):
    """Temporal F1 / mIoU on each province held out, a row for each network.

    The mean is of the provinces that all networks were run on.
    """
    rows = rows[rows["split"].str.startswith("province:")]
    rows = rows.assign(province=rows["split"].str.removeprefix("province:"))
    names = sorted(rows["province"].unique())
    counts = rows.groupby("province")["network"].nunique()
    common = counts.index[counts == rows["network"].nunique()]
    lines = []
    for network, runs in rows.groupby("network", sort=False):
        each = runs.groupby("province")[["temporal_F1", "mIoU", "OA"]].mean().reindex(names)
        mean = each.loc[common].mean()
        pairs = [*zip(each["temporal_F1"], each["mIoU"]), (mean["temporal_F1"], mean["mIoU"])]
        cells = [f"{f1:.3f} / {iou:.3f}" if f1 == f1 else "-" for f1, iou in pairs]
        lines.append([f"`{network}`", *cells, f"{mean['OA']:.3f}"])
    return markdown(["network", *names, "mean of " + ", ".join(common), "mean OA"], lines)


def cell(values, digits=4):
    """The mean of several seeds and their spread; of one seed its value."""
    spread = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def gaps_table(rows):
    """One row for each network: OA with all months, the points lost to gaps, ECE."""
    lines = []
    for network, runs in rows.groupby("network", sort=False):
        cells = [cell(100 * (runs["OA"] - runs[column]), 2) for column in LOST.values()]
        error = cell(runs["ECE"]) if runs["ECE"].notna().all() else "-"
        lines.append([f"`{network}`", cell(runs["OA"]), *cells, error, str(len(runs))])
    return markdown(["network", "OA", *LOST, "ECE", "seeds"], lines)


def decoding_table(rows):
    """One row for each way to decode, the mean over the seeds and their spread."""
    lines = [
        [way, *(cell(runs[score]) for score in DECODED)]
        for way, runs in rows.groupby("way", sort=False)
    ]
    return markdown(["labels of", *(NAMES[score] for score in DECODED)], lines)


def speed_table(speed):
    head = ["network", "precision", "backend", "threads", "series per second"]
    head += ["x `fcn`", "MFLOP per series", "of the matrix rate"]
    lines = []
    for row in speed.itertuples():
        case = [f"`{row.network}`", row.precision, row.backend, str(row.threads)]
        rate = [f"{row.series_per_second:,}", f"{row.ratio:.1f}", f"{row.MFLOP:.1f}"]
        lines.append([*case, *rate, f"{row.share_of_matrix_rate:.0%}"])
    return markdown(head, lines)


def map_speed_table(speed):
    text = speed.astype(object).where(speed.notna(), "-").astype(str)
    return markdown(list(speed), text.to_numpy().tolist())


def compare_table(rows):
    """One row for each method: the mean over the seeds, their spread, the best in bold."""
    best = rows.groupby("method")[list(NAMES)].mean().max()

    def shown(values):
        return f"**{cell(values)}**" if values.mean() == best[values.name] else cell(values)

    lines = []
    for method, runs in rows.groupby("method", sort=False):
        cells = [shown(runs[score]) for score in NAMES]
        size = "-" if runs["parameters"].isna().all() else f"{runs['parameters'].iloc[0]:,.0f}"
        minutes, rate = runs["train_cpu_minutes"].mean(), runs["series_a_cpu_second"].mean()
        lines.append([f"`{method}`", *cells, size, f"{minutes:.1f}", f"{rate:,.0f}"])
    facts = ["parameters", "CPU minutes to train", "series per CPU second"]
    return markdown(["method", *NAMES.values(), *facts], lines)


def settings_table(compared):
    """What the validation part chose for each method (first seed). compared: name -> scores."""
    chosen = [
        table.drop_duplicates("method").set_index("method")["setting"].map(in_words)
        for table in compared.values()
    ]
    methods = dict.fromkeys(method for column in chosen for method in column.index)
    lines = [[f"`{method}`", *(column.get(method, "-") for column in chosen)] for method in methods]
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
        where = [*map(str, place[:-1]), f"`{place[-1]}`"]
        lines.append([*where, *(cell(runs[score]) for score in STUDIED)])
    return markdown([*by, *(NAMES[score] for score in STUDIED)], lines)


def transfer_table(rows):
    """Mean scores on the other groups for each group trained on and each method."""
    lines = []
    for (train, method), runs in rows.groupby(["train", "method"], sort=False):
        scores = [f"{runs[score].mean():.4f}" for score in STUDIED]
        lines.append([str(train), f"`{method}`", *scores])
    return markdown(["trained on", "method", *(NAMES[score] for score in STUDIED)], lines)


def baseline_speed_table(speed):
    columns = ["method", "breaks, series/s", "labels, series/s"]
    lines = [
        [f"`{method}`", "-" if breaks != breaks else f"{breaks:,.0f}", f"{labels:,.0f}"]
        for method, breaks, labels in speed[columns].to_numpy()
    ]
    return markdown(["method", "breaks, series per second", "labels, series per second"], lines)


def card_figures(card):
    """What the card of the shipped weights shows: dict of marker -> text."""
    test = card["metrics"]["test"]
    scores = [[label, f"{test[name]:.4f}"] for name, label in NAMES.items()]
    real = rows_of("simulated_on_real").astype(str)
    return {
        "scores": markdown(["score", "test part"], scores),
        "training": markdown(["what", "how"], training_facts(card)),
        "real": markdown(list(real), real.to_numpy().tolist()),
    }


def training_facts(card):
    training = TrainingCard.from_card(card)
    settings = ", ".join(f"{name} {value}" for name, value in training.settings.items())
    return [
        ["series", ", ".join(f"{n} {part}" for part, n in training.series.items())],
        ["split", f"{training.split}, seed {training.seed}"],
        ["settings", settings],
        ["best epoch", f"{training.best_epoch} of {training.epochs}"],
        ["CPU minutes", str(training.cpu_minutes)],
        ["parameters", f"{training.parameters:,}"],
        ["cost of a change", f"{card['switch_cost']} nats, chosen on the validation part"],
    ]


def dataset_figures():
    """What the card of the simulated set shows: dict of marker -> text."""
    difficulty = rows_of("simulated_difficulty")
    forest = difficulty[difficulty["method"].str.startswith("random forest")].iloc[0]
    recalls = [name for name in difficulty if name.startswith("recall ")]
    head = ["all", *(name.removeprefix("recall ") for name in recalls)]
    shares = [f"{forest[name]:.1%}" for name in ["OA", *recalls]]
    curve = difficulty[difficulty["method"] == "patchnet"]
    sizes = [f"{int(text.split()[0]):,}" for text in curve["training"]]
    accuracy = [f"{value:.3f}" for value in curve["OA"]]
    return {
        "forest": markdown(head, [shares]),
        "curve": markdown(["training series", *sizes], [["overall accuracy", *accuracy]]),
        "beside_real": beside_real_table(rows_of("simulated_beside_real")),
    }


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
        lines.append([group, *(f"{pair['real']:.3f} / {pair['simulated']:.3f}" for pair in pairs)])
    return markdown(["group", *columns], lines)


def markdown(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def filled(page, text, figures):
    """The text of a file with each figure between its markers.

    Markers on one line hold one number; others hold a table. Raises InputError where a file lacks
    the markers of a figure.
    """
    for marker, content in figures.items():
        found = re.search(rf"<!-- {marker} -->(.*?)<!-- /{marker} -->", text, flags=re.S)
        if found is None:
            raise InputError(f"{page}: no <!-- {marker} --> ... <!-- /{marker} --> found in it")
        gap = "\n" if "\n" in found[1] else ""
        between = f"<!-- {marker} -->{gap}{content}{gap}<!-- /{marker} -->"
        text = text[: found.start()] + between + text[found.end() :]
    return text


if __name__ == "__main__":
    run_main(main)
