"""Every command in a README, another page or a docstring of a script can be given as it stands.

Which commands are run, and which are only parsed:

- Run here as they stand, on tiny data under the names that the README uses: those in RUN and in
  AREA below. Only a flag that shortens the work is added. For `benchmarks/tables.py` and
  `benchmarks/house.py` see tests/test_benchmarks.py.
- Run by CI as it stands: `bash tests/run.sh`, and with it the installation of all requirements.
- All others need hours, data at hand, a catalogue or a GPU. Here it is tested that the script
  exists and that its own parser takes every flag. What the script does with such flags is tested in
  its own test file, on tiny data.
"""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache

import pytest

import assess
import demo
import label
import map as map_script
import run
from data_loader import save_samples
from tests.conftest import ROOT, make_samples
from tests.label_files import write_land

QUICK = ["--epochs", "1", "--threads", "1"]
RUN = {
    "python run.py --data mine.csv --split site": (run, QUICK),
    "python run.py --resume": (run, []),
    "python demo.py --data mine.csv --changed": (
        demo,
        ["--weights", "model_data/mine.safetensors"],
    ),
    "python run.py --adapt new_area.npz --start model_data/mine.safetensors": (run, QUICK),
}
AREA = {
    "python map.py X.zarr": (map_script, []),
    "python label.py X.zarr --product 2020=worldcover_2020.tif --out X.npz": (
        label,
        ["--samples", "200", "--steps", "20"],
    ),
    "python assess.py design maps/X --points 600 --out assess/X": (
        assess,
        ["--points", "60", "--minimum", "5"],
    ),
    "python assess.py report assess/X": (assess, []),
}
PROGRAMS = ("python", "python3", "pip", "bash", "torchrun")
LEFT_OUT = "..."  # a page shows one flag of a command, not all that it needs


def pages():
    """All pages of the repository, and the scripts whose docstring shows commands."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [*listed.stdout.split(), *(path.name for path in ROOT.glob("*.py"))]
    return [*names, *(f"benchmarks/{path.name}" for path in (ROOT / "benchmarks").glob("*.py"))]


def commands_of(page):
    """The commands that a page shows: in indented or fenced blocks, or inline between backticks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.endswith(".py"):
        match = re.match(r'r?"""(.*?)"""', text, flags=re.S)
        text = match[1] if match else ""
    joined = re.sub(r"\\+\n\s*", "", text)  # a line that goes on
    fenced = re.findall(r"^```\w*\n(.*?)^```", joined, flags=re.M | re.S)
    lines = [line for block in fenced for line in block.splitlines()]
    lines += [line for line in joined.splitlines() if line.startswith("    ")]
    if page.endswith(".py"):  # a docstring that was not indented
        lines += [line for line in joined.splitlines() if not line.startswith(" ")]
    prose = re.sub(r"^```.*?^```", "", joined, flags=re.M | re.S)
    lines += [" ".join(inline.split()) for inline in re.findall(r"`([^`]+)`", prose)]
    found = []
    for line in lines:
        for part in re.sub(r"\s#.*", "", line).split("&&"):
            words = part.split()
            while words and re.fullmatch(r"[A-Z_]+=\S+", words[0]):  # OMP_NUM_THREADS=1
                words.pop(0)
            if words and words[0].removeprefix(".venv/bin/") in PROGRAMS and len(words) > 1:
                found.append(" ".join([words[0].removeprefix(".venv/bin/"), *words[1:]]))
    return list(dict.fromkeys(found))


ALL = sorted({(command, page) for page in pages() for command in commands_of(page)})


@cache
def parser_of(script):
    """The parser of a script."""
    spec = importlib.util.spec_from_file_location(f"readme_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_parser()


def script_and_flags(words):
    """('python', 'run.py', '--data', ...) -> ('run.py', ['--data', ...]); None if there is none."""
    if "-m" in words:
        return None, []
    for place, word in enumerate(words):
        if word.endswith(".py"):
            return word, words[place + 1 :]
    return None, []


def flags_of(parser):
    """All flags that a parser and its subcommands know."""
    known = set(parser._option_string_actions)
    for action in parser._actions:
        for each in getattr(action, "choices", None) or []:
            if isinstance(action.choices, dict) and hasattr(action.choices[each], "_actions"):
                known |= flags_of(action.choices[each])
    return known


def test_the_pages_show_commands():
    assert len(ALL) > 40 and ("python run.py --data mine.csv --split site", "README.md") in ALL
    known = {command for command, _ in ALL}
    assert {*RUN, *AREA} <= known, "a command that is run here is no longer shown"


@pytest.mark.parametrize("command, page", ALL)
def test_a_command_can_be_given_as_it_stands(command, page):
    words = shlex.split(command)
    script, flags = script_and_flags(words)
    if words[0] == "pip":
        for file in [word for word in words if word.endswith(".txt")]:
            assert (ROOT / file).is_file(), f"{page}: {file} does not exist"
    elif words[0] == "bash":
        assert (ROOT / words[1]).is_file(), f"{page}: {words[1]} does not exist"
    elif script is not None:
        assert (ROOT / script).is_file(), f"{page}: {script} does not exist"
        parser = parser_of(ROOT / script)
        if "--help" in flags or LEFT_OUT in command:
            shown = {flag for flag in flags if flag.startswith("--")}
            assert shown <= flags_of(parser), f"{page}: unknown flags in {command}"
        else:
            parser.parse_args(flags)
    else:
        assert words[1] == "-m" and words[2] in ("venv", "pytest"), f"{page}: {command}"


def test_the_commands_of_a_user_with_own_samples_run_as_they_stand(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    samples = make_samples(60)
    write_table(samples, "mine.csv")
    save_samples("new_area.npz", samples)
    for command, (script, added) in RUN.items():
        flags = shlex.split(command)[2:]
        if command.endswith("--resume"):  # goes on with a run that was interrupted
            next(tmp_path.glob("runs/*/scores.json")).unlink()
            flags += ["--data", "mine.csv"]
        monkeypatch.setattr(sys, "argv", [script.__name__, *flags, *added])
        script.main()
        for weights in tmp_path.glob("model_data/mine-patchnet.safetensors"):
            weights.replace(tmp_path / "model_data" / "mine.safetensors")
    assert list(tmp_path.glob("runs/*/scores.json")) and list(tmp_path.glob("runs/demo/*.png"))
    assert "OA" in capsys.readouterr().out


def test_the_commands_of_a_user_with_an_area_run_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model_data").mkdir()
    shutil.copy(ROOT / "model_data" / "world.safetensors", "model_data")
    write_land(tmp_path)
    (tmp_path / "city.zarr").rename("X.zarr")
    for command, (script, added) in AREA.items():
        if command == "python assess.py report assess/X":
            interpret(tmp_path / "assess" / "X")
        monkeypatch.setattr(sys, "argv", [script.__name__, *shlex.split(command)[2:], *added])
        script.main()
    for made in ("maps/X/index.html", "maps/X/changes.gpkg", "X.npz", "assess/X/report/report.md"):
        assert (tmp_path / made).stat().st_size > 0, made


def interpret(folder):
    """Fill in points.csv as an interpreter who sees woodland everywhere would."""
    import pandas as pd

    points = pd.read_csv(folder / "points.csv")
    months = [column for column in points if re.fullmatch(r"\d{4}-\d\d", column)]
    points[months] = "woodland"
    points.to_csv(folder / "reference.csv", index=False)


def write_table(samples, path):
    """The samples as a long table, as the README describes it."""
    import pandas as pd

    n, bands, steps = samples.x.shape
    table = pd.DataFrame(
        {
            "sample": samples.ids.repeat(steps),
            "month": [str(month) for month in samples.months] * n,
            "label": [samples.legend.names[k] for k in samples.y.ravel()],
            "site": samples.site.repeat(steps),
        }
    )
    for place, band in enumerate(samples.bands):
        table[band] = samples.x[:, place].ravel()
    table.to_csv(path, index=False)


def test_links_between_pages_lead_somewhere():
    for page in [page for page in pages() if page.endswith(".md")]:
        text = (ROOT / page).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in link:
                assert ((ROOT / page).parent / link).exists(), f"{page}: {link}"
