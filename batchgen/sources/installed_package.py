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
    spec = _find(name) if all(part.isidentifier() for part in name.split(".")) else None
    if spec is None:
        advice = "the form is package:NAME, and it must be installed beside batchgen"
        raise SourceNotFound(source=location, problem=f"there is no package {name!r} here; {advice}")
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise SourceNotFound(source=location, problem="it is not written in Python")
    file = Path(spec.origin)
    top = name.partition(".")[0]
    distributions = [] if top in sys.stdlib_module_names else metadata.packages_distributions().get(top, [])
    path = file.parent if file.name == "__init__.py" else file
    return OpenedSource(location, path, distributions[0] if distributions else None)


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
