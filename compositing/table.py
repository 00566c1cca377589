"""scenes.csv beside the stack: each scene, its offset and on what evidence, used or why not."""

import csv
from pathlib import Path

from compositing.offsets import Record, metadata_of
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
    "mostly_clear",
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
            "mostly_clear": "yes" if pixels.mostly_clear else "no",
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
    """Rows of a table, none where there is no table."""
    if not Path(path).is_file():
        return []
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def trusted_rows(rows):
    """Rows of mostly clear scenes whose pixels told the offset."""
    return [r for r in rows if r["decided_by"] == "pixels" and r["mostly_clear"] == "yes"]


def records_of(rows, surfaces):
    """`offsets.Record` of each decided scene of a stack that is extended.

    surfaces: {scene: stored numbers of the judged bands}, see `offsets.surface_of`.
    """
    records = []
    for row in rows:
        if row["decided_by"]:
            offset, surface = int(row["offset"]), surfaces.get(row["scene"])
            shifted = None if surface is None else surface + offset
            said = row["decided_by"], offset, row["metadata"]
            records.append(Record(row["scene"], *said, shifted))
    return records
