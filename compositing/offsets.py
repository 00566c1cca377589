"""What must be taken off a scene's numbers: 1000, or nothing. Decided scene by scene.

From processing baseline 04.00 on, Sentinel-2 L2A stores reflectance x 10^4 + 1000. Some catalogues
hold scenes from which the 1000 is off already, whatever their metadata say. Metadata alone are
therefore not enough, and the date tells nothing: Collection 1 has new baselines on old dates.

Three things are asked, the first that answers decides:
1. The pixels. With the 1000 in, practically no number is below 1000: that would be reflectance
   below zero. Without it, dark land, water and shadow are far below 1000.
2. Other scenes of the area up to the same month: do all bands lie 1000 higher than theirs, and
   what held for scenes with the same metadata?
3. The metadata: baseline, the catalogue's flag, the catalogue's offset.
Only scenes up to the same month are asked, so that a stack extended later has the same values.
"""

from dataclasses import dataclass

import numpy as np

OFFSET = -1000  # of reflectance x 10^4, what baseline 04.00 and later ask to be added
FIRST_BASELINE = "04.00"
JUDGED = ("B2", "B3", "B4", "B12")  # dark somewhere on nearly all land
# The 1000 is off already when at least this share of the pixels, and FEWEST of them, has its
# darkest band below the number. With the 1000 in, these numbers are reflectances of -0.01, -0.02,
# -0.03: noise over water and in shadow seldom gets to the first, hardly ever to the others.
BELOW = ((900, 0.10), (800, 0.01), (700, 0.003))
FEWEST = 3
NOISE = 0.005  # share of pixels below 1000 up to which the 1000 may be in
DARK_END = (950, 1600)  # where the darkest hundredth lies when the 1000 is in
ENOUGH = 100  # clear pixels that say something when nothing is below 1000
NEAR = 300  # bands of two scenes agree when they differ by less, reflectance x 10^4
COMPARED = 10  # earlier scenes that a scene is compared with
FEWEST_COMPARED = 3


@dataclass(frozen=True)
class Pixels:
    """What a coarse look at a scene showed.

    clear: clear pixels seen; below: share of them with the darkest band below 900, 800, 700, 1000;
    shaded: the first three of all pixels with data, clouds and shadows too; dark: hundredth part
    of the darkest band; levels: tenth part of each judged band.
    """

    clear: int
    seen: int
    below: tuple
    shaded: tuple
    dark: float
    levels: tuple


@dataclass(frozen=True)
class Decision:
    """offset: added to the scene's numbers; by: pixels, comparison, same metadata or metadata."""

    offset: int
    by: str
    evidence: str


def look(values, clear):
    """Pixels of the judged bands. values: (4, y, x) stored numbers, 0 = no data; clear: (y, x)."""
    seen = (values > 0).all(axis=0)
    clear = clear & seen
    darkest = values.min(axis=0)
    limits = [limit for limit, _ in BELOW]
    if not clear.any():
        below, dark, levels = (0.0,) * 4, np.nan, (np.nan,) * len(JUDGED)
    else:
        below = tuple(float((darkest[clear] < limit).mean()) for limit in (*limits, 1000))
        dark = float(np.percentile(darkest[clear], 1))
        levels = tuple(float(v) for v in np.percentile(values[:, clear], 10, axis=1))
    number = max(1, int(seen.sum()))
    shaded = tuple(float((darkest[seen] < limit).sum() / number) for limit in limits)
    return Pixels(int(clear.sum()), int(seen.sum()), below, shaded, dark, levels)


def pixels_say(pixels):
    """0: the 1000 is off already; -1000: it is in; None: these pixels do not tell."""
    for (_, share), clear, shaded in zip(BELOW, pixels.below, pixels.shaded):
        enough_clear = clear >= share and clear * pixels.clear >= FEWEST
        enough_shaded = shaded >= share and shaded * pixels.seen >= FEWEST
        if enough_clear or enough_shaded:
            return 0
    low, high = DARK_END
    if pixels.clear >= ENOUGH and pixels.below[-1] <= NOISE and low <= pixels.dark <= high:
        return OFFSET
    return None


def others_say(pixels, known):
    """0 or -1000 where all judged bands lie as, or 1000 above, those of scenes before; else None.

    known: levels of scenes decided by their pixels, offset applied, (n, 4), the latest last.
    """
    if len(known) < FEWEST_COMPARED or pixels.clear < ENOUGH:
        return None
    higher = np.array(pixels.levels) - np.median(known[-COMPARED:], axis=0)
    if (abs(higher + OFFSET) < NEAR).all():
        return OFFSET
    return 0 if (abs(higher) < NEAR).all() else None


def metadata_say(scene):
    """Offset by the metadata alone, and in words why."""
    flag, offset = scene.offset_applied, scene.catalogue_offset
    said = [] if offset is None else [f"catalogue's offset {offset}"]
    said += [] if flag is None else [f"flag of an applied offset {str(flag).lower()}"]
    if not scene.baseline:
        found = OFFSET if offset == OFFSET and flag is not True else 0
        return found, ", ".join(["no baseline", *said])
    said = [f"baseline {scene.baseline}", *said]
    if scene.baseline < FIRST_BASELINE:
        return 0, f"baseline {scene.baseline}, before {FIRST_BASELINE}"
    return (0 if flag is True else OFFSET), ", ".join(said)


def decide(scene, pixels, known, alike):
    """Decision for one scene.

    known: see `others_say`; alike: offsets of scenes decided by their pixels whose metadata are the
    same.
    """
    stated, why = metadata_say(scene)
    seen, others = pixels_say(pixels), others_say(pixels, known)
    share = f"{100 * max(pixels.below[-1], pixels.shaded[0]):.1f} % of the pixels below 1000"
    if scene.baseline and scene.baseline < FIRST_BASELINE:
        if seen == OFFSET and others == OFFSET:
            return Decision(OFFSET, "comparison", f"{why}, but all bands 1000 above earlier scenes")
        return Decision(0, "pixels" if seen == 0 else "metadata", f"{why}; {share}")
    if seen == 0:
        return Decision(0, "pixels", f"{share}; {why}")
    if others is not None:
        return Decision(others, "comparison", f"bands beside earlier scenes; {share}; {why}")
    if seen == OFFSET and stated == OFFSET:
        return Decision(OFFSET, "pixels", f"{share}; {why}")
    if alike and len(set(alike)) == 1:
        return Decision(alike[0], "same metadata", f"as scenes with the same metadata; {why}")
    if seen == OFFSET:
        return Decision(OFFSET, "pixels", f"{share}; {why}")
    return Decision(stated, "metadata", f"the pixels do not tell; {why}")


def decide_all(scenes, pixels, before=()):
    """Decision of each scene: {id: Decision}. pixels: {id: Pixels}; before: as `records` returns.

    Scenes of one month inform each other and all months after, never a month before.
    """
    decisions, records = {}, list(before)
    for month in sorted({scene.month for scene in scenes}):
        group = [scene for scene in scenes if scene.month == month]
        first = {s.id: decide_beside(s, pixels[s.id], records) for s in group}
        shown = [record(s, pixels[s.id], first[s.id]) for s in group]
        for scene in group:
            others = [*records, *(r for r in shown if r["id"] != scene.id)]
            decisions[scene.id] = decide_beside(scene, pixels[scene.id], others)
        records += [record(s, pixels[s.id], decisions[s.id]) for s in group]
    return decisions


def decide_beside(scene, pixels, records):
    """Decision for a scene beside the records of others."""
    sure = [r for r in records if r["by"] == "pixels" and r["clear"] >= ENOUGH]
    known = np.array([np.add(r["levels"], r["offset"]) for r in sure])
    alike = [r["offset"] for r in records if r["by"] == "pixels" and r["said"] == said(scene)]
    return decide(scene, pixels, known, alike)


def said(scene):
    """What the metadata say, as one text: scenes with the same text were handled alike."""
    return f"{scene.collection}|{scene.baseline}|{scene.catalogue_offset}|{scene.offset_applied}"


def record(scene, pixels, decision):
    """What later months need to know of a scene."""
    return {
        "id": scene.id,
        "by": decision.by,
        "offset": decision.offset,
        "clear": pixels.clear,
        "levels": pixels.levels,
        "said": said(scene),
    }
