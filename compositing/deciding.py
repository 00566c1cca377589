"""The offsets of all scenes of a run: each is decided beside the others, see `offsets`."""

from dataclasses import dataclass

import numpy as np

from compositing import offsets


@dataclass(frozen=True)
class Record:
    """What other scenes need to know of a scene.

    odds: by its pixels, see `offsets.Pixels`; surface: reflectances that later scenes are compared
    with, None where the scene is not trusted.
    """

    id: str
    time: np.datetime64
    metadata: str
    odds: float
    surface: np.ndarray | None = None


def metadata_of(scene):
    """What the metadata say, as one text: scenes with the same text were handled alike."""
    named = f"name {scene.name_baseline or '-'}, baseline {scene.baseline or '-'}"
    flag, offset = scene.offset_applied, scene.catalogue_offset
    return f"{scene.collection or '-'}, {named}, offset {offset}, applied {flag}"


def decide_all(scenes, looks, records=()):
    """Decisions for all scenes of a run: {id: Decision}.

    looks: {id: (Pixels, surface)}, see `offsets`; records: of the stack that is extended.
    """
    shown = [Record(s.id, s.time, metadata_of(s), looks[s.id][0].odds) for s in scenes]
    told = [one for one in (*records, *shown) if one.odds]
    known = [one.surface for one in records if one.surface is not None]
    decisions = {}
    for month in sorted({scene.month for scene in scenes}):
        group = [scene for scene in scenes if scene.month == month]
        decisions |= decide_month(group, looks, told, known)
        trusted = [trusted_surface(looks[s.id], decisions[s.id]) for s in group]
        known = [*known, *(one for one in trusted if one is not None)][-offsets.COMPARED :]
    return decisions


def decide_month(scenes, looks, told, known):
    """Decisions for the scenes of one month: {id: Decision}.

    told: records of all scenes whose pixels tell something; known: surfaces of the months before.
    Scenes of one month are compared with each other, never with those of a later month.
    """
    first = {s.id: decide_beside(s, looks[s.id], told, known) for s in scenes}
    surfaces = {s.id: trusted_surface(looks[s.id], first[s.id]) for s in scenes}
    decisions = {}
    for scene in scenes:
        beside = [v for name, v in surfaces.items() if name != scene.id and v is not None]
        decisions[scene.id] = decide_beside(scene, looks[scene.id], told, [*known, *beside])
    return decisions


def decide_beside(scene, look, told, known):
    """Decision for a scene beside others."""
    pixels, surface = look
    said = metadata_of(scene)
    alike = [one for one in told if one.metadata == said and one.id != scene.id]
    nearest = sorted(alike, key=lambda one: abs(one.time - scene.time))[: offsets.NEAREST]
    departure = offsets.unusual(surface, known)
    return offsets.decide(scene, pixels, departure, [one.odds for one in nearest])


def trusted_surface(look, decision):
    """Reflectances that later scenes are compared with, None where the scene is not trusted."""
    pixels, surface = look
    if surface is None or not is_trusted(pixels, decision):
        return None
    return offsets.reflectance_of(surface, decision.offset)


def is_trusted(pixels, decision):
    return pixels.mostly_clear and abs(decision.odds) >= offsets.TOLD
