"""A segment of a module seen by what runs it: the lines that only a call executes, and its sabotage.

Everything is computed from the text; nothing of it is executed here. Changes are text edits, so that the rest of the
module stays as it is written.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from batchgen.data_types.test_code.code.definitions import FunctionNode, first_line, last_line
from batchgen.data_types.test_code.code.parsing import NotPython, parse

SABOTAGE = "raise RuntimeError('sabotaged')"
_CO_OPTIMIZED = 0x1
"""Set for the code of functions, not for that of modules and class bodies (inspect.CO_OPTIMIZED)."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` of a text replaced by another."""

    start: int
    end: int
    text: str


def apply(source: str, edits: Iterable[Edit]) -> str:
    """Return the text with the edits, which do not overlap."""
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source


class Offsets:
    """Places of a syntax tree's nodes in the text: the tree counts bytes within lines, edits count characters."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def at(self, line: int, column: int) -> int:
        """The offset of a line (from 1) and a column in UTF-8 bytes."""
        text = self._lines[line - 1]
        characters = column if text.isascii() else len(text.encode()[:column].decode(errors="ignore"))
        return self._starts[line - 1] + characters

    def edit(self, first: ast.AST, last: ast.AST, text: str) -> Edit:
        """Replace everything from the beginning of one node to the end of another."""
        start = self.at(first.lineno, first.col_offset)  # type: ignore[attr-defined]
        end = self.at(last.end_lineno, last.end_col_offset)  # type: ignore[attr-defined]
        return Edit(start, end, text)


def runtime_lines(source: str, first: int, last: int) -> frozenset[int]:
    """Return the lines of a segment (from 1, both included) that a call executes, as coverage.py counts them.

    Headers of functions and class bodies run at import and do not count, unless a function is all on its header's line.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = compile(source, "<segment>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return frozenset()
    found: set[int] = set()
    for code in _functions(module):
        lines = {line for _, _, line in code.co_lines() if line}
        body = lines - {code.co_firstlineno} - _header(code, lines)
        found |= body or lines
    return frozenset(line for line in found if first <= line <= last)


def _functions(module: CodeType) -> Iterator[CodeType]:
    pending = [module]
    while pending:
        code = pending.pop()
        if code.co_flags & _CO_OPTIMIZED:
            yield code
        pending.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))


def _header(code: CodeType, lines: set[int]) -> set[int]:
    """The line of `def` where decorators stand above it: the code begins at the first of them."""
    starts = [line for _, _, line in code.co_lines() if line]
    return {starts[0]} if starts and len(lines) > 1 and not code.co_name.startswith("<") else set()


def sabotage(source: str, first: int, last: int) -> tuple[Edit, ...]:
    """Return edits after which everything the segment does raises RuntimeError; none where it does nothing.

    Bodies of the outermost functions that begin in it are replaced, or of the function around it. A class without any
    is replaced by one that cannot be called or read.
    """
    tree = parse(source)
    if isinstance(tree, NotPython):
        return ()
    offsets = Offsets(source)
    functions = segment_functions(tree, first, last)
    if functions:
        return tuple(offsets.edit(node.body[0], node.body[-1], SABOTAGE) for node in functions)
    return tuple(offsets.edit(_begin(node), node, _unusable(node)) for node in _segment_classes(tree, first, last))


def segment_functions(tree: ast.Module, first: int, last: int) -> list[FunctionNode]:
    """Return the outermost functions that begin within the segment, or else the innermost one around it."""
    inside: list[FunctionNode] = []
    around: FunctionNode | None = None
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, FunctionNode):
            if first <= first_line(node) <= last or first <= node.lineno <= last:
                inside.append(node)
                continue
            if first_line(node) <= first and last <= last_line(node):
                around = node
        pending.extend(reversed(list(ast.iter_child_nodes(node))))
    if inside:
        return sorted(inside, key=lambda node: node.lineno)
    return [around] if around is not None else []


def _segment_classes(tree: ast.Module, first: int, last: int) -> Iterator[ast.ClassDef]:
    """Yield the outermost classes that lie within the segment."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ClassDef) and first <= first_line(node) and last_line(node) <= last:
            yield node
        else:
            pending.extend(ast.iter_child_nodes(node))


def _begin(node: ast.ClassDef) -> ast.AST:
    """What the text of a class begins with: its first decorator, whose `@` is a character before it, or itself."""
    if not node.decorator_list:
        return node
    decorator = min(node.decorator_list, key=lambda each: (each.lineno, each.col_offset))
    begin = ast.Pass()
    begin.lineno, begin.col_offset = decorator.lineno, node.col_offset
    return begin


def _unusable(node: ast.ClassDef) -> str:
    """A class of the same name whose instances cannot be made and whose attributes cannot be read."""
    indent = " " * node.col_offset
    lines = (
        f"class {node.name}(type):",
        f"    def __call__(cls, *_, **__): {SABOTAGE}",
        "    def __getattribute__(cls, name):",
        f"        if not (name.startswith('__') and name.endswith('__')): {SABOTAGE}",
        "        return type.__getattribute__(cls, name)",
        f"{node.name} = {node.name}('{node.name}', (), {{}})",
    )
    return f"\n{indent}".join(lines)
