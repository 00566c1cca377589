"""Put the tables of benchmarks/*.csv into the README and the scores of the shipped weights into their card.

    python benchmarks/tables.py

They stand between markers, <!-- accuracy --> ... <!-- /accuracy -->; nothing else is touched.
"""

import re
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
import models

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
CARD = HERE.parent / "model_data" / "README.md"
NAMES = {"OA": "OA", "mIoU": "mIoU", "sequence_accuracy": "sequence accuracy", "spatial_F1": "spatial F1",
         "temporal_F1": "temporal F1", "spatial_change_F1": "spatial, change", "temporal_change_F1": "temporal, change"}


def main():
    text = README.read_text()
    accuracy = pd.read_csv(HERE / "accuracy.csv")
    for marker, data in (("accuracy", "coast_train.npz"), ("urban", "urban.npz")):
        text = put(text, marker, accuracy_table(accuracy[(accuracy["data"] == data) & (accuracy["split"] == "site")]))
    gaps = pd.read_csv(HERE / "robustness.csv")
    text = put(text, "gaps", gaps_table(gaps[(gaps["data"] == "coast_train.npz") & (gaps["split"] == "site")]))
    if (HERE / "speed.csv").exists():
        speed = pd.read_csv(HERE / "speed.csv")
        text = put(text, "speed", speed_table(speed))
        ratio = speed.loc[speed["network"] == "patchnet", "ratio"].max()
        text = put(text, "ratio", f"{ratio:.0f}", inline=True)
    net = models.load(HERE.parent / "model_data" / "urban.safetensors")
    text = put(text, "urban_OA", f"{net.card['metrics']['test']['OA']:.3f}", inline=True)
    README.write_text(text)
    card = net.card
    text = put(CARD.read_text(), "scores", card_table(card))
    training = card["training"]
    settings = ", ".join(f"{name} {value}" for name, value in training["settings"].items())
    facts = [["series", ", ".join(f"{n} {part}" for part, n in training["series"].items())],
             ["split", f"{training['split']}, seed {training['seed']}"], ["settings", settings],
             ["best epoch", f"{training['best_epoch']} of {training['epochs']}"],
             ["CPU minutes", str(training["cpu_minutes"])], ["parameters", f"{training['parameters']:,}"],
             ["cost of a change", f"{card['switch_cost']} nats, chosen on the validation part"]]
    text = put(text, "training", markdown(["what", "how"], facts))
    real = pd.read_csv(HERE / "simulated_on_real.csv").astype(str)
    CARD.write_text(put(text, "real", markdown(list(real), real.to_numpy().tolist())))


def accuracy_table(rows):
    """One row a network: the mean over the seeds, and their spread where there are several."""
    lines = []
    for (network, recipe), runs in rows.groupby(["network", "recipe"], sort=False):
        cells = [cell(runs[score]) for score in NAMES]
        name = f"`{network}`" + (" `--recipe paper`" if recipe == "paper" else "")
        size, minutes = f"{runs['parameters'].iloc[0]:,}", f"{runs['cpu_minutes'].mean():.1f}"
        lines.append([name, *cells, size, minutes, str(len(runs))])
    return markdown(["network", *NAMES.values(), "parameters", "CPU minutes", "seeds"], lines)


def cell(values):
    spread = f" ± {values.std():.4f}" if len(values) > 1 else ""
    return f"{values.mean():.4f}{spread}"


def gaps_table(rows):
    head = ["network", "seed", "as they are", "six in a row", "30 % missing", "50 % missing", "ECE"]
    columns = ["OA", "OA_6_in_a_row", "OA_30_missing", "OA_50_missing", "ECE"]
    lines = [[f"`{row['network']}`", str(row["seed"]), *(f"{row[name]:.4f}" for name in columns)]
             for row in rows.to_dict("records")]
    return markdown(head, lines)


def speed_table(speed):
    head = ["network", "precision", "backend", "series a second", "x `fcn`", "MFLOP a series", "of the matrix rate"]
    lines = [[f"`{row.network}`", row.precision, row.backend, f"{row.series_per_second:,}", f"{row.ratio:.1f}",
              f"{row.MFLOP:.1f}", f"{row.share_of_matrix_rate:.0%}"] for row in speed.itertuples()]
    return markdown(head, lines)


def card_table(card):
    """Scores of the shipped weights on the test part of their training data, as their file holds them."""
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
