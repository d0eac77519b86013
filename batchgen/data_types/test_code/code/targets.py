"""What is worth a test of its own: functions, classes of moderate size, and the methods of larger ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batchgen.data_types.test_code.code.definitions import (
    Definition,
    FunctionNode,
    decorator_names,
    definitions,
    first_line,
    last_line,
    without_docstring,
)

_KINDS = {
    "classmethod": "class method",
    "staticmethod": "static method",
    "property": "property",
    "cached_property": "property",
    "getter": "property",
    "setter": "property setter",
    "deleter": "property deleter",
}
"""What a method is called, by its decorator."""


@dataclass(frozen=True, slots=True)
class Target:
    """A segment of a module that one record asks tests for."""

    qualname: str
    kind: str
    """In words, for the prompt: function, async method, property, …"""
    first: int
    last: int
    node: Definition
    owner: ast.ClassDef | None
    """The class it is a member of."""
    through: str = ""
    """The qualified name of the function that dispatches to it (`@render.register`), where one does."""


def find_targets(
    body: Sequence[ast.stmt], max_lines: int, owner: ast.ClassDef | None = None, prefix: str = ""
) -> Iterator[Target]:
    """Yield the targets of a module or class body in source order.

    A class is one target up to `max_lines` lines, else its methods and inner classes are. A function is one target
    however long it is, and what is defined inside it belongs to it. Overloads, abstract and other empty bodies, and
    classes that only hold values are left out: there is nothing to run.
    """
    found = list(definitions(body))
    siblings = {node.name for node in found}
    for node in found:
        qualname = prefix + node.name
        first, last = first_line(node), last_line(node)
        if not isinstance(node, ast.ClassDef):
            dispatcher = _dispatcher(node, siblings)
            if not _is_empty(node) and (dispatcher or node.name != "_"):
                through = prefix + dispatcher if dispatcher else ""
                yield Target(qualname, _kind(node, owner), first, last, node, owner, through)
        elif last - first >= max_lines:
            yield from find_targets(node.body, max_lines, node, f"{qualname}.")
        elif _does_something(node):
            yield Target(qualname, "class", first, last, node, owner)


def _kind(node: FunctionNode, owner: ast.ClassDef | None) -> str:
    kind = "function"
    if owner is not None:
        decorators = decorator_names(node)
        kind = next((kind for name, kind in _KINDS.items() if name in decorators), "method")
    return f"async {kind}" if isinstance(node, ast.AsyncFunctionDef) else kind


def _is_empty(node: FunctionNode) -> bool:
    """Tell whether there is nothing to run."""
    return "overload" in decorator_names(node) or all(map(_says_nothing, without_docstring(node.body)))


def _dispatcher(node: FunctionNode, siblings: set[str]) -> str:
    """Return `render` for `@render.register` and `@render.register(int)` where `render` is a sibling, else nothing."""
    for decorator in node.decorator_list:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(named, ast.Attribute) and named.attr == "register" and isinstance(named.value, ast.Name):
            return named.value.id if named.value.id in siblings else ""
    return ""


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _does_something(node: ast.ClassDef) -> bool:
    """Tell whether a class has behaviour: a method with a body, or fields that a decorator makes methods from."""
    if any(True for _ in find_targets(node.body, 0, node)):
        return True
    return bool(node.decorator_list) and any(isinstance(item, ast.AnnAssign) for item in node.body)
