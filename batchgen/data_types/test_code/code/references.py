"""What a piece of code refers to, by the names in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from batchgen.data_types.test_code.code.definitions import FunctionNode

_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def references(*nodes: ast.AST) -> list[str]:
    """Return what code mentions, `cart` or `shop.cart.Item`, each once, in the order of the text.

    Annotations that are written as strings are read too.
    """
    found = [place for node in nodes for place in _mentioned(node)]
    return list(dict.fromkeys(name for _, _, name in sorted(found)))


def first_names(dotted: list[str]) -> list[str]:
    """Return what the references begin with, each once."""
    return list(dict.fromkeys(name.partition(".")[0] for name in dotted))


def attributes(node: ast.AST) -> set[str]:
    """Return the names of all attributes that code mentions, whatever they belong to."""
    return {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}


def parameter_types(function: FunctionNode) -> list[ast.expr]:
    """Return the annotations of a function's parameters."""
    given = function.args
    arguments = (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg)
    return [item.annotation for item in arguments if item is not None and item.annotation is not None]


def _mentioned(node: ast.AST) -> Iterator[tuple[int, int, str]]:
    pending = [node]
    while pending:
        item = pending.pop()
        dotted = _dotted(item)
        if dotted:
            yield item.lineno, item.col_offset, dotted  # type: ignore[attr-defined]
            continue
        if isinstance(item, FunctionNode):
            yield from _quoted([*parameter_types(item), item.returns])
        elif isinstance(item, ast.AnnAssign):
            yield from _quoted([item.annotation])
        pending.extend(ast.iter_child_nodes(item))


def _quoted(found: list[ast.expr | None]) -> Iterator[tuple[int, int, str]]:
    for annotation in found:
        for item in ast.walk(annotation) if annotation is not None else ():
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                yield from ((item.lineno, item.col_offset, name) for name in _DOTTED.findall(item.value))


def _dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a name or a chain of attributes on one, else nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
