"""Where the tests are that a project already has: in its source, or in folders for tests beside or above it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from batchgen.data_types.test_code.code.source_tree import is_left_out, is_shared

_TEST_FOLDERS = frozenset({"tests", "test"})
_TEST_FILES = ("test_*.py", "*_test.py", "conftest.py")
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
"""A folder with one of these is where a project begins."""
_LEVELS = 4
"""Folders above the source root in which its project is looked for."""


def existing_test_files(source_path: Path, root: Path) -> list[Path]:
    """Return the project's test files and conftests, sorted; all modules of a folder `tests` or `test` count.

    `source_path` is the source as it was given, `root` what `source_root` makes of it.
    """
    inside = source_path if source_path.is_dir() else source_path.parent
    found = set(_test_files(inside, everything=False, deep=source_path.is_dir()))
    for folder in project_levels(root):
        for name in _TEST_FOLDERS:
            tests = folder / name
            if tests.is_dir() and not tests.is_symlink():
                found.update(_test_files(tests, everything=True))
    return sorted(found)


def project_levels(root: Path) -> list[Path]:
    """Return the folders from the source root up to the one in which its project begins; without one, the root alone.

    None at all for a folder that the packages of many projects share.
    """
    if is_shared(root):
        return []
    levels = [root, *root.parents][: _LEVELS + 1]
    for number, folder in enumerate(levels, start=1):
        if any((folder / name).exists() for name in _PROJECT):
            return levels[:number]
    return [root]


def _test_files(folder: Path, *, everything: bool, deep: bool = True) -> Iterator[Path]:
    """Yield test files below a folder; links are not followed, and what cannot be read holds no tests."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except PermissionError:
        return
    for entry in found:
        path = Path(entry.path)
        if not entry.name.isprintable():
            continue
        if entry.is_dir(follow_symlinks=False):
            if deep and not is_left_out(path) and entry.name != "site-packages":
                yield from _test_files(path, everything=everything or entry.name in _TEST_FOLDERS)
        elif entry.is_file(follow_symlinks=False) and path.suffix == ".py" and (everything or _is_test(entry.name)):
            yield path


def _is_test(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _TEST_FILES)
