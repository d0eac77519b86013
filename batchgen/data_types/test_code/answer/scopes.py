"""Which names in functions and classes mean something of their own, whatever the file calls by the same name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from batchgen.data_types.test_code.code.definitions import Definition, FunctionNode, own_nodes

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_NOTHING: frozenset[str] = frozenset()


def local_names(tree: ast.Module) -> set[ast.AST]:
    """Return the names (and the parts of imports) that are local to what is around them.

    That is a function, a comprehension, or the body of a class.
    """
    found: set[ast.AST] = set()
    pending: list[tuple[ast.AST, frozenset[str], frozenset[str]]] = [(tree, _NOTHING, _NOTHING)]
    while pending:
        node, local, of_class = pending.pop()
        if not (local | of_class).isdisjoint(_names(node)):
            found.add(node)
        body, inside, members = _scope(node, local)
        pending.extend(
            (child, inside, members) if child in body else (child, local, of_class)
            for child in ast.iter_child_nodes(node)
        )
    return found


def _scope(node: ast.AST, local: frozenset[str]) -> tuple[set[ast.AST], frozenset[str], frozenset[str]]:
    """Return what of a node has names of its own, which are local there, and which in it but in no function of it."""
    if isinstance(node, ast.ClassDef):
        return {*node.body}, local, frozenset(_own(node))
    if isinstance(node, ast.Lambda):
        return {node.body}, local | _parameters(node.args), _NOTHING
    if isinstance(node, _Comprehension):
        targets = {name for each in node.generators for item in ast.walk(each.target) for name in _names(item)}
        return {*ast.iter_child_nodes(node)}, local | targets, _NOTHING
    if not isinstance(node, FunctionNode):
        return set(), local, _NOTHING
    elsewhere = {name for item in own_nodes(node) if isinstance(item, ast.Global | ast.Nonlocal) for name in item.names}
    return {*node.body}, (local | _parameters(node.args) | _own(node)) - elsewhere, _NOTHING


def _parameters(arguments: ast.arguments) -> set[str]:
    return {item.arg for item in ast.walk(arguments) if isinstance(item, ast.arg)}


def _own(node: Definition) -> set[str]:
    items = list(own_nodes(node))
    of_comprehensions = {
        inner for item in items if isinstance(item, ast.comprehension) for inner in ast.walk(item.target)
    }
    return {name for item in items if item not in of_comprehensions for name in _bound(item)}


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node of a body binds in it."""
    if isinstance(node, Definition):
        yield node.name
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        yield node.name or ""
    elif not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        yield from _names(node)
