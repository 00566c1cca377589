"""What must be taken off a scene's numbers: 1000, or nothing. Decided scene by scene.

From processing baseline 04.00 on, Sentinel-2 L2A stores reflectance x 10^4 + 1000. Some catalogues
hold scenes from which the 1000 is off already, whatever their metadata say. Metadata alone are
therefore not enough, and the date tells nothing: Collection 1 has new baselines on old dates.

Each piece of evidence is a number: the logarithm of the odds that the 1000 is in, above zero for
in. A scene's evidence is summed, and the sign of the sum decides:
1. The pixels. With the 1000 in, practically no number is below 900: that would be reflectance below
   zero. Without it, vegetation, water and shadow are far below 900.
2. What the metadata state, and what the pixels of scenes with the same metadata told. These may be
   scenes of any month.
3. The latest clear scenes of the area: are the same pixels 1000 brighter? Only scenes up to the
   same month are asked.
"""

from dataclasses import dataclass

import numpy as np

OFFSET = -1000  # of reflectance x 10^4, what baseline 04.00 and later ask to be added
FIRST_BASELINE = "04.00"
JUDGED = ("B2", "B3", "B4", "B12")  # dark somewhere on nearly all land
BLUE, RED = JUDGED.index("B2"), JUDGED.index("B4")
DARK_CLASSES = (4, 6)  # of the scene classification: vegetation and water

# (rank, number, share): the 1000 is off already when at least this share of the pixels has its
# darkest (0) or second darkest (1) band below the number. With the 1000 in, these numbers are
# reflectances from -0.005 to -0.03: noise over water and in shadow, or too much haze taken off the
# blue band, in few pixels and hardly ever in two bands at once. A clear scene without the 1000 is
# far below in most of its pixels, so much is asked of it; what clouds leave free may be little.
SHIFTED_CLEAR = ((0, 900, 0.05), (0, 700, 0.003), (1, 950, 0.05))
SHIFTED_CLOUDY = ((0, 900, 0.01), (0, 700, 0.003), (1, 950, 0.01))
FEWEST = 3  # pixels
DARK_END = 1600  # below it lies the darkest hundredth of vegetation or water when the 1000 is in
ENOUGH = 100  # clear pixels that say something when hardly one is below 900
MOSTLY = 0.5  # share of clear pixels that makes a scene trusted: what is left of clouds lifts all
# bands too, by chance by 1000

# Logarithms of odds.
CERTAIN = 20
DARK_LAND = 5  # vegetation or water, clear, with hardly a pixel below 900
ANY_LAND = 1  # other land with hardly a pixel below 900: sand, salt and snow are bright
BETWEEN_CLOUDS = 0.5  # hardly a pixel below 900, but clouds brighten all of it
HAZY = 1.5  # vegetation or water, nearly clear, but bright all over: the less haze, the likelier
STATED = 1.5  # what the metadata say of a new baseline
ALIKE_SAY = 4.5  # what many scenes with the same metadata tell, if they agree
DISSENT = 0.2  # share of them that may tell otherwise
OLD = -6  # what the metadata say of a baseline before 04.00
ALL_THE_SAME = 2  # an old baseline, and the 1000 is in wherever the pixels tell
TOLD = 3  # from which a scene counts as one whose pixels told, or is compared with
# Bare land reflects about half as much blue as red; one standard deviation is a factor of 1.35.
# Bright sand is too red to be true once 1000 is off twice.
BLUE_OF_RED, FACTOR = 0.5, 1.35
MOST_BY_COLOUR = 6

NEAREST = 9  # nearest scenes of the same metadata that are asked
COMPARED = 9  # latest clear scenes that a scene is compared with, pixel by pixel
FEWEST_COMPARED = 3
FINEST = 64  # pixels on a side of the surfaces that are compared
# How far the judged bands of the same land depart from what they usually are, reflectance x 10^4:
# fields are ploughed and harvested, and that shows least in blue. Thin haze adds to all of them, by
# Angstrom's law with an exponent of 1.3 from 490 nm on, here with this mean in blue.
SPREAD = np.array([150, 150, 250, 500])
HAZE = (490 / np.array([490, 560, 665, 2190])) ** 1.3
USUAL_HAZE = 400
# Between clouds, what adds is cloud too: more of it, and greyer. Shadows darken all bands.
THIN_CLOUD = (490 / np.array([490, 560, 665, 2190])) ** 0.9
USUAL_CLOUD = 700
SHADOW = 0.1
BRIGHT_SPREAD = 0.15  # of the reflectance, at least: bright land changes by more
STRANGE = 8  # cost from which this cannot be the same land: snow, or a cloud that was missed
MOST_COMPARED = 3


@dataclass(frozen=True)
class Pixels:
    """What a coarse look at a scene showed.

    clear, seen: clear pixels, pixels with data; odds: logarithm of the odds that the 1000 is in, by
    these pixels alone; below: share of the clear pixels with the darkest band below 1000.
    """

    clear: int
    seen: int
    odds: float
    below: float

    @property
    def mostly_clear(self):
        return are_most(self.clear, self.seen)


@dataclass(frozen=True)
class Decision:
    """offset: added to the scene's numbers; by: pixels, same metadata, comparison or metadata;
    odds: logarithm of the odds that the 1000 is in, by all evidence.
    """

    offset: int
    by: str
    evidence: str
    odds: float = 0.0


def look(values, clear, classes):
    """Pixels of the judged bands. values: (4, y, x) stored numbers, 0 = no data; clear: (y, x);
    classes: (y, x) of the scene classification.
    """
    seen = (values > 0).any(axis=0)
    clear = clear & seen
    numbers = np.where(values > 0, values, 65535)  # a band may lack data: providers clip at 0
    ranked = np.sort(numbers, axis=0)
    dark = np.isin(classes, DARK_CLASSES)
    odds = odds_of(numbers, ranked, clear, seen, dark)
    darkest = ranked[0, clear]
    below = float((darkest < -OFFSET).mean()) if darkest.size else 0.0
    return Pixels(int(clear.sum()), int(seen.sum()), odds, below)


def odds_of(numbers, ranked, clear, seen, dark):
    """Logarithm of the odds that the 1000 is in. ranked: numbers, the darkest band first."""
    if are_shifted(ranked, clear, seen):
        return -CERTAIN
    if not clear.any():
        return 0
    if not are_most(clear.sum(), seen.sum()):
        return BETWEEN_CLOUDS
    dark = dark & clear
    if dark.sum() >= ENOUGH:
        return DARK_LAND if np.percentile(ranked[0, dark], 1) < DARK_END else HAZY
    return ANY_LAND + odds_by_colour(numbers[:, clear])


def are_shifted(ranked, clear, seen):
    """Are numbers too dark for the 1000 to be in?"""
    if are_most(clear.sum(), seen.sum()):
        return too_dark(ranked[:, clear], SHIFTED_CLEAR)
    return any(too_dark(ranked[:, mask], SHIFTED_CLOUDY) for mask in (clear, seen))


def odds_by_colour(numbers):
    """Logarithm of the odds that the 1000 is in, by the colour of bare land. numbers: (4, n)."""
    blue = np.median(numbers[BLUE])
    red = np.median(numbers[RED])
    off = too_red(blue, red)
    within = too_red(blue + OFFSET, red + OFFSET)
    return float(np.clip(off - within, -MOST_BY_COLOUR, MOST_BY_COLOUR))


def too_red(blue, red):
    """How improbable it is that bare land has this colour: - log of the probability."""
    ratio = max(blue, 1) / max(red, 1)
    return (np.log(ratio / BLUE_OF_RED) / np.log(FACTOR)) ** 2 / 2


def surface_of(values, clear):
    """Judged bands (4, y, x) uint16 of the clear pixels, 0 elsewhere; at most 64 pixels or so on a
    side. None if no pixel is clear.
    """
    step = max(1, round(max(clear.shape) / FINEST))
    clear = clear[::step, ::step]
    if not clear.any():
        return None
    values = values[:, ::step, ::step].astype(np.uint16)
    return np.where(clear, values, np.uint16(0))


def reflectance_of(surface, offset):
    """A surface as float32 with the offset added, NaN where there is none."""
    return np.where(surface > 0, surface + np.float32(offset), np.float32(np.nan))


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


def unusual(surface, known):
    """By how much each judged band is brighter than in other scenes, and how bright it is there:
    two (4,); None if unknown.

    surface: see `surface_of`; known: reflectances of trusted scenes, the latest last. The median of
    the pixels counts.
    """
    if surface is None or len(known) < FEWEST_COMPARED:
        return None
    known = np.stack(known[-COMPARED:])
    numbers = reflectance_of(surface, 0)
    never_known = np.isnan(known).all(axis=0)
    seen = ~(np.isnan(numbers) | never_known).any(axis=0)
    if seen.sum() < FEWEST:
        return None
    usual = np.nanmedian(known[:, :, seen], axis=0)
    apart = np.median(numbers[:, seen] - usual, axis=1)
    return apart, np.median(usual, axis=1)


def cost(apart, spread, haze_colour, usual_haze):
    """How improbable it is that the same land departs by this much (4,): - log of the probability.

    A departure is haze, exponentially distributed, plus normally distributed change of the land.
    """
    weights = haze_colour / spread**2
    likeliest = (weights @ apart - 1 / usual_haze) / (weights @ haze_colour)
    haze = max(0, likeliest)
    change = (apart - haze * haze_colour) / spread
    return haze / usual_haze + (change**2).sum() / 2


def odds_by_comparison(departure, mostly_clear):
    """Logarithm of the odds that the 1000 is in: what makes the land look as it usually does?

    departure: see `unusual`.
    """
    if departure is None:
        return 0
    apart, usual = departure
    if mostly_clear:
        spread = np.maximum(SPREAD, BRIGHT_SPREAD * usual)
        haze = (HAZE, USUAL_HAZE)
    else:
        spread = SPREAD + SHADOW * usual
        haze = (THIN_CLOUD, USUAL_CLOUD)
    off = cost(apart, spread, *haze)
    within = cost(apart + OFFSET, spread, *haze)
    if min(off, within) > STRANGE:
        return 0
    return float(np.clip(off - within, -MOST_COMPARED, MOST_COMPARED))


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


def odds_by_metadata(scene, own, alike):
    """Logarithm of the odds that the 1000 is in, by what the metadata state and by `alike`: odds by
    the pixels of scenes with the same metadata. own: by the scene's own pixels.
    """
    if is_old(scene):
        all_odds = [own, *alike]
        within = [odds for odds in all_odds if odds >= TOLD]
        return ALL_THE_SAME if len(within) >= FEWEST and min(all_odds) >= 0 else OLD
    stated = STATED if metadata_say(scene) == OFFSET else -STATED
    # Weak evidence never adds up against the statement: it is the same bright land in each scene.
    told = [odds > 0 for odds in alike if odds * stated > 0 or abs(odds) >= TOLD]
    within, number = sum(told), len(told)
    if min(within, number - within) > DISSENT * number:
        return 0.0  # scenes with the same metadata were not handled alike: it tells nothing
    weight = number / (number + 1)
    return (1 - weight) * stated + weight * (ALIKE_SAY if 2 * within > number else -ALIKE_SAY)


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


def decide(scene, pixels, departure, alike):
    """Decision for one scene. departure: see `unusual`; alike: odds by the pixels of scenes with
    the same metadata.
    """
    evidence = {
        "pixels": pixels.odds,
        "comparison": odds_by_comparison(departure, pixels.mostly_clear),
        "same metadata" if alike else "metadata": odds_by_metadata(scene, pixels.odds, alike),
    }
    odds = sum(evidence.values())
    sign = 1 if odds > 0 else -1
    by = max(evidence, key=lambda name: sign * evidence[name])
    return Decision(OFFSET if odds > 0 else 0, by, in_words(scene, pixels), round(odds, 2))
