"""Which tests pytest would collect from a file, read from its tree.

Follows pytest's defaults: functions `test*`, classes `Test*` without a constructor, `unittest` classes by any name,
inherited tests, the later of two definitions of one name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batchgen.data_types.test_code.code.definitions import (
    FunctionNode,
    base_names,
    decorator_names,
    definitions,
    own_nodes,
    statements,
)

_NO_TESTS = frozenset({"fixture", "property", "cached_property"})
_UNITTEST_BASES = frozenset({"TestCase", "IsolatedAsyncioTestCase"})
_MAX_BASES = 10
"""Longer chains of classes are no tests, and following each to its end would take quadratic time."""
_CONSTRUCTORS = frozenset({"__init__", "__new__"})


@dataclass(frozen=True, slots=True)
class CollectedTest:
    """One test: its id as pytest writes it, without the file (`TestA::test_x`), and its function."""

    test_id: str
    node: FunctionNode
    owner: ast.ClassDef | None
    """The class that defines it."""
    classes: tuple[ast.ClassDef, ...] = ()
    """The classes whose set-up it may have: the one it is collected from, its bases, and those around it."""

    @property
    def holder(self) -> ast.ClassDef | None:
        """The class it is collected from: its own one, or one that inherits it."""
        return self.classes[0] if self.classes else None


def collect(tree: ast.Module) -> list[CollectedTest]:
    """Return the tests of a file in pytest's order."""
    return list(_collect(tree.body, "", {}, ()))


def _collect(
    body: Sequence[ast.stmt], prefix: str, around: dict[str, ast.ClassDef], outer: tuple[ast.ClassDef, ...]
) -> Iterator[CollectedTest]:
    defined = _defined(body)
    classes = around | {name: node for name, node in defined.items() if isinstance(node, ast.ClassDef)}
    for name, node in defined.items():
        if isinstance(node, ast.ClassDef):
            yield from _collect_class(node, f"{prefix}{name}::", classes, outer)
        elif isinstance(node, FunctionNode) and not prefix and _is_test(node):
            yield CollectedTest(name, node, None)


def _collect_class(
    node: ast.ClassDef, prefix: str, classes: dict[str, ast.ClassDef], outer: tuple[ast.ClassDef, ...]
) -> Iterator[CollectedTest]:
    line = _lineage(node, classes)
    unittest = any(base in _UNITTEST_BASES for item in line for base in base_names(item))
    if not (unittest or _is_test_class(node, line)):
        return
    # The nearest class that defines a name has it, as in Python's own lookup.
    members: dict[str, tuple[ast.stmt, ast.ClassDef]] = {}
    for owner in line:
        for name, member in _defined(owner.body).items():
            members.setdefault(name, (member, owner))
    around = (*line, *outer)
    for name, (member, owner) in members.items():
        if isinstance(member, FunctionNode) and _is_test(member):
            yield CollectedTest(prefix + name, member, owner, around)
    if not unittest:
        inner = [item for item in definitions(node.body) if isinstance(item, ast.ClassDef)]
        yield from _collect(inner, prefix, classes, around)


def _defined(body: Sequence[ast.stmt]) -> dict[str, ast.stmt]:
    """Return what each name of a level means in the end: a function, a class, or `name = None`, which is no test."""
    found: dict[str, ast.stmt] = {}
    for node in statements(body):
        if isinstance(node, FunctionNode | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found.update({target.id: node for target in node.targets if isinstance(target, ast.Name)})
    return found


def _lineage(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """Return the class and the bases that the file defines, nearest first."""
    line: dict[ast.ClassDef, None] = {}
    pending = [node]
    while pending and len(line) < _MAX_BASES:
        current = pending.pop()
        if current not in line:
            line[current] = None
            pending.extend(reversed([classes[name] for name in base_names(current) if name in classes]))
    return list(line)


def _is_test_class(node: ast.ClassDef, line: list[ast.ClassDef]) -> bool:
    if not node.name.startswith("Test"):
        return False
    constructors = any(item.name in _CONSTRUCTORS for owner in line for item in definitions(owner.body))
    return not constructors and not any(map(_opts_out, statements(node.body)))


def _opts_out(statement: ast.stmt) -> bool:
    """Tell whether it is `__test__ = False`."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
        return False
    names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return "__test__" in names and not statement.value.value


def _is_test(node: FunctionNode) -> bool:
    """Fixtures are no tests, and pytest refuses tests that yield."""
    if not node.name.startswith("test") or decorator_names(node) & _NO_TESTS:
        return False
    return not any(isinstance(item, ast.Yield | ast.YieldFrom) for item in own_nodes(node))
