"""Which tests assert something: by `assert`, by pytest, by unittest, by mocks, or by a helper of the file that does."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

from batchgen.data_types.test_code.answer.collection import CollectedTest
from batchgen.data_types.test_code.code.definitions import FunctionNode

_CALLS = frozenset({"raises", "warns", "deprecated_call", "fail"})
"""Of pytest (`with raises(…)`) and unittest (`self.fail()`)."""
_BROAD = frozenset({"AssertionError", "Exception", "BaseException"})
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
    swallowed = _swallowed(function)
    for node in ast.walk(function):
        if node in swallowed:
            continue
        if isinstance(node, ast.Assert):
            direct = direct or _can_fail(node.test)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            called.add(name)
            direct = direct or name in _CALLS or name.startswith("assert")
    return called, direct


def _swallowed(function: FunctionNode) -> set[ast.AST]:
    """Return what stands in a `try`, `suppress` or `raises` that lets no failed assertion out."""
    found: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Try | ast.TryStar):
            swallows = any(map(_swallows, node.handlers))
        else:
            swallows = isinstance(node, ast.With | ast.AsyncWith) and any(_takes(item, node) for item in node.items)
        if swallows and isinstance(node, ast.Try | ast.TryStar | ast.With | ast.AsyncWith):
            found.update(inner for statement in node.body for inner in ast.walk(statement))
            if isinstance(node, ast.With | ast.AsyncWith):
                found.update(inner for item in node.items for inner in ast.walk(item))
    return found


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler takes a failed assertion and goes on: no `raise`, no assertion of its own, no `fail()`."""
    if handler.type is not None and not any(_is_broad(item) for item in ast.walk(handler.type)):
        return False
    inner = [item for statement in handler.body for item in ast.walk(statement)]
    calls = (item.func for item in inner if isinstance(item, ast.Call))
    named = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
    return "fail" not in named and not any(isinstance(item, ast.Raise | ast.Assert) for item in inner)


def _takes(item: ast.withitem, block: ast.With | ast.AsyncWith) -> bool:
    """Tell whether a context takes failed assertions: `suppress`, or `raises` around an `assert` of the test's own."""
    call = item.context_expr
    if not isinstance(call, ast.Call) or not any(_is_broad(inner) for each in call.args for inner in ast.walk(each)):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    holds_assert = any(isinstance(inner, ast.Assert) for statement in block.body for inner in ast.walk(statement))
    return name == "suppress" or (name in {"raises", "assertRaises"} and holds_assert)


def _is_broad(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in _BROAD


def _can_fail(condition: ast.expr) -> bool:
    """Tell whether a condition depends on anything: a constant does not, and a tuple is true."""
    if isinstance(condition, ast.Tuple):
        return not condition.elts
    return any(isinstance(node, _SAYS_SOMETHING) for node in ast.walk(condition))
