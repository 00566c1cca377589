"""scenes.csv beside the stack: each scene, its offset and on what evidence, used or why not."""

import csv
from pathlib import Path

import numpy as np

from compositing import offsets
from compositing.deciding import Record, is_trusted, metadata_of
from utils.errors import InputError
from utils.files import written_whole

COLUMNS = [
    "scene",
    "catalogue",
    "time",
    "tile",
    "baseline",
    "generation",
    "used",
    "why_not",
    "offset",
    "decided_by",
    "evidence",
    "clear_share",
    "metadata",
    "pixels_odds",
    "trusted",
]


def table_path(stack):
    """scenes.csv of a stack: city.zarr -> city_scenes.csv."""
    stack = Path(stack)
    return stack.with_name(f"{stack.stem}_scenes.csv")


def row_of(one, catalogue, counts):
    """The row of a scene. counts: (pixels with data, clear ones) in the area, None if unknown."""
    scene, pixels, decision = one.scene, one.pixels, one.decision
    row = {
        "scene": scene.id,
        "catalogue": str(catalogue),
        "time": f"{scene.time}Z",
        "tile": scene.tile,
        "baseline": scene.baseline,
        "generation": scene.generation,
        "used": "no" if one.unused else "yes",
        "why_not": one.unused,
        "metadata": metadata_of(scene),
    }
    if decision:
        row |= {
            "offset": decision.offset,
            "decided_by": decision.by,
            "evidence": decision.evidence,
            "pixels_odds": pixels.odds,
            "trusted": "yes" if is_trusted(pixels, decision) else "no",
        }
    if counts and not one.unused:
        row["clear_share"] = f"{counts[1] / max(1, counts[0]):.4f}"
    return row


def write_table(path, rows):
    """Write all rows, in the order of time."""
    rows = sorted(rows, key=lambda row: (row["time"], row["tile"], row["scene"]))
    with written_whole(path) as file, open(file, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def read_table(path):
    """Rows of a table, none where there is no table. Raises InputError if columns are missing."""
    if not Path(path).is_file():
        return []
    with open(path, newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
    if missing:
        raise InputError(
            f"{path}: columns {', '.join(missing)} missing; expected the table of a stack that "
            "this composite.py made. Make the stack anew to add months to it (--overwrite)"
        )
    return rows


def trusted_rows(rows):
    """Rows of scenes that later ones are compared with."""
    return [row for row in rows if row["trusted"] == "yes"]


def records_of(rows, surfaces):
    """`deciding.Record` of each decided scene of a stack that is extended.

    surfaces: {scene: stored numbers of the judged bands}, see `offsets.surface_of`.
    """
    records = []
    for row in rows:
        if not row["decided_by"]:
            continue
        time = np.datetime64(row["time"].rstrip("Z"), "s")
        odds = float(row["pixels_odds"])
        surface = surfaces.get(row["scene"])
        if surface is not None:
            surface = offsets.reflectance_of(surface, int(row["offset"]))
        records.append(Record(row["scene"], time, row["metadata"], odds, surface))
    return records
