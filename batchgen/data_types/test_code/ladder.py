"""The rungs that a draft of a test file has to climb, the cheapest first.

These are the static ones: they read the draft and never run or import anything. Rungs that run it come after them.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchgen.data_types.contract import Refused
from batchgen.data_types.test_code.assertions import asserting
from batchgen.data_types.test_code.collection import CollectedTest, collect
from batchgen.data_types.test_code.parsing import NotPython, parse
from batchgen.data_types.test_code.pruning import prune
from batchgen.data_types.test_code.target_use import TargetName, mentions, redefines, uses

RUNGS = ("too_long", "no_code", "syntax_error", "no_tests", "target_redefined", "target_not_used", "no_assertion")
"""Reason codes in the order of the rungs they are given at."""

_SHOWN_LINE = 200


@dataclass(frozen=True, slots=True)
class SoundDraft:
    """A draft that passed every static rung: its code, and the ids of its tests as pytest writes them."""

    code: str
    tests: tuple[str, ...]


def climb(code: str, target: TargetName) -> SoundDraft | Refused:
    """Return the draft, less its tests that assert nothing, or the reason of the rung where it fell."""
    tree = parse(code, compiled=True)
    if isinstance(tree, NotPython):
        return Refused("syntax_error", _syntax_error(code, tree))
    tests = collect(tree)
    if not tests:
        return Refused("no_tests", "pytest would collect no test: write functions whose names start with test_.")
    found = mentions(tree)
    if redefines(tree, found, target):
        return Refused("target_redefined", f"The file defines {target.top} itself. {_how_to_import(target)}")
    if not uses(found, target):
        return Refused("target_not_used", f"No test uses {target.qualname}. {_how_to_import(target)}")
    kept = asserting(tree, tests)
    if not kept:
        return Refused("no_assertion", "No test asserts anything that could fail.")
    dropped = {test.node for test in tests} - {test.node for test in kept}
    return _sound(prune(code, tree, dropped), code, kept)


def _sound(pruned: str, code: str, kept: list[CollectedTest]) -> SoundDraft:
    """Prefer the pruned code, if it still is a file with exactly the tests that are kept."""
    ids = tuple(test.test_id for test in kept)
    if pruned == code:
        return SoundDraft(code, ids)
    tree = parse(pruned, compiled=True)
    same = not isinstance(tree, NotPython) and tuple(test.test_id for test in collect(tree)) == ids
    return SoundDraft(pruned if same else code, ids)


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
