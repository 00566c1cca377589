"""From what the user asks for to the finished stack: plan, compose what is missing, publish."""

import shutil
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from compositing import grid, store, unfinished
from compositing.catalogues import open_catalogue
from compositing.figures import draw_stack, figure_path
from compositing.looking import check_readable, look_at_scenes
from compositing.plan import (
    Plan,
    as_json,
    check_size,
    find_scenes,
    overflights,
)
from compositing.reading import Reader
from compositing.request import completed, months_after, parse_month, parse_months, request_of
from compositing.table import read_table, row_of, table_path, write_table
from compositing.windows import Job, Look, Task, composite_window
from utils.errors import InputError, note
from utils.memory import give_back_memory
from utils.workers import open_workers, stream


def composite(out, *, resume=False, overwrite=False, **choices):
    """Make a monthly stack of Sentinel-2 composites, or add months to one; returns its path.

    out: the Zarr.
    bbox (W, S, E, N in degrees), area (a GeoJSON or GeoPackage file) or like (a raster): where.
    months: 'YYYY-MM:YYYY-MM', both included. extend: 'YYYY-MM' instead, the month up to which the
    stack `out` is continued.
    catalog, collection: where scenes are looked for; None: planetary-computer, sentinel-2-l2a.
    mask: classes of the scene classification that are no observation; they grow by cloud_buffer
    pixels of 10 m. resampling: of bands that do not lie on the grid. method: median or medoid.
    What is not given of these is as `request.SETTINGS` says, or as in the stack that is extended.
    allow_missing: unreadable scenes that do not end the run.
    workers, scheduler: as in map.py. window: pixels on a side, a multiple of 256.
    retries, pause (seconds, doubled each time), timeout (seconds): of each file.
    yes: also a very large area.
    Raises InputError.
    """
    out = Path(out)
    if not out.name:
        raise InputError(f"--out {out}: has no name; expected a name for the stack: city.zarr")
    request, way = request_of(choices)
    folder = unfinished.work_folder(out)
    begun = (folder / unfinished.PLAN).is_file()
    if resume and not begun and is_finished(out, request.extend):
        print(f"{out}: finished already")
        return out
    if out.exists() and not begun and not request.extend:
        if not overwrite:
            raise InputError(
                f"{out}: exists; --extend YYYY-MM adds months, --overwrite starts over"
            )
        store.existing(out)  # nothing else may be overwritten
    with unfinished.held(folder):
        begun = (folder / unfinished.PLAN).is_file()
        if begun and not (resume or overwrite):
            raise InputError(
                f"{folder}: holds an unfinished stack; --resume goes on, --overwrite starts over"
            )
        run(out, folder, request, way, go_on=begun and resume)
    print(f"{out}: look at {figure_path(out)} first; {table_path(out).name} names every scene")
    return out


def is_finished(out, extend):
    """Is the stack there, and does it reach the month up to which it was to be extended?"""
    if not out.exists():
        return False
    return not extend or store.existing(out)[1][-1] == parse_month(extend)


def run(out, folder, request, way, go_on):
    """Make the stack in its work folder and publish it."""
    before, rows, settings = None, [], None
    if request.extend:
        before = store.existing(out)
        rows = read_table(table_path(out))
        settings = before[2]
    request = completed(request, settings, rows[-1]["catalogue"] if rows else None)
    source = open_catalogue(
        request.catalog, request.collection, retries=way.retries, timeout=way.timeout
    )
    reader = Reader(source, request.resampling, way.pauses, way.timeout)
    if go_on:
        plan = unfinished.load_plan(folder, asdict(request))
    else:
        unfinished.clear(folder)
        plan = make_plan(request, way, reader, before, rows)
        begin(out, folder, request, plan, before)
    plan, counts = compose_all(folder, plan, request, way, reader)
    with store.writing(out):
        store.remove_partial(folder / "stack")
        if request.extend:
            store.append(out, folder / "stack", plan.first)
        else:
            unfinished.publish(folder, out)
    first = str(plan.months[0])
    kept = [row for row in rows if row["time"][:7] < first]
    new = [row_of(one, source, counts.get(one.scene.id)) for one in plan.chosen]
    write_table(table_path(out), [*kept, *new])
    draw_stack(out)
    unfinished.finish(folder)


def make_plan(request, way, reader, before, rows):
    """Grid, months, scenes and their offsets."""
    if before is None:
        geobox, months, first = request.geobox, parse_months(request.months), 0
    else:
        geobox, old, _ = before
        months = months_after(old, request.extend)
        first = len(old)
    plan = Plan(geobox, months, first, find_scenes(reader.catalogue, geobox, months))
    check_size(plan, reader.catalogue, way.yes)
    with_scenes = {str(one.scene.month) for one in plan.used}
    empty = [str(month) for month in months if str(month) not in with_scenes]
    if empty:
        note(f"no scene in {', '.join(empty)}; no observation there")
    return look_at_scenes(reader, plan, request.mask, rows, way.allow_missing)


def begin(out, folder, request, plan, before):
    """Write an empty stack and the plan to the work folder."""
    check_space(out, plan)
    months = plan.months if before is None else np.concatenate([before[1], plan.months])
    with store.writing(out):
        store.create(folder / "stack", plan.geobox, months, request.settings)
    unfinished.save_plan(folder, asdict(request), as_json(plan))


def check_space(out, plan):
    """Raise InputError if the disk cannot hold the stack, were it not to be compressed at all."""
    there = out.resolve().parent
    while not there.exists():
        there = there.parent
    height, width = plan.geobox.shape
    needed = height * width * len(plan.months) * store.BYTES
    free = shutil.disk_usage(there).free
    if free < needed:
        raise InputError(
            f"{out}: {free / 1e9:.1f} GB free on its disk; expected at least {needed / 1e9:.1f} GB"
        )


def tasks_of(plan, window):
    """All windows of all months, month by month, with the scenes that reach into them."""
    numbers = overflights(plan)
    by_month = {month: [] for month in plan.months}
    for one in plan.used:
        look = Look(one.scene, one.decision.offset, numbers[one.scene.id])
        by_month[one.scene.month].append(look)
    return [
        Task(plan.first + step, part, tuple(by_month[month]))
        for step, month in enumerate(plan.months)
        for part in grid.windows_of(plan.geobox, window)
    ]


def compose_all(folder, plan, request, way, reader):
    """Compose the windows that are missing. Returns the plan without unreadable scenes, and
    {scene: (pixels with data, clear ones)}.

    A scene that fails in one window is left out of all: its month is composed again without it.
    """
    job = Job(
        reader,
        plan.geobox,
        str((folder / "stack").resolve()),
        tuple(request.mask),
        request.cloud_buffer,
        request.method,
    )
    while True:
        tasks = tasks_of(plan, way.window)
        failures = compose_missing(folder, job, tasks, way) if (folder / "stack").exists() else {}
        if not failures:
            return plan, total_counts(folder, tasks)
        chosen = [
            replace(one, unused=failures.get(one.scene.id, one.unused)) for one in plan.chosen
        ]
        plan = replace(plan, chosen=chosen)
        check_readable(chosen, way.allow_missing)


def compose_missing(folder, job, tasks, way):
    """Compose the windows that are not done; returns {scene: why it cannot be read}."""
    missing = [task for task in tasks if unfinished.load_counts(folder, task) is None]
    failures = {}
    if not missing:
        return failures
    area = {task.name: task.window.height * task.window.width for task in tasks}
    total = sum(area.values())
    todo = sum(area[task.name] for task in missing)
    bar = tqdm(total=total, initial=total - todo, unit="px", unit_scale=True, desc="compositing")
    with bar, open_workers(way.workers, way.scheduler) as workers:
        for task, (counts, failed) in stream(workers, partial(composite_window, job), missing):
            if failed:
                failures |= failed
                if len(failures) > way.allow_missing:
                    return failures
            else:
                unfinished.save_counts(folder, task, counts)
                bar.update(area[task.name])
                give_back_memory()  # else the heap grows with the number of windows
    return failures


def total_counts(folder, tasks):
    """{scene: [pixels with data, clear ones]} of the whole area."""
    totals = {}
    for task in tasks:
        for scene, counts in (unfinished.load_counts(folder, task) or {}).items():
            total = totals.setdefault(scene, [0, 0])
            totals[scene] = [a + b for a, b in zip(total, counts)]
    return totals
