"""Finds a package that is installed beside batchgen, by its name, without importing anything."""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from batchgen.errors import SourceNotFound
from batchgen.sources.opened import OpenedSource

SCHEME = "package:"


def installed_package(location: str) -> OpenedSource:
    """Return the source `package:NAME`; raises SourceNotFound where it is not installed, or not written in Python."""
    name = location.removeprefix(SCHEME)
    top = name.partition(".")[0]
    spec = _find(name) if all(part.isidentifier() for part in name.split(".")) else None
    if spec is None and top not in sys.builtin_module_names:
        advice = "the form is package:NAME, and it must be installed beside batchgen"
        raise SourceNotFound(source=location, problem=f"there is no package {name!r} here; {advice}")
    if spec is not None and spec.origin is None:
        raise SourceNotFound(source=location, problem="it has no code of its own: name a package or module in it")
    file = Path(spec.origin) if spec is not None and spec.origin is not None else None
    if file is None or file.suffix != ".py" or not file.is_file():
        raise SourceNotFound(source=location, problem="it is built in, compiled or packed: its Python code is not here")
    path = file.parent if file.name == "__init__.py" else file
    return OpenedSource(location, path, None if top in sys.stdlib_module_names else _distribution(top, file))


def _distribution(top: str, file: Path) -> str | None:
    """Return what brings a file; several distributions may share a top package."""
    names = list(dict.fromkeys(metadata.packages_distributions().get(top, ())))
    if len(names) > 1:
        names.sort(key=lambda name: not _brings(name, file))
    return names[0] if names else None


def _brings(distribution: str, file: Path) -> bool:
    return any(Path(str(entry.locate())) == file for entry in metadata.files(distribution) or ())


def _find(name: str) -> ModuleSpec | None:
    """Look for a module as the import system does, its parents found in the same way instead of imported."""
    places = None
    spec = None
    parts = name.split(".")
    for number in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:number]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec
