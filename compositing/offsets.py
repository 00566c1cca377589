"""What must be taken off a scene's numbers: 1000, or nothing. Decided scene by scene.

From processing baseline 04.00 on, Sentinel-2 L2A stores reflectance x 10^4 + 1000. Some catalogues
hold scenes from which the 1000 is off already, whatever their metadata say. Metadata alone are
therefore not enough, and the date tells nothing: Collection 1 has new baselines on old dates.

A baseline before 04.00 has no offset. For the other scenes these are asked, the first that answers
decides:
1. The pixels. With the 1000 in, practically no number is below 1000: that would be reflectance
   below zero. Without it, dark land, water and shadow are far below 1000.
2. Scenes of the area with the same metadata, whose pixels told.
3. All scenes of the area whose pixels told: are the darkest pixels of a clear scene 1000 brighter?
4. The metadata: baseline, the catalogue's flag, the catalogue's offset.
Only scenes up to the same month are asked, so that a stack extended later has the same values.
"""

from dataclasses import dataclass

import numpy as np

OFFSET = -1000  # of reflectance x 10^4, what baseline 04.00 and later ask to be added
FIRST_BASELINE = "04.00"
JUDGED = ("B2", "B3", "B4", "B12")  # dark somewhere on nearly all land
# (rank, number, share): the 1000 is off already when at least this share of the pixels has its
# darkest (0) or second darkest (1) band below the number. With the 1000 in, these numbers are
# reflectances from -0.005 to -0.03: noise over water and in shadow, or too much haze taken off the
# blue band, in few pixels and hardly ever in two bands at once. A clear scene without the 1000 is
# far below in most of its pixels, so much is asked of it; what clouds leave free may be little.
SHIFTED_CLEAR = ((0, 900, 0.05), (1, 950, 0.05))
SHIFTED_CLOUDY = ((0, 900, 0.01), (0, 700, 0.003), (1, 950, 0.01))
FEWEST = 3  # pixels
NOISE = 0.005  # share of pixels below 1000 up to which the 1000 may be in
DARK_END = (950, 1600)  # where the darkest hundredth lies when the 1000 is in
ENOUGH = 100  # clear pixels that say something when nothing is below 1000
MOSTLY = 0.5  # share of clear pixels that makes a scene trusted: what is left of clouds lifts all
# bands too, by chance by 1000
NEAR = 300  # by which the darkest pixels of clear scenes may leave their range, reflectance x 10^4
ALIKE = 9  # latest scenes of the same metadata that are asked
COMPARED = 20  # latest scenes that a scene is compared with
FEWEST_COMPARED = 3


@dataclass(frozen=True)
class Pixels:
    """What a coarse look at a scene showed.

    clear, seen: clear pixels, pixels with data; shifted: are they too dark for the 1000 to be in;
    below: share of the clear pixels with the darkest band below 1000; dark: darkest hundredth of
    the darkest band.
    """

    clear: int
    seen: int
    shifted: bool
    below: float
    dark: float

    @property
    def mostly_clear(self):
        return are_most(self.clear, self.seen)


@dataclass(frozen=True)
class Decision:
    """offset: added to the scene's numbers; by: pixels, same metadata, comparison or metadata."""

    offset: int
    by: str
    evidence: str


def look(values, clear):
    """Pixels of the judged bands. values: (4, y, x) stored numbers, 0 = no data; clear: (y, x)."""
    seen = (values > 0).all(axis=0)
    clear = clear & seen
    ranked = np.sort(values, axis=0)
    if are_most(clear.sum(), seen.sum()):
        shifted = too_dark(ranked[:, clear], SHIFTED_CLEAR)
    else:  # shadows of clouds tell too
        shifted = any(too_dark(ranked[:, mask], SHIFTED_CLOUDY) for mask in (clear, seen))
    if not clear.any():
        return Pixels(0, int(seen.sum()), shifted, 0.0, np.nan)
    darkest = ranked[0, clear]
    return Pixels(
        int(clear.sum()),
        int(seen.sum()),
        shifted,
        float((darkest < -OFFSET).mean()),
        float(np.percentile(darkest, 1)),
    )


def are_most(clear, seen):
    """Are so many of the seen pixels clear that the scene may be trusted?"""
    return bool(clear >= max(ENOUGH, MOSTLY * seen))


def too_dark(ranked, shares):
    """Are numbers (4, n), the darkest band first, too dark for the 1000 to be in?"""
    for rank, limit, share in shares:
        below = int((ranked[rank] < limit).sum())
        if below >= max(FEWEST, share * ranked.shape[1]):
            return True
    return False


def pixels_say(pixels):
    """0: the 1000 is off already; -1000: it is in; None: these pixels do not tell."""
    if pixels.shifted:
        return 0
    low, high = DARK_END
    if pixels.clear >= ENOUGH and pixels.below <= NOISE and low <= pixels.dark <= high:
        return OFFSET
    return None


def alike_say(offsets):
    """What held for all of the latest scenes with the same metadata; None: they disagree."""
    latest = set(offsets[-ALIKE:])
    return latest.pop() if len(latest) == 1 else None


def others_say(pixels, known):
    """0 or -1000: the darkest pixels lie in the range of other scenes, or 1000 above; else None.

    known: darkest hundredths of mostly clear scenes whose pixels told, offset added, latest last.
    """
    if len(known) < FEWEST_COMPARED or not pixels.mostly_clear:
        return None
    latest = known[-COMPARED:]
    low, high = min(latest) - NEAR, max(latest) + NEAR
    fitting = [offset for offset in (0, OFFSET) if low <= pixels.dark + offset <= high]
    return fitting[0] if len(fitting) == 1 else None


def is_old(scene):
    """Was the 1000 not yet in use, and does nothing in the metadata say otherwise?"""
    named = scene.name_baseline or scene.baseline
    newest = max(scene.baseline, named)
    return bool(scene.baseline) and newest < FIRST_BASELINE and scene.catalogue_offset != OFFSET


def metadata_say(scene):
    """Offset by the metadata alone."""
    if scene.offset_applied is True:
        return 0
    if not scene.baseline:
        return OFFSET if scene.catalogue_offset == OFFSET else 0
    return OFFSET if scene.baseline >= FIRST_BASELINE else 0


def in_words(scene, pixels):
    """What was found out about a scene, in words."""
    said = [f"{100 * pixels.below:.1f} % of {pixels.clear} clear pixels below 1000"]
    said.append(f"baseline {scene.baseline or 'unknown'}")
    if scene.name_baseline not in ("", scene.baseline):
        said.append(f"{scene.name_baseline} in the name")
    if scene.catalogue_offset is not None:
        said.append(f"catalogue's offset {scene.catalogue_offset}")
    if scene.offset_applied is not None:
        said.append(f"catalogue's flag of an applied offset {str(scene.offset_applied).lower()}")
    return ", ".join(said)


def decide(scene, pixels, known, alike):
    """Decision for one scene. known: see `others_say`; alike: offsets of scenes with the same
    metadata whose pixels told, the latest last.
    """
    seen, others, words = pixels_say(pixels), others_say(pixels, known), in_words(scene, pixels)
    if is_old(scene):
        if seen == others == OFFSET:
            return Decision(OFFSET, "comparison", words)
        return Decision(0, "pixels" if seen == 0 else "metadata", words)
    stated = metadata_say(scene)
    sure = seen == 0 or (seen == stated and pixels.mostly_clear)
    if sure:
        return Decision(seen, "pixels", words)
    same = alike_say(alike)
    for answer, by in ((others, "comparison"), (same, "same metadata"), (seen, "pixels")):
        if answer is not None:
            return Decision(answer, by, words)
    return Decision(stated, "metadata", words)


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
    sure = [r for r in records if r["by"] == "pixels"]
    known = [r["dark"] + r["offset"] for r in sure if r["mostly_clear"]]
    alike = [r["offset"] for r in sure if r["metadata"] == metadata_of(scene)]
    return decide(scene, pixels, known, alike)


def metadata_of(scene):
    """What the metadata say, as one text: scenes with the same text were handled alike."""
    named = f"name {scene.name_baseline or '-'}, baseline {scene.baseline or '-'}"
    flag, offset = scene.offset_applied, scene.catalogue_offset
    return f"{scene.collection or '-'}, {named}, offset {offset}, applied {flag}"


def record(scene, pixels, decision):
    """What later months need to know of a scene."""
    return {
        "id": scene.id,
        "by": decision.by,
        "offset": decision.offset,
        "mostly_clear": pixels.mostly_clear,
        "dark": pixels.dark,
        "metadata": metadata_of(scene),
    }
