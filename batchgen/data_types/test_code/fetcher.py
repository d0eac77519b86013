"""Source to records: one for each function, class or method that is worth a test."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from structlog.stdlib import get_logger

from batchgen.data_types.contract import BadRow, DataFetcherStrategy, Record, Workplace
from batchgen.data_types.test_code.code.changes import Changes
from batchgen.data_types.test_code.code.parsing import NotPython, decode
from batchgen.data_types.test_code.code.source_index import SourceIndex
from batchgen.data_types.test_code.code.source_tree import module_name, python_files, source_root
from batchgen.data_types.test_code.code.surface import Surface
from batchgen.data_types.test_code.code.targets import find_targets
from batchgen.data_types.test_code.code.uncovered import with_missing
from batchgen.data_types.test_code.context.example_tests import ExampleTests
from batchgen.data_types.test_code.context.surroundings import Context
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.data_types.test_code.running.bench import TestBench
from batchgen.data_types.test_code.running.material import pack_material
from batchgen.data_types.test_code.running.measurement import executed_lines
from batchgen.data_types.test_code.running.requirements import find_requirements
from batchgen.errors import EnvironmentFailed, SourceEmpty, SourceUnreadable, Unavailable
from batchgen.sources.opened import OpenedSource

log = get_logger(__name__)


class TestCodeFetcher(DataFetcherStrategy[TestCodeOptions]):
    """Reads a package, a folder of packages and modules, or one file; nothing of it is imported or run."""

    __test__ = False

    def __init__(self, workplace: Workplace | None = None) -> None:
        super().__init__(workplace)
        self._modules: dict[str, str] = {}
        """The modules of the records, by path."""

    def fetch(self, source: OpenedSource, options: TestCodeOptions) -> Iterator[Record | BadRow]:
        """Yield a record a target, files sorted by path; a file that is no Python is a BadRow.

        Raises SourceUnreadable for a source without Python files, SourceEmpty where the options leave no target.
        """
        path = _given(source)
        root = source_root(path)
        rows = _rows(source, path, root, options)
        if options.uncovered:
            rows = with_missing(rows, self._executed(source, path, root, options), lambda path: _text(root / path))
        empty = True
        for row in rows:
            empty = False
            if isinstance(row, Record):
                self._modules[row.data["path"]] = row.data["module"]
            yield row
        if empty:
            advice = "No function or class to test is left: check the options include, exclude, since and uncovered."
            raise SourceEmpty(source=source.location, advice=advice)

    def _executed(
        self, source: OpenedSource, path: Path, root: Path, options: TestCodeOptions
    ) -> Mapping[str, Collection[int]]:
        """Return the lines that the project's own tests execute, by path below the source root."""
        if self.workplace is None:
            raise AssertionError("a measurement needs a workplace")
        wanted = _requirements(source, root, options)
        return executed_lines(source.location, path, root, wanted, self.workplace.cache)

    def pack(self, source: OpenedSource, options: TestCodeOptions, path: Path) -> bool:
        """Write the source tree and what it needs to be run."""
        wanted = _requirements(source, source_root(_given(source)), options)
        pack_material(source, wanted, path)
        if self.workplace is not None:
            self._try_out(source, Workplace(self.workplace.cache, path))
        return True

    def _try_out(self, source: OpenedSource, workplace: Workplace) -> None:
        """Make ready what judging will need: what cannot be installed or imported is told before anything is paid."""
        if workplace.material is None:
            return
        try:
            bench = TestBench.open(workplace.material, workplace.cache)
        except EnvironmentFailed as failed:
            raise SourceUnreadable(source=source.location, problem=failed.problem, advice=failed.remedy) from failed
        except Unavailable as away:  # it may be there when the answers come, or where they are judged
            log.warning("environment_not_made", problem=str(away))
            return
        if not isinstance(bench, TestBench):
            return
        failing = bench.failing_imports(self._modules)
        for module, error in failing.items():
            log.warning("module_cannot_be_imported", module=module, error=error)
        if failing and len(failing) == len(set(self._modules.values())):
            module, error = next(iter(failing.items()))
            advice = "Name what it needs with --option requirements='name==version other'."
            problem = f"none of its modules can be imported; {module}: {error}"
            raise SourceUnreadable(source=source.location, problem=problem, advice=advice)


def _requirements(source: OpenedSource, root: Path, options: TestCodeOptions) -> list[str]:
    return sorted({*find_requirements(root, source.distribution), *options.requirements})


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


def _given(source: OpenedSource) -> Path:
    return Path(os.path.abspath(source.path))  # noqa: PTH100 - `absolute()` keeps `..`, `resolve()` follows links


def _changes(source: OpenedSource, path: Path, root: Path, options: TestCodeOptions) -> Changes | None:
    if options.since is None:
        return None
    folder = path if path.is_dir() else path.parent
    prefix = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
    return Changes.since(options.since, folder, prefix, source.location)


def _touched(changes: Changes | None, path: str, *lines: int) -> bool:
    return changes is None or changes.touch(path, *lines)


def _rows(source: OpenedSource, path: Path, root: Path, options: TestCodeOptions) -> Iterator[Record | BadRow]:
    changes = _changes(source, path, root, options)
    index = SourceIndex(path, root)
    context = Context(index, ExampleTests(path, root), options.context_tokens)
    seen = False
    for file in _files(source, path):
        seen = True
        relative = file.relative_to(root).as_posix()
        name = module_name(file, root)
        if name is not None and options.selects(relative) and _touched(changes, relative):
            yield from _rows_of(index.surface(file, name), relative, context, options, changes)
    if not seen:
        raise _no_python(source)


def _rows_of(
    surface: Surface | NotPython, path: str, context: Context, options: TestCodeOptions, changes: Changes | None
) -> Iterator[Record | BadRow]:
    if isinstance(surface, NotPython):
        yield BadRow(path, f"{path}:{surface.line}", surface.problem)
        return
    module = surface.module
    taken: set[str] = set()
    for target in find_targets(module.tree.body, options.max_lines):
        record_id = f"{path}:{target.qualname}"
        if record_id in taken:  # the other branch of an `if`, the setter of a property
            record_id = f"{record_id}:{target.first}"
        taken.add(record_id)
        if not _touched(changes, path, target.first, target.last):
            continue
        place = {"path": path, "module": module.name, "qualname": target.qualname, "kind": target.kind}
        if target.through:
            place["through"] = target.through
        lines = {"first": target.first, "last": target.last}
        yield Record(record_id, place | lines | context.describe(surface, target))


def _text(file: Path) -> str:
    text = decode(file.read_bytes())
    return text if isinstance(text, str) else ""
