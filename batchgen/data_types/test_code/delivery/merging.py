"""Accepted answers of one module in as few files as can hold them without changing what any of them means.

Nothing is renamed: a name may stand in a fixture's parameter or a string where no rewriting would find it. Answers
share a file when every name they bind at the top means the same in both; else the next file takes it. What changes a
whole file (a star import, `pytestmark`, an autouse fixture, statements that run at import) gets a file of its own.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

from batchgen.data_types.test_code.code.definitions import (
    Definition,
    FunctionNode,
    decorator_names,
    first_line,
    last_line,
    without_docstring,
)
from batchgen.data_types.test_code.code.parsing import NotPython, parse

_FILE_WIDE = frozenset(
    {"pytestmark", "pytest_plugins", "collect_ignore", "setup", "teardown"}
    | {f"{verb}_{scope}" for verb in ("setup", "teardown") for scope in ("module", "function", "method")}
    | {"setUpModule", "tearDownModule", "load_tests"}
)


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level statement that is no import: the names it binds, and its text."""

    names: list[str]
    text: str
    meaning: str
    """Equal where two answers may share it. What tests could change, or what is made but once, belongs to one alone."""


@dataclass(slots=True)
class Piece:
    """One answer, taken apart: its imports and its definitions, each with the name it binds."""

    title: str
    code: str
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Import statement of one name each → the name and what it stands for."""
    blocks: list[Block] = field(default_factory=list)
    fixtures: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    alone: bool = False

    def bindings(self) -> Iterator[tuple[str, str]]:
        """Yield each name with what it means."""
        yield from self.imports.values()
        yield from ((name, block.meaning) for block in self.blocks for name in block.names)


@dataclass(slots=True)
class TestFile:
    """A file under construction."""

    __test__ = False

    pieces: list[Piece] = field(default_factory=list)
    meanings: dict[str, str] = field(default_factory=dict)
    fixtures: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)

    def takes(self, piece: Piece) -> bool:
        """Tell whether the piece means the same in this file as on its own."""
        if not self.pieces:
            return True
        if piece.alone or self.pieces[0].alone:
            return False
        if any(self.meanings.get(name, meaning) != meaning for name, meaning in piece.bindings()):
            return False
        foreign = self.fixtures - piece.fixtures
        return not (piece.parameters & foreign or self.parameters & (piece.fixtures - self.fixtures))

    def add(self, piece: Piece) -> None:
        """Put the piece at the end."""
        self.pieces.append(piece)
        self.meanings.update(piece.bindings())
        self.fixtures |= piece.fixtures
        self.parameters |= piece.parameters


def merge(pieces: list[Piece]) -> list[TestFile]:
    """Return files that hold the pieces in their order, each piece in the first file that takes it."""
    files: list[TestFile] = []
    for piece in pieces:
        for file in files:
            if file.takes(piece):
                break
        else:
            file = TestFile()
            files.append(file)
        file.add(piece)
    return files


def take_apart(title: str, code: str) -> Piece:
    """Return an answer's code as a piece; code that is more than imports and definitions stays whole, and alone."""
    piece = Piece(title, code)
    tree = parse(code)
    if isinstance(tree, NotPython) or not tree.body:
        piece.alone = True
        return piece
    lines = code.split("\n")
    rebound = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    end = 0
    for statement in without_docstring(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            piece.imports.update(_imports(statement))
        else:
            start = _with_comments(lines, first_line(statement), end)
            text = "\n".join(lines[start - 1 : last_line(statement)])
            names = _bound(statement)
            shared = _is_constant(statement) and rebound.isdisjoint(names)
            piece.blocks.append(Block(names, text, text if shared else f"{title}: {text}"))
        end = last_line(statement)
    functions = [node for node in ast.walk(tree) if isinstance(node, FunctionNode)]
    piece.parameters = {item.arg for node in functions for item in ast.walk(node.args) if isinstance(item, ast.arg)}
    piece.fixtures = {node.name for node in functions if "fixture" in decorator_names(node)}
    piece.alone = _changes_the_file(piece, functions)
    return piece


def _changes_the_file(piece: Piece, functions: list[FunctionNode]) -> bool:
    names = {name for name, _ in piece.bindings()}
    if not all(block.names for block in piece.blocks) or "*" in names or names & _FILE_WIDE:
        return True
    if any(meaning.startswith("__future__.") for _, meaning in piece.imports.values()):
        return True
    named_fixture = any(_has_keyword(node, {"autouse", "name"}) for node in functions)
    return named_fixture or any(hasattr(builtins, name) for name in names)


def _has_keyword(node: FunctionNode, keywords: set[str]) -> bool:
    calls = [item for item in node.decorator_list if isinstance(item, ast.Call)]
    return any(keyword.arg in keywords for call in calls for keyword in call.keywords)


def _imports(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str]]]:
    for alias in statement.names:
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(statement, ast.Import):
            top = alias.name.partition(".")[0]
            yield f"import {alias.name}{renamed}", (alias.asname or top, alias.name if alias.asname else top)
        else:
            module = "." * statement.level + (statement.module or "")
            yield f"from {module} import {alias.name}{renamed}", (alias.asname or alias.name, f"{module}.{alias.name}")


def _bound(statement: ast.stmt) -> list[str]:
    """Return the names that a statement binds, or none if it does more than that."""
    if isinstance(statement, Definition):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else []
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return names if len(names) == len(targets) else []


def _is_constant(statement: ast.stmt) -> bool:
    """Tell whether it is the same for each test: a plain value, a function that keeps nothing between its calls."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return isinstance(statement.value, ast.Constant)
    if not isinstance(statement, FunctionNode):
        return False
    defaults = [each for each in (*statement.args.defaults, *statement.args.kw_defaults) if each is not None]
    decorators = decorator_names(statement) <= {"fixture"} and not _has_keyword(statement, {"scope"})
    return decorators and all(isinstance(each, ast.Constant) for each in defaults)


def _with_comments(lines: list[str], start: int, end: int) -> int:
    """Return the first line of the comments that stand right above a statement."""
    while start - 1 > end and lines[start - 2].startswith("#"):
        start -= 1
    return start
