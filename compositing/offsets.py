"""What must be taken off a scene's numbers: 1000, or nothing. Decided scene by scene.

From processing baseline 04.00 on, Sentinel-2 L2A stores reflectance x 10^4 + 1000. Some catalogues
hold scenes from which the 1000 is off already, whatever their metadata say. Metadata alone are
therefore not enough, and the date tells nothing: Collection 1 has new baselines on old dates.

A baseline before 04.00 has no offset. For the other scenes these are asked, the first that answers
decides:
1. The pixels. With the 1000 in, practically no number is below 1000: that would be reflectance
   below zero. Without it, dark land, water and shadow are far below 1000.
2. Scenes of the area with the same metadata, whose pixels told, where there are many.
3. The latest clear scenes of the area whose pixels told: are the same pixels 1000 brighter?
4. The metadata: baseline, the catalogue's flag, the catalogue's offset.
Only scenes up to the same month are asked, so that a stack extended later has the same values.
"""

from dataclasses import dataclass, replace

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
ALIKE = 9  # latest scenes of the same metadata that are asked
MANY = 5  # such scenes that weigh more than a comparison
COMPARED = 9  # latest clear scenes that a scene is compared with, pixel by pixel
FEWEST_COMPARED = 3
# How far the judged bands of the same land depart from what they usually are, reflectance x 10^4:
# fields are ploughed and harvested, and that shows least in blue. Thin haze adds to all of them, by
# Angstrom's law with an exponent of 1.3 from 490 nm on, here with this mean in blue.
SPREAD = np.array([150, 150, 250, 500])
HAZE = (490 / np.array([490, 560, 665, 2190])) ** 1.3
USUAL_HAZE = 400
STRANGE = 8  # cost from which this cannot be the same land: snow, or a cloud that was missed
SURELY = 1  # by which the costs must differ, else the comparison does not tell


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


def surface_of(values, clear):
    """Judged bands (4, y, x) float32, NaN where a pixel is not clear. Arguments as in `look`."""
    return np.where(clear & (values > 0).all(axis=0), values, np.float32(np.nan))


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


def unusual(surface, known):
    """By how much each judged band is brighter than in other scenes: (4,), None if unknown.

    surface: see `surface_of`; known: surfaces of mostly clear scenes whose pixels told, offset
    added, the latest last. The median of the pixels counts.
    """
    if len(known) < FEWEST_COMPARED:
        return None
    known = np.stack(known[-COMPARED:])
    seen = ~np.isnan(surface[0]) & ~np.isnan(known[:, 0]).all(axis=0)
    if seen.sum() < FEWEST:
        return None
    usual = np.nanmedian(known[:, :, seen], axis=0)
    return np.median(surface[:, seen] - usual, axis=1)


def cost(apart):
    """How improbable it is that the same land departs by this much (4,): - log of the probability.

    A departure is haze, exponentially distributed, plus normally distributed change of the land.
    """
    weights = HAZE / SPREAD**2
    haze = max(0, (weights @ apart - 1 / USUAL_HAZE) / (weights @ HAZE))
    return haze / USUAL_HAZE + (((apart - haze * HAZE) / SPREAD) ** 2).sum() / 2


def others_say(apart):
    """0 or -1000: which makes the land look as it usually does; None: the comparison does not tell.

    apart: see `unusual`.
    """
    if apart is None:
        return None
    off, within = cost(apart), cost(apart + OFFSET)
    if min(off, within) > STRANGE or abs(off - within) < SURELY:
        return None
    return 0 if off < within else OFFSET


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


def decide(scene, pixels, others, alike):
    """Decision for one scene. others: as `others_say`; alike: offsets of scenes with the same
    metadata whose pixels told, the latest last.
    """
    seen, words = pixels_say(pixels), in_words(scene, pixels)
    if is_old(scene):
        if seen == others == OFFSET and pixels.mostly_clear:  # what is left of clouds is bright
            return Decision(OFFSET, "comparison", words)
        return Decision(0, "pixels" if seen == 0 else "metadata", words)
    stated = metadata_say(scene)
    if seen == 0 or (seen == stated and pixels.mostly_clear):
        return Decision(seen, "pixels", words)
    same = alike_say(alike)
    answers = [(others, "comparison"), (same, "same metadata"), (seen, "pixels")]
    if len(alike) >= MANY:
        answers.insert(0, (same, "same metadata"))
    for answer, by in answers:
        if answer is not None:
            return Decision(answer, by, words)
    return Decision(stated, "metadata", words)


def decide_month(scenes, looks, records):
    """Decisions for the scenes of one month: {id: Decision}.

    looks: {id: (Pixels, surface)}; records: of the months before, see `record`. Scenes of one month
    inform each other and all months after, never a month before.
    """
    first = {s.id: decide_beside(s, looks[s.id], records) for s in scenes}
    shown = [record(s, looks[s.id], first[s.id]) for s in scenes]
    decisions = {}
    for scene in scenes:
        others = [*records, *(r for r in shown if r.id != scene.id)]
        decisions[scene.id] = decide_beside(scene, looks[scene.id], others)
    return decisions


def decide_beside(scene, look, records):
    """Decision for a scene beside the records of others."""
    pixels, surface = look
    known = [r.surface for r in records if r.surface is not None]
    said = metadata_of(scene)
    alike = [r.offset for r in records if r.by == "pixels" and r.metadata == said]
    return decide(scene, pixels, others_say(unusual(surface, known)), alike)


def metadata_of(scene):
    """What the metadata say, as one text: scenes with the same text were handled alike."""
    named = f"name {scene.name_baseline or '-'}, baseline {scene.baseline or '-'}"
    flag, offset = scene.offset_applied, scene.catalogue_offset
    return f"{scene.collection or '-'}, {named}, offset {offset}, applied {flag}"


@dataclass(frozen=True)
class Record:
    """What later months need to know of a scene. surface: with the offset added, None where the
    scene is not to be compared with.
    """

    id: str
    by: str
    offset: int
    metadata: str
    surface: np.ndarray | None = None


def record(scene, look, decision):
    """Record of a decided scene."""
    pixels, surface = look
    trusted = decision.by == "pixels" and pixels.mostly_clear
    return Record(
        scene.id,
        decision.by,
        decision.offset,
        metadata_of(scene),
        surface + decision.offset if trusted else None,
    )


def remembered(records):
    """Records without the surfaces that are too old to be compared with."""
    old = [r for r in records if r.surface is not None][:-COMPARED]
    names = {r.id for r in old}
    return [replace(r, surface=None) if r.id in names else r for r in records]
