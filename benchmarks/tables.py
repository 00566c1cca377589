"""Put the figures of benchmarks/*.csv and of the shipped weights into the README files.

    python benchmarks/tables.py            # write them
    python benchmarks/tables.py --check    # only say which file is not up to date

A figure stands between markers, <!-- accuracy --> ... <!-- /accuracy -->. Nothing else is
touched. To bring in a new table, write a function in table_forms.py, name it in `pages`, and put
its markers into the file.
"""

import re
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models
from benchmarks import table_forms as forms
from benchmarks import table_forms_compare as compared_forms
from training.card import TrainingCard
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.flags import Parser

HERE = Path(__file__).parent
ROOT = HERE.parent
# Tables whose columns stand as they are in the CSV file.
PLAIN = ("map_speed", "page_speed", "composite_speed", "unseen", "unseen_adapt")


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
    urban = at(accuracy, "urban.npz", "site")
    weights, world = (card_of(name) for name in ("urban", "world"))
    compared = {name: rows_of(f"compare_{name}") for name in ("coast", "urban")}
    decoding = rows_of("decoding")
    results = {
        "accuracy": forms.accuracy_table(coast(accuracy, "site")),
        "urban": forms.accuracy_table(urban),
        "provinces": forms.province_table(accuracy),
        "gaps": forms.gaps_table(coast(gaps, "site")),
        "later": forms.later_table(coast(accuracy, "later"), speed),
        "later_gaps": forms.gaps_table(coast(gaps, "later")),
        "decoding": forms.decoding_table(decoding[decoding["data"] == "coast_train.npz"]),
        "speed": forms.speed_table(speed),
        "compare_coast": compared_forms.compare_table(compared["coast"]),
        "compare_urban": compared_forms.compare_table(compared["urban"]),
        "compare_settings": compared_forms.settings_table(compared),
        "baseline_speed": compared_forms.baseline_speed_table(rows_of("baseline_speed")),
    }
    results |= {name: forms.plain_table(rows_of(name)) for name in PLAIN}
    root = {
        "results": forms.results_table(coast(accuracy, "site"), speed),
        "ratio": f"{forms.fastest(speed)['ratio']:.0f}",
        "urban_OA": f"{urban.loc[urban['network'] == 'patchnet', 'OA'].mean():.3f}",
    }
    return {
        ROOT / "README.md": root,
        HERE / "README.md": results | study_tables(),
        ROOT / "model_data" / "README.md": card_figures(weights) | world_figures(world),
        ROOT / "dataset" / "README.md": dataset_figures(),
        ROOT / "assessing" / "README.md": {
            "coverage": forms.coverage_table(rows_of("assess_coverage"))
        },
        ROOT / "labelling" / "README.md": labelling_tables(),
        ROOT / "dataset" / "world.md": {
            "beside_real": forms.world_beside_table(rows_of("world_beside_real"))
        },
    }


def labelling_tables():
    """What label.py's samples and products in a map are worth."""
    ways = rows_of("product_evidence").query("cost == 15")
    ways["land"] = ways["land"].map(kind_of_land)
    by = ["land", "products", "way"]
    figures = ["months_right", "changing", "changes_F1", "network", "network_F1", "product"]
    return {
        "labelling": forms.plain_table(rows_of("labelling").round(3)),
        "labelling_real": forms.plain_table(means(rows_of("labelling_real"), ["land", "way"])),
        "product_evidence": forms.plain_table(means(ways, by)[[*by, *figures]]),
    }


def kind_of_land(name):
    """ "real", "real, 4 years" of the places of product_evidence.csv; made-up land as it is."""
    place, _, years = name.partition(", ")
    return name if place == "made up" else "real" + (years and f", {years}")


def means(table, by):
    """Means of the figures of each way, three digits."""
    figures = table.drop(columns="seed", errors="ignore").groupby(by, sort=False)
    return figures.mean(numeric_only=True).round(3).reset_index()


def study_tables():
    """The tables of the paper's studies."""
    found = {
        "study_transfer": compared_forms.transfer_table(rows_of("study_transfer")),
        "study_one_band": compared_forms.study_table(rows_of("study_one_band"), None),
    }
    for study in ("gaps", "size", "bands", "class"):
        found[f"study_{study}"] = compared_forms.study_table(rows_of(f"study_{study}"), study)
    return found


def card_of(name):
    return models.load(ROOT / "model_data" / f"{name}.safetensors").card


def rows_of(name):
    return pd.read_csv(HERE / f"{name}.csv")


def at(table, data, split):
    """The rows of one data set and one split."""
    return table[(table["data"] == data) & (table["split"] == split)]


def coast(table, split):
    """The rows of the coast series, split so."""
    return at(table, "coast_train.npz", split)


def card_figures(card):
    """What the card of the shipped weights shows: dict of marker -> text."""
    test = card["metrics"]["test"]
    scores = [[label, f"{test[name]:.4f}"] for name, label in forms.NAMES.items()]
    return {
        "scores": forms.markdown(["score", "test part"], scores),
        "training": forms.markdown(["what", "how"], training_facts(card)),
        "real": forms.plain_table(rows_of("simulated_on_real")),
        "urban_without": forms.lost_bands(card),
    }


def world_figures(card):
    """What the card of the weights for all land shows: dict of marker -> text."""
    tables = {"left_out": "world_left_out"}
    tables |= {name: name for name in ("world", "world_urban", "world_changes")}
    test = card["metrics"]["test"]
    scores = [f"{label} {test[name]:.3f}" for name, label in forms.NAMES.items()]
    figures = {"world_scores": ", ".join(scores), "world_without": forms.lost_bands(card)}
    return figures | {name: forms.plain_table(rows_of(of).round(3)) for name, of in tables.items()}


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
        "forest": forms.markdown(head, [shares]),
        "curve": forms.markdown(["training series", *sizes], [["overall accuracy", *accuracy]]),
        "beside_real": forms.beside_real_table(rows_of("simulated_beside_real")),
    }


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
