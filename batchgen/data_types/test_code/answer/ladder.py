"""The rungs that a draft of a test file has to climb, the cheapest first.

These are the static ones: they read the draft and never run or import anything. Rungs that run it come after them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from batchgen.data_types.contract import Refused
from batchgen.data_types.test_code.answer.assertions import asserting
from batchgen.data_types.test_code.answer.collection import CollectedTest, collect
from batchgen.data_types.test_code.answer.forbidden import forbidden
from batchgen.data_types.test_code.answer.patching import patches_target
from batchgen.data_types.test_code.answer.pruning import only, with_hidden_imports
from batchgen.data_types.test_code.answer.target_use import Mentions, TargetName, mentions, redefines, uses, uses_module
from batchgen.data_types.test_code.code.definitions import FunctionNode, is_main_guard
from batchgen.data_types.test_code.code.parsing import NotPython, parse

RUNGS = (
    "too_long",
    "no_code",
    "syntax_error",
    "no_tests",
    "target_redefined",
    "target_not_used",
    "no_assertion",
    "target_patched",
    "forbidden_call",
)
"""Reason codes in the order of the rungs they are given at."""

_SHOWN_LINE = 200


@dataclass(frozen=True, slots=True)
class RefusedTest:
    """A test that is not kept, by its id, with a reason code and what was wrong in words."""

    test: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SoundDraft:
    """A draft that passed every static rung: its code, the ids of its tests as pytest writes them, what fell."""

    code: str
    tests: tuple[str, ...]
    refused: tuple[RefusedTest, ...] = ()


def climb(code: str, target: TargetName, *, is_run: bool = False) -> SoundDraft | Refused:
    """Return the draft, less its tests that fell, or the reason of the rung where it or the last of them did.

    A draft that is run afterwards need not name the target: to use its module is enough, the run tells the rest.
    """
    code = with_hidden_imports(code)
    tree = parse(code, compiled=True)
    if isinstance(tree, NotPython):
        return Refused("syntax_error", _syntax_error(code, tree))
    tests = collect(tree)
    found = mentions(tree)
    problem = _problem_of_the_file(tree, tests, found, target, is_run=is_run)
    return problem or _climb_one_by_one(code, tree, tests, found, target)


def _problem_of_the_file(
    tree: ast.Module, tests: list[CollectedTest], found: Mentions, target: TargetName, *, is_run: bool
) -> Refused | None:
    if not tests:
        return Refused("no_tests", "pytest would collect no test: write functions whose names start with test_.")
    if redefines(tree, found, target):
        return Refused("target_redefined", f"The file defines {target.top} itself. {_how_to_import(target)}")
    if not (uses_module if is_run else uses)(found, target):
        return Refused("target_not_used", f"No test uses {target.qualname}. {_how_to_import(target)}")
    return _problem(_without(tree, {test.node for test in tests}), target, found)


def _climb_one_by_one(
    code: str, tree: ast.Module, tests: list[CollectedTest], found: Mentions, target: TargetName
) -> SoundDraft | Refused:
    """Leave out the tests that fall; returns the reason of the last one where none is left."""
    asserts = {test.test_id for test in asserting(tree, tests)}
    refused = []
    for test in tests:
        fallen = _problem(test.node, target, found)
        if test.test_id not in asserts:
            fallen = Refused("no_assertion", "It asserts nothing that could fail.")
        if fallen is not None:
            refused.append(RefusedTest(test.test_id, fallen.reason, fallen.detail))
    gone = {each.test for each in refused}
    kept = [test for test in tests if test.test_id not in gone]
    if not kept:
        worst = max(refused, key=lambda each: RUNGS.index(each.reason))
        return Refused(worst.reason, _WHOLE.get(worst.reason, worst.detail))
    ids = tuple(test.test_id for test in kept)
    return SoundDraft(only(code, ids) or code, ids, tuple(refused))


_WHOLE = {"no_assertion": "No test asserts anything that could fail."}


def _problem(part: ast.AST, target: TargetName, found: Mentions) -> Refused | None:
    """Say what a part of the file does that it must not."""
    if patches_target(part, target, found.bound):
        return Refused("target_patched", f"It replaces {target.qualname} by something else: call the real one.")
    called = forbidden(part, found.bound, target.module)
    if called:
        return Refused("forbidden_call", f"It uses {called}, which tests must not: no processes, network, or tracing.")
    return None


def _without(tree: ast.Module, nodes: set[FunctionNode]) -> ast.Module:
    """Return the file's statements but the tests; of a class with tests what else is in it."""
    kept: list[ast.stmt] = []
    pending = list(reversed(tree.body))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ClassDef):
            pending.extend(reversed(node.body))
        elif node not in nodes and not is_main_guard(node):
            kept.append(node)
    return ast.Module(body=kept, type_ignores=[])


def _syntax_error(code: str, error: NotPython) -> str:
    lines = code.split("\n")
    line = lines[error.line - 1].strip()[:_SHOWN_LINE] if error.line <= len(lines) else ""
    shown = line.encode("utf-8", "replace").decode("utf-8")
    return f"Line {error.line} of the code is not valid Python: {error.problem}: {shown}".rstrip(": ")


def _how_to_import(target: TargetName) -> str:
    if target.through:
        target = TargetName(target.module, target.through)
    called = target.qualname if target.member else "it"
    return f"Import {target.top} from {target.module} and call {called}."
