"""Which names inside functions mean something of the function, whatever the file calls by the same name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from batchgen.data_types.test_code.code.definitions import Definition, FunctionNode, own_nodes

_Function = FunctionNode | ast.Lambda


def local_names(tree: ast.Module) -> set[ast.AST]:
    """Return the names (and the parts of imports) that are local to a function around them."""
    found: set[ast.AST] = set()
    pending: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, local = pending.pop()
        if not local.isdisjoint(_names(node)):
            found.add(node)
        body, inside = _scope(node, local)
        pending.extend((child, inside if child in body else local) for child in ast.iter_child_nodes(node))
    return found


def _scope(node: ast.AST, local: frozenset[str]) -> tuple[set[ast.AST], frozenset[str]]:
    """Return what of a node has names of its own, and all that are local there."""
    if not isinstance(node, _Function):
        return set(), local
    own = {item.arg for item in ast.walk(node.args) if isinstance(item, ast.arg)}
    if isinstance(node, ast.Lambda):
        return {node.body}, local | own
    elsewhere: set[str] = set()
    for item in own_nodes(node):
        if isinstance(item, ast.Global | ast.Nonlocal):
            elsewhere.update(item.names)
        else:
            own.update(_bound(item))
    return {*node.body}, (local - elsewhere) | (own - elsewhere)


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node of a function's body binds in it."""
    if isinstance(node, Definition):
        yield node.name
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        yield node.name or ""
    elif not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        yield from _names(node)
