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
    shown = [record_of(scene, looks) for scene in scenes]
    told = [one for one in (*records, *shown) if one.odds]
    known = [one.surface for one in records if one.surface is not None]
    decisions = {}
    for month in sorted({scene.month for scene in scenes}):
        group = [scene for scene in scenes if scene.month == month]
        decided = decide_month(group, looks, told, known)
        known += trusted_surfaces(looks, decided).values()
        known = known[-offsets.COMPARED :]
        decisions |= decided
    return decisions


def record_of(scene, looks):
    """Record of a scene that is not decided yet."""
    pixels, _ = looks[scene.id]
    return Record(scene.id, scene.time, metadata_of(scene), pixels.odds)


def decide_month(scenes, looks, told, known):
    """Decisions for the scenes of one month: {id: Decision}.

    told: records of all scenes whose pixels tell something; known: surfaces of the months before.
    Scenes of one month are compared with each other, never with those of a later month.
    """
    first = {}
    for scene in scenes:
        first[scene.id] = decide_beside(scene, looks[scene.id], told, known)
    surfaces = trusted_surfaces(looks, first)
    decisions = {}
    for scene in scenes:
        beside = [surface for name, surface in surfaces.items() if name != scene.id]
        decisions[scene.id] = decide_beside(scene, looks[scene.id], told, [*known, *beside])
    return decisions


def decide_beside(scene, look, told, known):
    """Decision for a scene beside others."""
    pixels, surface = look
    said = metadata_of(scene)
    alike = [one for one in told if one.metadata == said and one.id != scene.id]
    alike.sort(key=lambda one: abs(one.time - scene.time))
    odds = [one.odds for one in alike[: offsets.NEAREST]]
    departure = offsets.unusual(surface, known)
    return offsets.decide(scene, pixels, departure, odds)


def trusted_surfaces(looks, decisions):
    """Reflectances that later scenes are compared with, of the trusted scenes: {id: surface}."""
    surfaces = {}
    for name, decision in decisions.items():
        pixels, surface = looks[name]
        if surface is not None and is_trusted(pixels, decision):
            surfaces[name] = offsets.reflectance_of(surface, decision.offset)
    return surfaces


def is_trusted(pixels, decision):
    return pixels.mostly_clear and abs(decision.odds) >= offsets.TOLD
