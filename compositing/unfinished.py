"""The work folder of a stack, OUT.part: the plan, the stack as far as it is, what is done.

A window that is done leaves a small file. An interrupted run goes on with the windows that are not
done, with the scenes and offsets that were decided at its start.
"""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from compositing.plan import from_json
from utils.errors import InputError
from utils.files import claimed, written_whole

PLAN = "plan.json"  # while it is there, the work is not finished


def work_folder(out):
    """Where the stack `out` is made."""
    out = Path(out)
    return out.with_name(f"{out.name}.part")


@contextmanager
def held(folder):
    """Hold the work folder; it goes when the work is finished or was never begun."""
    with claimed(folder):
        try:
            yield folder
        finally:
            if not (folder / PLAN).is_file():
                shutil.rmtree(folder, ignore_errors=True)


def clear(folder):
    """Throw away what an earlier run left in the work folder."""
    (folder / PLAN).unlink(missing_ok=True)
    for name in ("stack", "done", "old"):
        shutil.rmtree(folder / name, ignore_errors=True)


def save_plan(folder, request, plan):
    """Keep what was asked for and what was decided, both as JSON holds them."""
    with written_whole(folder / PLAN) as file:
        file.write_text(json.dumps({"request": request, "plan": plan}), encoding="utf-8")


def load_plan(folder, request):
    """The plan of an interrupted run. Raises InputError where that run was asked for otherwise."""
    try:
        content = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        old, plan = content["request"], from_json(content["plan"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / PLAN}: is damaged; --overwrite starts over") from error
    new = json.loads(json.dumps(request))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise InputError(
                f"{folder}: begun with {key} {old.get(key)}, now {new.get(key)}; expected the same "
                "to go on (--overwrite starts over)"
            )
    return plan


def mark_path(folder, task):
    return folder / "done" / f"{task.name}.json"


def save_counts(folder, task, counts):
    """Note that a window is written. counts: {scene: (pixels with data, clear ones)}."""
    with written_whole(mark_path(folder, task)) as file:
        file.write_text(json.dumps(counts), encoding="utf-8")


def load_counts(folder, task):
    """What `save_counts` kept of a window; None where it is not written with these very scenes."""
    try:
        counts = json.loads(mark_path(folder, task).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return counts if counts.keys() == {look.scene.id for look in task.looks} else None


def publish(folder, out):
    """Give the finished stack its name; an older stack of that name goes."""
    new, old = folder / "stack", folder / "old"
    if not new.exists():
        return  # an interrupted run came this far
    if out.exists():
        os.replace(out, old)
    os.replace(new, out)
    shutil.rmtree(old, ignore_errors=True)


def finish(folder):
    """The work is finished: `held` removes the folder."""
    (folder / PLAN).unlink()
