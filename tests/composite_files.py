"""A stack of composite.py in five months, and runs of it that are killed."""

import os
import signal
import subprocess
import sys

from compositing import composite
from tests.conftest import ROOT
from tests.stac_checks import PLAIN
from tests.stac_scenes import SceneSpec, bbox_of, write_catalogue


def make_five_months(folder):
    """Scenes of five months that take four windows, and the stack of an uninterrupted run."""
    specs = []
    for month in range(1, 6):
        how = {"side": 260, "baseline": "05.10", "added": 1000}
        specs.append(SceneSpec(f"2022-0{month}-05T10:50:00Z", **how))
        specs.append(SceneSpec(f"2022-0{month}-15T10:50:00Z", cloud=0.4, **how))
    catalogue = write_catalogue(folder, specs)
    how = {"bbox": bbox_of(specs[0]), "catalog": str(catalogue), "window": 256, **PLAIN}
    composite(folder / "whole.zarr", months="2022-01:2022-05", **how)
    return folder, how


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from compositing import {module} as module, composite
count, usual = 0, module.{name}
def dying(*given, **named):
    global count
    count += 1
    if count == {turn}:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(*given, **named)
module.{name} = dying
composite({out!r}, **{how!r})
"""


def killed_at(place, turn, out, **how):
    """Make a stack in a process that is killed where it calls a function for the `turn`th time."""
    module, name = place.split(".")
    code = KILLED.format(root=str(ROOT), module=module, name=name, turn=turn, out=str(out), how=how)
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=300,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
