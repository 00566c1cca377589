"""Do the tests notice a change of the code? Small changes are made one at a time, and tests run.

    python benchmarks/mutants.py models/decode.py --tests tests/test_decode.py
    python benchmarks/mutants.py training/loop.py training/recipe.py --most 40 \
        --tests tests/test_training.py tests/test_recipe.py

A change that no test notices is printed with its line. It is either harmless (the code does the
same), or a test is missing. The changes are made in a copy of the tree, never in the tree itself.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
from tqdm import tqdm

from utils.errors import InputError, run_main
from utils.flags import Parser, whole_number

ROOT = Path(__file__).parents[1]
OTHER_SIGN = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.And: "or",
    ast.Or: "and",
}


@dataclass(frozen=True)
class Change:
    """A piece of a file, by its place in the text, and what is put there instead."""

    path: str
    line: int
    start: int
    stop: int
    new: str


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("files", nargs="+", help="source files, from the root of the repository")
    parser.add_argument(
        "--tests", nargs="+", required=True, help="test files, or other pytest words"
    )
    parser.add_argument(
        "--most", type=whole_number(at_least=1), default=30, help="changes per file, drawn"
    )
    parser.add_argument("--seed", type=whole_number(at_least=0), default=0, help="of the draw")
    parser.add_argument(
        "--timeout", type=whole_number(at_least=1), default=300, help="seconds of a run of tests"
    )
    return parser


def main():
    options = make_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        leave = shutil.ignore_patterns(".git", "runs", "__pycache__", "maps")
        shutil.copytree(ROOT, copy, ignore=leave)
        if not noticed_nothing(copy, options.tests, options.timeout):
            raise InputError(
                f"{' '.join(options.tests)}: fail without any change; expected to pass"
            )
        killed, survivors = 0, []
        for change in tqdm(drawn(options.files, options.most, options.seed), unit="change"):
            if survives(change, copy, options.tests, options.timeout):
                survivors.append(change)
                tqdm.write(described(change))
            else:
                killed += 1
    print(f"{killed} changes noticed, {len(survivors)} not")


def drawn(files, most, seed):
    """Up to `most` changes of each file, drawn with the seed, in the order of the lines."""
    chosen = []
    for path in files:
        found = changes_of(path, (ROOT / path).read_text())
        some = random.Random(seed).sample(found, min(most, len(found)))
        chosen += sorted(some, key=lambda change: change.start)
    return chosen


def changes_of(path, text):
    """All changes of a file's text that this script knows: a list of Change."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def place(node):
        return (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
        )

    tree, found = ast.parse(text), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            found.append((place(node.left)[1], place(node.comparators[0])[0], node.ops[0]))
        elif isinstance(node, ast.BinOp):
            found.append((place(node.left)[1], place(node.right)[0], node.op))
        elif isinstance(node, ast.BoolOp):
            found.append((place(node.values[0])[1], place(node.values[1])[0], node.op))
        elif isinstance(node, ast.If | ast.IfExp):
            found.append((*place(node.test), "not"))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            found.append((*place(node), node.value))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.append((*place(node), "pass"))
    written = text.encode()
    changes = [
        Change(path, written[:start].count(b"\n") + 1, start, stop, new)
        for start, stop, kind in found
        if (new := instead_of(kind, written[start:stop].decode())) is not None
    ]
    return sorted(changes, key=lambda change: change.start)


def instead_of(kind, text):
    """The text that replaces `text`, or None where nothing does.

    kind: an operator of the syntax tree, the value of a constant, "not" for a condition, "pass" for
    a call whose result nobody takes.
    """
    if kind == "pass":
        return "pass"
    if kind == "not":
        return f"(not ({text}))"
    if isinstance(kind, bool):
        return str(not kind)
    if isinstance(kind, int | float):
        return str(kind + 1)
    sign = OTHER_SIGN.get(type(kind))
    brackets = text.replace("\n", " ").strip()
    bare = brackets.strip("() ")  # brackets around the two sides stay
    if sign is None or not bare:
        return None
    return text.replace(bare, sign, 1)


def survives(change, copy, tests, timeout):
    """Whether the tests pass with a change."""
    file = copy / change.path
    before = file.read_bytes()
    file.write_bytes(before[: change.start] + change.new.encode() + before[change.stop :])
    try:
        return noticed_nothing(copy, tests, timeout)
    finally:
        file.write_bytes(before)


def noticed_nothing(copy, tests, timeout):
    """Whether the tests pass in this copy of the tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", *tests]
    shared = os.environ.get("TSSCD_SHARED", str(ROOT.parent / "shared" / "data"))
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "TSSCD_SHARED": shared}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def described(change):
    """A change in one line: file, line number, before -> after."""
    lines = (ROOT / change.path).read_bytes()
    old = " ".join(lines[change.start : change.stop].decode().split())
    whole = lines.splitlines()[change.line - 1].decode().strip()
    return f"{change.path}:{change.line}  {old} -> {change.new}    | {whole}"


if __name__ == "__main__":
    run_main(main)
