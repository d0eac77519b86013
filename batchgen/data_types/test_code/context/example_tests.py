"""The project's own tests that touch a target, with the fixtures they take: examples of how its objects are made.

All test files are read once, and of each only its words and imports are kept; those that may touch a target are parsed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from textwrap import dedent

from batchgen.data_types.test_code.code.definitions import (
    Definition,
    FunctionNode,
    decorator_names,
    definitions,
    first_line,
    last_line,
)
from batchgen.data_types.test_code.code.parsing import NotPython, decode
from batchgen.data_types.test_code.code.project_tests import existing_test_files, project_levels
from batchgen.data_types.test_code.code.references import first_names, references
from batchgen.data_types.test_code.code.source_index import read_module
from batchgen.data_types.test_code.code.source_tree import module_name
from batchgen.data_types.test_code.code.surface import Surface
from batchgen.data_types.test_code.code.targets import Target
from batchgen.data_types.test_code.context.budget import clip

_MOST_FILES = 2_000
_LARGEST = 300_000
"""Bytes of a test file: larger ones are generated, or tables."""
_KEPT = 16
_MOST_PARSED = 8
"""Files looked into for one target: of a name like `get` there are many."""
_MOST_TESTS = 6
_TEST_LIMIT = 350
"""Tokens of one test or fixture."""
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+(.+))", re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_DUNDER = re.compile(r"__\w+__")


@dataclass(frozen=True, slots=True)
class _TestFile:
    """What is remembered of a test file."""

    path: Path
    label: str
    """Its path as people write it, below the project's folder."""
    name: str
    imports: frozenset[str]
    words: str
    """Every identifier in it once, each between line feeds."""

    def has(self, word: str) -> bool:
        return f"\n{word}\n" in self.words

    def distance(self, module: str) -> int | None:
        """Return 0 if it imports the module, 1 if a package above it, None if neither."""
        if module in self.imports:
            return 0
        parts = module.split(".")
        return 1 if any(".".join(parts[:end]) in self.imports for end in range(1, len(parts))) else None


@dataclass(frozen=True, slots=True)
class Example:
    """One existing test."""

    text: str
    file: _TestFile
    node: FunctionNode


class ExampleTests:
    """Finds the tests that a project already has for a target."""

    def __init__(self, given: Path, root: Path) -> None:
        self._given = given
        self._root = root
        self._surface = lru_cache(maxsize=_KEPT)(_read)
        self._importing = lru_cache(maxsize=_KEPT)(self._find_importing)

    def of(self, module: str, target: Target) -> list[Example]:
        """Return the tests that name the target in files that import its module, the closest ones first."""
        word, *others = _words(target)
        ranked: list[tuple[tuple[bool, int, int], Example]] = []
        touching = (each for each in self._importing(module) if all(map(each[1].has, (word, *others))))
        for distance, file in islice(touching, _MOST_PARSED):
            for example in self._examples(file, word):
                named = word.strip("_").lower() in example.node.name.lower()
                ranked.append(((not named, distance, len(example.text)), example))
        ranked.sort(key=lambda each: each[0])
        return [example for _, example in ranked[:_MOST_TESTS]]

    def fixtures(self, examples: Iterable[Example], shown: Collection[str]) -> Iterator[str]:
        """Yield the fixtures that the shown examples take, and those which these take."""
        seen: set[str] = set()
        for example in examples:
            pending = _taken(example.node) if example.text in shown else []
            while pending:
                name = pending.pop(0)
                if name in seen:
                    continue
                seen.add(name)
                found = self._fixture(example.file, name)
                if found is not None:
                    file, surface, node = found
                    yield _text(file, surface, node)
                    pending += _taken(node)

    @cached_property
    def _files(self) -> list[_TestFile]:
        top = (project_levels(self._root) or [self._root])[-1]
        paths = existing_test_files(self._given, self._root)[:_MOST_FILES]
        return [file for path in paths if (file := _remember(path, self._root, top)) is not None]

    def _find_importing(self, module: str) -> list[tuple[int, _TestFile]]:
        """Return the files that import a module, the closest ones first: by what they import, then by their names."""
        stem = module.rpartition(".")[2]
        found = ((file.distance(module), file) for file in self._files)
        importing = [(distance, file) for distance, file in found if distance is not None]
        return sorted(importing, key=lambda each: (each[0], stem not in each[1].path.stem))

    def _examples(self, file: _TestFile, word: str) -> Iterator[Example]:
        surface = self._surface(file)
        if surface is None:
            return
        mentions = re.compile(rf"\b{re.escape(word)}\b")
        for node in _tests(surface.module.tree):
            if mentions.search(surface.module.text(first_line(node), last_line(node))):
                yield Example(_text(file, surface, node), file, node)

    def _fixture(self, file: _TestFile, name: str) -> tuple[_TestFile, Surface, FunctionNode] | None:
        """Look in the test's file, then in the conftests from its folder upward."""
        conftests = {each.path.parent: each for each in self._files if each.path.name == "conftest.py"}
        for place in (file, *(conftests[folder] for folder in file.path.parents if folder in conftests)):
            surface = self._surface(place)
            if surface is None:
                continue
            for node in _fixtures(surface.module.tree):
                if _fixture_name(node) == name:
                    return place, surface, node
        return None


def _words(target: Target) -> list[str]:
    """Return the words by which a test names the target: the last one in the test itself, all in its file."""
    *owners, name = (target.through or target.qualname).split(".")
    return [owners[-1]] if owners and _DUNDER.fullmatch(name) else [name, *owners[-1:]]


def _remember(path: Path, root: Path, top: Path) -> _TestFile | None:
    try:
        text = decode(path.read_bytes()) if path.stat().st_size <= _LARGEST else None
    except OSError:  # the tests are looked at for examples: one that cannot be read is none
        return None
    if not isinstance(text, str):
        return None
    name = (module_name(path, root) if path.is_relative_to(root) else None) or path.stem
    label = (path.relative_to(top) if path.is_relative_to(top) else path).as_posix()
    words = "\n".join(sorted(set(_WORD.findall(text))))
    return _TestFile(path, label, name, frozenset(_imported(text, name)), f"\n{words}\n")


def _imported(text: str, name: str) -> Iterator[str]:
    """Yield the dotted names that import statements of a file may stand for; `name` is its own."""
    for source, plain in _IMPORT.findall(text):
        for item in (source,) if source else plain.split(","):
            dotted = item.strip().partition(" ")[0]
            level = len(dotted) - len(dotted.lstrip("."))
            parts = name.split(".")[:-level] if level else []
            yield ".".join([*parts, *filter(None, [dotted[level:]])])


def _read(file: _TestFile) -> Surface | None:
    module = read_module(file.path, file.label, file.name)
    return None if isinstance(module, NotPython) else Surface(module)


def _tests(tree: ast.Module) -> Iterator[FunctionNode]:
    """Yield test functions, and the methods of test classes."""
    pending: list[Definition] = list(definitions(tree.body))
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.ClassDef):
            pending[:0] = definitions(node.body)
        elif node.name.startswith("test"):
            yield node


def _fixtures(tree: ast.Module) -> Iterator[FunctionNode]:
    for node in definitions(tree.body):
        for inner in definitions(node.body) if isinstance(node, ast.ClassDef) else (node,):
            if isinstance(inner, FunctionNode) and "fixture" in decorator_names(inner):
                yield inner


def _fixture_name(node: FunctionNode) -> str:
    """Return the name a fixture is taken by: its function's, or the one its decorator gives."""
    for decorator in node.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return node.name


def _taken(node: FunctionNode) -> list[str]:
    """Return the fixtures that a test or fixture takes: its parameters, and those that marks name."""
    taken = [item.arg for item in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "usefixtures":
            taken += [str(item.value) for item in decorator.args if isinstance(item, ast.Constant)]
    return taken


def _text(file: _TestFile, surface: Surface, node: FunctionNode) -> str:
    """Return a function with the imports it uses, and where it stands."""
    code = dedent(surface.module.text(first_line(node), last_line(node)))
    names = first_names(references(node))
    imports = dict.fromkeys(each.line for name in names for each in surface.imports.get(name, ()))
    return "\n".join([f"# {file.label}", *imports, clip(code, _TEST_LIMIT)])
