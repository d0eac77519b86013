"""Source to records: one for each function, class or method that is worth a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from batchgen.data_types.contract import BadRow, DataFetcherStrategy, Record
from batchgen.data_types.test_code.context import ModuleContext
from batchgen.data_types.test_code.material import pack_material
from batchgen.data_types.test_code.module import Module
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.data_types.test_code.parsing import NotPython, decode, parse
from batchgen.data_types.test_code.requirements import find_requirements
from batchgen.data_types.test_code.source_tree import module_name, python_files, source_root
from batchgen.data_types.test_code.targets import find_targets
from batchgen.errors import SourceEmpty, SourceUnreadable
from batchgen.sources.opened import OpenedSource


class TestCodeFetcher(DataFetcherStrategy[TestCodeOptions]):
    """Reads a package, a folder of packages and modules, or one file; nothing of it is imported or run."""

    __test__ = False

    def fetch(self, source: OpenedSource, options: TestCodeOptions) -> Iterator[Record | BadRow]:
        """Yield a record a target, files sorted by path; a file that is no Python is a BadRow.

        Raises SourceUnreadable for a source without Python files, SourceEmpty where the options leave no target.
        """
        path = Path(os.path.abspath(source.path))  # noqa: PTH100 - `absolute()` keeps `..`, `resolve()` follows links
        root = source_root(path)
        seen = False
        empty = True
        for file in _files(source, path):
            seen = True
            relative = file.relative_to(root).as_posix()
            name = module_name(file, root)
            if name is None or not options.selects(relative):
                continue
            for row in _rows(file, relative, name, options.max_lines):
                empty = False
                yield row
        if not seen:
            raise _no_python(source)
        if empty:
            advice = "No function or class to test is left: check include and exclude."
            raise SourceEmpty(source=source.location, advice=advice)

    def pack(self, source: OpenedSource, options: TestCodeOptions, path: Path) -> bool:
        """Write the source tree and what it needs to be run."""
        root = source_root(Path(os.path.abspath(source.path)))  # noqa: PTH100 - as above
        found = find_requirements(root, source.distribution)
        pack_material(source, sorted({*found, *options.requirements}), path)
        return True


def _files(source: OpenedSource, path: Path) -> Iterator[Path]:
    if path.is_file() and source.suffix != ".py":
        raise _no_python(source)
    try:
        yield from python_files(path)
    except OSError as error:
        advice = "Give a folder whose folders may all be read."
        raise SourceUnreadable(source=source.location, problem=str(error), advice=advice) from error


def _no_python(source: OpenedSource) -> SourceUnreadable:
    advice = "Give a Python package, a folder of Python files or one .py file; tests and hidden folders are left out."
    return SourceUnreadable(source=source.location, problem="it holds no Python files", advice=advice)


def _rows(file: Path, path: str, name: str, max_lines: int) -> Iterator[Record | BadRow]:
    module = _read(file, path, name)
    if isinstance(module, NotPython):
        yield BadRow(path, f"{path}:{module.line}", module.problem)
        return
    context = ModuleContext(module)
    taken: set[str] = set()
    for target in find_targets(module.tree.body, max_lines):
        record_id = f"{path}:{target.qualname}"
        if record_id in taken:  # the other branch of an `if`, the setter of a property
            record_id = f"{record_id}:{target.first}"
        taken.add(record_id)
        place = {"path": path, "module": name, "qualname": target.qualname, "kind": target.kind}
        if target.through:
            place["through"] = target.through
        lines = {"first": target.first, "last": target.last}
        yield Record(record_id, place | lines | context.describe(target))


def _read(file: Path, path: str, name: str) -> Module | NotPython:
    try:
        text = decode(file.read_bytes())
    except OSError as error:
        return NotPython(1, f"cannot be read: {error.strerror}")
    if isinstance(text, NotPython):
        return text
    tree = parse(text)
    if isinstance(tree, NotPython):
        return tree
    return Module(path, name, file.name == "__init__.py", text.split("\n"), tree)
