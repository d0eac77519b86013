"""Which files of a source are code to be tested, and under which names they are imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from keyword import iskeyword
from pathlib import Path

_SKIPPED_FOLDERS = frozenset({"__pycache__", "tests", "test", "venv", "node_modules", "site-packages"})
_CACHES = frozenset({"__pycache__", "node_modules"})
_BUILD_FOLDERS = frozenset({"build", "dist"})
_SKIPPED_FILES = ("test_*.py", "*_test.py", "conftest.py", "setup.py", "__main__.py")
"""Tests, and files that do their work when they are imported."""


def source_root(path: Path) -> Path:
    """Return the folder that paths of records are relative to: the first one upward that is not a package itself."""
    folder = path if path.is_dir() else path.parent
    while _is_package(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def python_files(path: Path) -> Iterator[Path]:
    """Yield the Python files to be tested, sorted by path; a file that was named itself is always taken.

    Links are not followed: what they lead to is outside the tree, or in it already.
    """
    if path.is_file():
        yield path
        return
    with os.scandir(path) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.name.startswith(".") or not entry.name.isprintable():
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _is_skipped_folder(Path(entry.path)):
                yield from python_files(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and _is_code_file(entry.name):
            yield Path(entry.path)


def module_name(file: Path, root: Path) -> str | None:
    """Return the dotted name that a file is imported by, or None where no import statement can name it.

    In a package it begins at the outermost folder with an `__init__.py`. Outside of one it is the path below the
    root, from below the last folder that is called `src` or by no Python name.
    """
    parts = [*file.relative_to(root).parent.parts, file.stem]
    packages = 0
    folder = file.parent
    while folder != root and _is_package(folder):
        packages += 1
        folder = folder.parent
    if packages:
        parts = parts[-packages - 1 :]
    else:
        unnameable = [position for position, part in enumerate(parts[:-1]) if not _is_name(part) or part == "src"]
        parts = parts[unnameable[-1] + 1 :] if unnameable else parts
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(map(_is_name, parts)) else None


class OwnModules:
    """Tells the source's own modules from others that lie beside them."""

    def __init__(self, given: Path, root: Path) -> None:
        """Take the source as it was given, and its root."""
        inside = given if given.is_dir() else given.parent
        self._only = "" if inside == root else given.relative_to(root).parts[0]
        self._among_strangers = not self._only and is_shared(root)

    def has(self, module: str) -> bool:
        """Tell whether a module, by its dotted name, may be the source's own."""
        top = module.partition(".")[0]
        if self._only:
            return top == self._only
        return bool(top) and not self._among_strangers and top not in sys.stdlib_module_names


def is_shared(folder: Path) -> bool:
    """Tell whether a folder holds the packages of many projects."""
    return folder.name in {"site-packages", "dist-packages"} or folder == Path(os.__file__).parent


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _is_skipped_folder(folder: Path) -> bool:
    name = folder.name
    if name in _SKIPPED_FOLDERS or name.endswith(".egg-info") or (folder / "pyvenv.cfg").is_file():
        return True
    return name in _BUILD_FOLDERS and not _is_package(folder)


def is_left_out(folder: Path) -> bool:
    """Tell whether a folder holds nothing that the code needs at run time: hidden ones, environments, caches."""
    name = folder.name
    return name.startswith(".") or name in _CACHES or (folder / "pyvenv.cfg").is_file()


def _is_code_file(name: str) -> bool:
    return name.endswith(".py") and not any(fnmatchcase(name, pattern) for pattern in _SKIPPED_FILES)


def _is_name(part: str) -> bool:
    return part.isidentifier() and not iskeyword(part)
