"""Which tests assert something: by `assert`, by pytest, by unittest, by mocks, or by a helper of the file that does."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

from batchgen.data_types.test_code.collection import CollectedTest
from batchgen.data_types.test_code.definitions import FunctionNode

_CALLS = frozenset({"raises", "warns", "deprecated_call", "fail"})
"""Of pytest (`with raises(…)`) and unittest (`self.fail()`)."""
_SAYS_SOMETHING = (ast.Name, ast.Attribute, ast.Call, ast.Await)


def asserting(tree: ast.Module, tests: Iterable[CollectedTest]) -> list[CollectedTest]:
    """Return the tests that assert something that could be otherwise; `assert True` asserts nothing."""
    callers: dict[str, set[str]] = defaultdict(set)
    asserts: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            called, direct = _reads(node)
            for name in called:
                callers[name].add(node.name)
            if direct:
                asserts.add(node.name)
    helping = _with_callers(asserts, callers)
    return [test for test in tests if _asserts(test.node, helping)]


def _with_callers(names: set[str], callers: dict[str, set[str]]) -> set[str]:
    """Return the names and whatever calls them, directly or through others."""
    found = set(names)
    pending = [*names]
    while pending:
        new = callers.get(pending.pop(), set()) - found
        found |= new
        pending.extend(new)
    return found


def _asserts(function: FunctionNode, helping: set[str]) -> bool:
    called, direct = _reads(function)
    return direct or not helping.isdisjoint(called)


def _reads(function: FunctionNode) -> tuple[set[str], bool]:
    """Return the names that a function calls, and whether it asserts by itself."""
    called: set[str] = set()
    direct = False
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            direct = direct or _can_fail(node.test)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            called.add(name)
            direct = direct or name in _CALLS or name.startswith("assert")
    return called, direct


def _can_fail(condition: ast.expr) -> bool:
    """Tell whether a condition depends on anything: a constant does not, and a tuple is true."""
    if isinstance(condition, ast.Tuple):
        return not condition.elts
    return any(isinstance(node, _SAYS_SOMETHING) for node in ast.walk(condition))
