"""A coarse look at each scene before anything is read in full: it decides the offsets."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from compositing import offsets
from compositing.deciding import decide_all
from compositing.grid import probe_geobox
from compositing.monthly import clear_of
from compositing.plan import Chosen, find_scenes, too_many
from compositing.reading import Reader, Unreadable
from compositing.table import records_of, trusted_rows
from utils.errors import InputError

LOOKERS = 16  # scenes looked at at once: most of the time is waiting
LOOKED_AT = (*offsets.JUDGED, "SCL")


@dataclass(frozen=True)
class Glances:
    """How scenes are looked at. grid: a coarse one; masked: classes of the scene classification."""

    reader: Reader
    grid: GeoBox
    masked: tuple

    def look(self, scene):
        """(Pixels, surface) of a scene, see `offsets`; text: why it cannot be read."""
        try:
            *numbers, classes = [self.reader.glance(scene, band, self.grid) for band in LOOKED_AT]
        except Unreadable as error:
            return str(error)
        values = np.stack(numbers)
        clear = clear_of(classes, self.masked, 0)
        return offsets.look(values, clear, classes), offsets.surface_of(values, clear)


def look_at_scenes(reader, plan, masked, rows, allow_missing):
    """The plan with the offsets decided; unreadable scenes unused.

    rows: of the table of the stack that is extended. Raises InputError if more than
    `allow_missing` scenes are unreadable, or all of them.
    """
    glances = Glances(reader, probe_geobox(plan.geobox), tuple(masked))
    with ThreadPoolExecutor(LOOKERS) as pool:
        records = records_of(rows, surfaces_before(glances, plan.geobox, rows, pool))
        looked = [one for one in plan.chosen if one.unused]
        scenes, looks = [], {}
        for scene, found in glances_of(glances, plan, pool):
            if isinstance(found, str):
                looked.append(Chosen(scene, unused=found))
                check_readable(looked, allow_missing)
            else:
                scenes.append(scene)
                looks[scene.id] = found
    decisions = decide_all(scenes, looks, records)
    looked += [Chosen(s, looks[s.id][0], decisions[s.id]) for s in scenes]
    if all(one.unused for one in looked):
        raise too_many(unreadable(looked), 0)
    return replace(plan, chosen=sorted(looked, key=lambda one: one.scene.order))


def glances_of(glances, plan, pool):
    """Pairs (scene, what `Glances.look` found) of all scenes of a plan, with a bar."""
    scenes = [one.scene for one in plan.used]
    found = tqdm(pool.map(glances.look, scenes), total=len(scenes), unit="scene", desc="offsets")
    return zip(scenes, found)


def check_readable(looked, allow_missing):
    """Raise InputError if more scenes than allowed cannot be read."""
    if len(unreadable(looked)) > allow_missing:
        raise too_many(unreadable(looked), allow_missing)


def unreadable(looked):
    """Those that were tried and cannot be read."""
    return [one for one in looked if "cannot be read" in one.unused]


def surfaces_before(glances, geobox, rows, pool):
    """{id: surface} of the scenes with which those of later months are compared.

    They are looked at again. One that is not there any more, or cannot be read, is left out.
    """
    trusted = trusted_rows(rows)[-offsets.COMPARED :]
    if not trusted:
        return {}
    wanted = {row["scene"] for row in trusted}
    months = np.array([row["time"][:7] for row in trusted], "datetime64[M]")
    scenes = []
    with suppress(InputError):  # the catalogue has no scene of these months any more
        found = find_scenes(glances.reader.catalogue, geobox, months)
        scenes = [one.scene for one in found if one.scene.id in wanted]
    looks = dict(zip([s.id for s in scenes], pool.map(glances.look, scenes)))
    return {name: found[1] for name, found in looks.items() if not isinstance(found, str)}
