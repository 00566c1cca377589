"""How the code reads: syntax nodes per line, long lines, functions and files, words of the README.

    python benchmarks/house.py              # this tree
    python benchmarks/house.py ../older     # another one, to compare with

A code line is one that is no blank line, no comment and no docstring. A syntax node is a node of
Python's own syntax tree. Tests are counted apart.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from anywhere
from utils.errors import InputError, run_main
from utils.flags import Parser, whole_number

ROOT = Path(__file__).parents[1]
LONGEST_LINE, LONGEST_FUNCTION, LONGEST_FILE = 100, 45, 300
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)


def make_parser():
    parser = Parser(__doc__)
    parser.add_argument("tree", nargs="?", type=Path, default=ROOT, help="folder of the code")
    shown = whole_number(at_least=0)
    parser.add_argument("--show", type=shown, default=10, help="files and functions to list")
    return parser


def main():
    options = make_parser().parse_args()
    files = python_files(options.tree)
    if not files:
        raise InputError(f"{options.tree}: no Python files found; expected a folder of code")
    counts = {path: file_counts(path) for path in files}
    tests = {path for path in files if "tests" in path.parts}
    for name, chosen in (("code", set(files) - tests), ("tests", tests)):
        print_sums(name, [counts[path] for path in files if path in chosen])
    print_longest(options.tree, counts, options.show)
    readme = (options.tree / "README.md").read_text(encoding="utf-8")
    tables = len(re.findall(r"^\|[ :|-]+\|$", readme, flags=re.M))
    lines = len(readme.splitlines())
    print(f"README.md: {lines} lines, {len(readme.split())} words, {tables} tables")


def python_files(tree):
    """All Python files of a tree but those of hidden folders and of environments."""
    hidden = re.compile(r"^\.|^venv$|^__pycache__$|^runs$")
    found = []
    for path in sorted(tree.rglob("*.py")):
        parts = path.relative_to(tree).parts
        if not any(hidden.match(part) for part in parts):
            found.append(path)
    return found


def file_counts(path):
    """Counts of one file: dict of lines, code lines, nodes, long lines, and functions by length."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    lines = text.splitlines()
    functions = [
        (node.end_lineno - node.lineno + 1, node.name)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {
        "lines": len(lines),
        "code": len(code_lines(text, nodes)),
        "nodes": len(nodes),
        "long": sum(len(line) > LONGEST_LINE for line in lines),
        "functions": functions,
    }


def code_lines(text, nodes):
    """Numbers of the lines that hold code: no blank line, no comment, no docstring."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in nodes:
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines.difference_update(range(docstring.lineno, docstring.end_lineno + 1))
    return lines


def print_sums(name, counts):
    """One line for a part of the tree."""
    total = Counter()
    functions = []
    for each in counts:
        total.update({what: each[what] for what in ("lines", "code", "nodes", "long")})
        functions += [length for length, _ in each["functions"]]
    print(
        f"{name}: {len(counts)} files, {total['code']} code lines, "
        f"{total['nodes'] / max(total['code'], 1):.2f} syntax nodes per code line, "
        f"{total['long']} lines over {LONGEST_LINE} columns, "
        f"longest function {max(functions, default=0)} lines, "
        f"{sum(length > LONGEST_FUNCTION for length in functions)} functions over "
        f"{LONGEST_FUNCTION} lines, "
        f"{sum(each['lines'] > LONGEST_FILE for each in counts)} files over {LONGEST_FILE} lines"
    )


def print_longest(tree, counts, show):
    """The densest and the longest files, and the longest functions."""
    density = {path: each["nodes"] / each["code"] for path, each in counts.items() if each["code"]}
    dense = sorted(density, key=density.get, reverse=True)[:show]
    long = sorted(counts, key=lambda path: counts[path]["lines"], reverse=True)[:show]
    functions = [
        (length, f"{path.relative_to(tree)} {name}")
        for path, each in counts.items()
        for length, name in each["functions"]
    ]
    for path in dense:
        print(f"  {density[path]:5.1f} nodes per line  {path.relative_to(tree)}")
    for path in long:
        print(f"  {counts[path]['lines']:5d} lines          {path.relative_to(tree)}")
    for length, name in sorted(functions, reverse=True)[:show]:
        print(f"  {length:5d} lines          {name}")


if __name__ == "__main__":
    run_main(main)
