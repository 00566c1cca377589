"""From what the user asks for to what is to be done: grid, months, scenes and their offsets."""

from collections import Counter
from dataclasses import asdict, dataclass, field

import numpy as np
from odc.geo.geobox import GeoBox

from compositing import offsets
from compositing.grid import degrees_of, share_covered
from compositing.scenes import (
    ASSETS,
    Scene,
    drop_twins,
    number_passes,
    scene_of,
    with_own_names,
)
from compositing.store import BYTES
from utils.errors import InputError, note

READ = 2 * (4 + 6 / 4) + 1 / 4  # bytes of a pixel of a scene: four bands of 10 m, six of 20 m, SCL
LARGE = (11_000**2, 100e9)  # pixels (one Sentinel-2 tile) and bytes of a stack that need --yes


@dataclass(frozen=True)
class Chosen:
    """A scene and what was decided about it. unused: why it is left out, '' where it is used."""

    scene: Scene
    pixels: offsets.Pixels | None = None
    decision: offsets.Decision | None = None
    unused: str = ""


@dataclass(frozen=True)
class Plan:
    """What a run does. first: position of `months` in the stack; chosen: of all scenes."""

    geobox: GeoBox
    months: np.ndarray
    first: int
    chosen: list = field(default_factory=list)

    @property
    def used(self):
        return [one for one in self.chosen if not one.unused]


def find_scenes(catalogue, geobox, months):
    """Scenes of the area and the months, sorted, each a Chosen. Raises InputError without any."""
    bbox, scenes, broken = degrees_of(geobox), [], []
    for item, resolve in catalogue.items(bbox, months[0], months[-1]):
        try:
            scene = scene_of(item, resolve)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            broken.append(f"{item.get('id', 'an item without id')} ({error!r})")
            continue
        inside = months[0] <= scene.month <= months[-1]
        if inside and share_covered(bbox, scene.footprint) > 0:
            scenes.append(scene)
    if broken:
        note(f"{len(broken)} items are no scenes, such as {broken[0]}")
    if not scenes:
        area = ",".join(f"{v:.4f}" for v in bbox)
        raise InputError(
            f"--catalog {catalogue}: no scene of {area} from {months[0]} to {months[-1]}; expected "
            "at least one (--bbox is W,S,E,N in degrees)"
        )
    return without_twins(catalogue, scenes)


def without_twins(catalogue, scenes):
    """Chosen of all scenes; second listings of a sensing, and scenes without all files, unused."""
    whole, chosen = [], []
    for scene in scenes:
        lacking = [band for band in ASSETS if band not in scene.assets]
        if lacking:
            chosen.append(Chosen(scene, unused=f"has no file of {', '.join(lacking)}"))
        else:
            whole.append(scene)
    if not whole:
        lack = Counter(one.unused for one in chosen).most_common(1)[0][0]
        raise InputError(
            f"--catalog {catalogue}: every scene {lack}; expected files of {', '.join(ASSETS)}"
        )
    kept, dropped = drop_twins(whole)
    for scene, twin in dropped:
        newer = f"baseline {twin.baseline or 'unknown'}, made {twin.generation or 'unknown'}"
        chosen.append(Chosen(scene, unused=f"same sensing as {twin.id} ({newer})"))
    chosen += [Chosen(scene) for scene in with_own_names(kept)]
    return sorted(chosen, key=lambda one: one.scene.order)


def check_size(plan, catalogue, yes):
    """Say what the run takes. Raises InputError for a very large one without `yes`."""
    pixels = plan.geobox.shape[0] * plan.geobox.shape[1]
    bbox = degrees_of(plan.geobox)
    shares = sum(share_covered(bbox, one.scene.footprint) for one in plan.used)
    reading = pixels * READ * shares
    writing = pixels * BYTES * len(plan.months)
    height, width = plan.geobox.shape
    line = (
        f"{width} x {height} pixels, {plan.months[0]} to {plan.months[-1]}: {len(plan.used)} "
        f"scenes of {catalogue}, at most {size(reading)} to read, stack of at most {size(writing)}"
    )
    if (pixels > LARGE[0] or writing > LARGE[1]) and not yes:
        raise InputError(f"{line}: very large; --yes makes it all the same")
    print(line)


def size(number):
    """A number of bytes as people write it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            break
        number, larger = number / 1000, unit
    return f"{number:.3g} {unit if number < 1000 else larger}"


def too_many(failed, allow_missing):
    """The InputError for more unreadable scenes than allowed."""
    return InputError(
        f"{len(failed)} scenes cannot be read, such as {failed[0].scene.id}: {failed[0].unused}; "
        f"expected at most {allow_missing} (--allow-missing); --resume goes on with what is there"
    )


def overflights(plan):
    """Number of the overflight of each used scene: {id: number}."""
    return number_passes([one.scene for one in plan.used])


def as_json(plan):
    """A plan as what JSON holds."""
    return {
        "crs": plan.geobox.crs.to_wkt(),
        "transform": list(plan.geobox.transform.to_gdal()),
        "shape": list(plan.geobox.shape),
        "months": [str(month) for month in plan.months],
        "first": plan.first,
        "chosen": [asdict(one) | {"scene": scene_as_json(one.scene)} for one in plan.chosen],
    }


def scene_as_json(scene):
    return asdict(scene) | {"time": str(scene.time)}


def from_json(content):
    """A plan as `as_json` gave it."""
    from affine import Affine

    geobox = GeoBox(content["shape"], Affine.from_gdal(*content["transform"]), content["crs"])
    chosen = [chosen_from_json(**one) for one in content["chosen"]]
    months = np.array(content["months"], "datetime64[M]")
    return Plan(geobox, months, content["first"], chosen)


def chosen_from_json(scene, pixels, decision, unused):
    scene = Scene(**scene | {"time": np.datetime64(scene["time"], "s")})
    pixels = pixels and offsets.Pixels(**pixels)
    return Chosen(scene, pixels, decision and offsets.Decision(**decision), unused)
