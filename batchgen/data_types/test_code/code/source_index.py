"""Finds what a module of the source refers to in the source's other modules, which are parsed when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from batchgen.data_types.test_code.code.definitions import Definition
from batchgen.data_types.test_code.code.module import Module
from batchgen.data_types.test_code.code.parsing import NotPython, decode, parse
from batchgen.data_types.test_code.code.source_tree import OwnModules
from batchgen.data_types.test_code.code.surface import Binding, Surface
from batchgen.data_types.test_code.running.material import import_root

_KEPT = 32
"""Parsed modules in memory: about 1 KB for each of their lines."""
_HOPS = 3
"""Imports that are followed from a name to its definition: packages pass on what their modules define."""
_LARGEST = 1_000_000
"""Bytes of a module: larger ones are tables."""


@dataclass(frozen=True, slots=True)
class Found:
    """A definition or value of a module."""

    surface: Surface
    name: str

    @property
    def node(self) -> Definition | None:
        """The definition; None for a value."""
        return self.surface.definitions.get(self.name)


class SourceIndex:
    """The modules of one source. Nothing is read before it is asked for, and only the last few are kept."""

    def __init__(self, given: Path, root: Path) -> None:
        self._root = root
        self._own = OwnModules(given, root)
        self._surface = lru_cache(maxsize=_KEPT)(self._read)
        self._path = lru_cache(maxsize=4_096)(self._find)

    def surface(self, file: Path, name: str) -> Surface | NotPython:
        """Return a module by its file and dotted name."""
        return self._surface(file, name)

    def resolve(self, surface: Surface, reference: str) -> Found | None:
        """Return what `Item`, `cart.Item` or `shop.cart.Item` is in a module, if the source itself defines it."""
        base = import_root(surface.module.path, surface.module.name)
        return self._resolve(base, surface, reference.split("."), _HOPS)

    def _resolve(self, base: str, surface: Surface, parts: list[str], hops: int) -> Found | None:
        name = parts[0]
        if name in surface.definitions or name in surface.values:
            return Found(surface, name)
        if not hops:
            return None
        for binding in (*surface.imports.get(name, ()), *surface.imports.get("*", ())):
            found = self._follow(base, binding, parts, hops - 1)
            if found is not None:
                return found
        return None

    def _follow(self, base: str, binding: Binding, parts: list[str], hops: int) -> Found | None:
        """Look below what an import binds: `parts` begin with the bound name."""
        if binding.name is None:
            rest = parts[1:]
        elif binding.name == "*":
            rest = parts
        else:
            rest = [binding.name, *parts[1:]]
        return self._look(base, binding.module, rest, hops) if rest else None

    def _look(self, base: str, module: str, parts: list[str], hops: int) -> Found | None:
        """Look for a name in a module, or in the module of that name below it."""
        if not self._own.has(module):
            return None
        surface = self._module(base, module)
        found = self._resolve(base, surface, parts, hops) if surface is not None else None
        if found is None and len(parts) > 1:
            found = self._look(base, f"{module}.{parts[0]}", parts[1:], hops)
        return found

    def _module(self, base: str, name: str) -> Surface | None:
        file = self._path(base, name)
        found = self._surface(file, name) if file is not None else None
        return found if isinstance(found, Surface) else None

    def _find(self, base: str, name: str) -> Path | None:
        """Return the file of a module, as imported by another whose names begin at the folder `base`."""
        below = Path(*name.split("."))
        for folder in dict.fromkeys((base, ".", "src")):
            for path in (below.with_suffix(".py"), below / "__init__.py"):
                file = self._root / folder / path
                if file.is_file() and not _is_linked(file, self._root) and file.stat().st_size <= _LARGEST:
                    return file
        return None

    def _read(self, file: Path, name: str) -> Surface | NotPython:
        module = read_module(file, file.relative_to(self._root).as_posix(), name)
        return module if isinstance(module, NotPython) else Surface(module)


def read_module(file: Path, path: str, name: str) -> Module | NotPython:
    """Return a parsed source file, or why it cannot be one."""
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


def _is_linked(file: Path, root: Path) -> bool:
    """Tell whether a link leads to the file: what it leads to may lie outside the source."""
    return any(path.is_symlink() for path in (file, *file.parents) if path != root and path.is_relative_to(root))
