"""What a module or class body defines, in source order, seen through `if`, `try`, `with` and loops.

Everything here walks without recursion: answers are untrusted, and a tree can be deeper than Python's stack.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Definition = FunctionNode | ast.ClassDef

_HOLDS_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that belong to this level, those inside its compound statements included.

    What stands under `if TYPE_CHECKING` or `if __name__ == "__main__"` never exists for an importer and is left out.
    """
    pending: list[ast.AST] = list(reversed(body))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, Definition):
            continue
        if isinstance(node, ast.If) and (is_main_guard(node) or _name(node.test) == "TYPE_CHECKING"):
            pending.extend(reversed(node.orelse))
            continue
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, _HOLDS_STATEMENTS)]
        pending.extend(reversed(inner))


def definitions(body: Sequence[ast.stmt]) -> Iterator[Definition]:
    """Yield the functions and classes of this level, not those inside them."""
    return (node for node in statements(body) if isinstance(node, Definition))


def is_main_guard(node: ast.stmt) -> bool:
    """Tell whether it is `if __name__ == "__main__":` and nothing else."""
    if not isinstance(node, ast.If) or node.orelse or not isinstance(node.test, ast.Compare):
        return False
    return _name(node.test.left) == "__name__" and isinstance(node.test.ops[0], ast.Eq)


def first_line(node: ast.stmt) -> int:
    """Return the line it begins at, decorators included."""
    if isinstance(node, Definition) and node.decorator_list:
        return min(node.lineno, *(decorator.lineno for decorator in node.decorator_list))
    return node.lineno


def last_line(node: ast.stmt) -> int:
    """Return the line it ends at."""
    return node.end_lineno or node.lineno


def decorator_names(node: Definition) -> set[str]:
    """Return the last part of each decorator's name: `pytest.mark.skip(...)` is `skip`."""
    called = (item.func if isinstance(item, ast.Call) else item for item in node.decorator_list)
    return {_name(item) for item in called}


def base_names(node: ast.ClassDef) -> list[str]:
    """Return the last part of each base's name."""
    return [_name(base) for base in node.bases]


def without_docstring(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """Return the body without a leading string."""
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def own_nodes(definition: Definition) -> Iterator[ast.AST]:
    """Yield the nodes of a definition's body that are not inside a nested function or class."""
    pending: list[ast.AST] = list(reversed(definition.body))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, Definition | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
