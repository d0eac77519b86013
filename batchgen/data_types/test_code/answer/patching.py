"""Tests that put something else in the target's place: by `patch`, by `patch.object`, by `monkeypatch.setattr`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from batchgen.data_types.test_code.answer.target_use import TargetName

_PATCHERS = frozenset({"patch", "setattr", "delattr", "object"})
"""The last part of `mock.patch`, `mocker.patch`, `monkeypatch.setattr`, the built-in `setattr`, `patch.object`."""


def patches_target(tree: ast.AST, target: TargetName, bound: dict[str, set[str]]) -> bool:
    """Tell whether a part of a test file replaces the target by its full name or on its module or class."""
    names = set(target.homes()) | {f"{home}{target.qualname.removeprefix(target.top)}" for home in target.homes()}
    return any(not names.isdisjoint(_replaced(node, bound)) for node in ast.walk(tree))


def _replaced(node: ast.AST, bound: dict[str, set[str]]) -> Iterator[str]:
    """Yield the dotted names that a call replaces."""
    if not isinstance(node, ast.Call):
        return
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in _PATCHERS or not node.args:
        return
    first = node.args[0]
    if isinstance(first, ast.Constant):
        if isinstance(first.value, str):
            yield first.value
        return
    second = node.args[1] if len(node.args) > 1 else None
    if isinstance(second, ast.Constant) and isinstance(second.value, str):
        for owner in _dotted(first, bound):
            yield f"{owner}.{second.value}"


def _dotted(node: ast.expr, bound: dict[str, set[str]]) -> Iterator[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        for dotted in bound.get(node.id, ()):
            yield ".".join([dotted, *reversed(parts)])
