"""Which files of this repository a module runs, found by following its imports.

A kept result must not outlive the code that made it. A list of that code would be forgotten by
whoever adds an import; the imports themselves cannot be.
"""

import ast
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def code_behind(*modules, root=ROOT):
    """Files of the repository that these modules run: their own, and all that they import in turn.

    modules: dotted names. Imports are read from the source, also those inside functions; nothing is
    run. Modules from elsewhere (NumPy, torch) are left out. Returns a sorted list of paths.
    """
    found = set()
    waiting = [path for name in modules for path in files_of(name, root)]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in imported_names(path, root):
            waiting += files_of(name, root)
    return sorted(found)


def code_hash(*modules, root=ROOT):
    """Hash of the names and contents of all files behind these modules."""
    digest = hashlib.sha256()
    for path in code_behind(*modules, root=root):
        name = path.relative_to(root).as_posix()
        digest.update(name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def files_of(name, root):
    """Files that an import of this dotted name runs: its own, and `__init__` of packages above."""
    files, parts = [], name.split(".")
    for count in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:count])
        files += [place.with_suffix(".py"), place / "__init__.py"]
    return [path for path in files if path.is_file()]


def imported_names(path, root):
    """Dotted names that a file imports; `from a import b` gives both `a` and `a.b`."""
    package = path.relative_to(root).parent.parts
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            below = [node.module] if node.module else []
            base = ".".join([*above, *below])
            names += [base, *(f"{base}.{each.name}" for each in node.names)]
    return names
