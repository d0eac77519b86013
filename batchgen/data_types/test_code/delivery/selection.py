"""Which tests the files hold: the least that execute every line and notice every mutant that all of them do."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace

from batchgen.data_types.test_code.answer.collection import CollectedTest, collect
from batchgen.data_types.test_code.code.definitions import FunctionNode, without_docstring
from batchgen.data_types.test_code.code.parsing import NotPython, parse
from batchgen.data_types.test_code.delivery.merging import Piece, take_apart

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kept test of an accepted record, and what it is good for."""

    record_id: str
    test: str
    order: tuple[int, int]
    """Where it stands: its record's first line, and its place in the answer."""
    length: int
    """Characters of its code."""
    shape: str
    """The same for tests that differ in name, comments and docstring only, and mean the same by every other name."""
    gives: frozenset[Hashable] = field(default_factory=frozenset)
    """Lines of the module and mutants of the record; empty where nobody has run it."""


def choose(candidates: Iterable[Candidate]) -> set[tuple[str, str]]:
    """Return (record id, test) of the tests to deliver. Each covers something that no other chosen one does.

    Of tests that are alike but for their name one remains. Tests that nobody has run all stay, but for those.
    """
    by_shape: dict[str, Candidate] = {}
    for each in sorted(candidates, key=lambda each: (-len(each.gives), each.order, each.record_id, each.test)):
        alike = by_shape.setdefault(each.shape, each)  # it does what both were seen to do: it is the same code
        by_shape[each.shape] = replace(alike, gives=alike.gives | each.gives)
    left = list(by_shape.values())
    chosen = [each for each in left if not each.gives]
    left = [each for each in left if each.gives]
    covered: set[Hashable] = set()
    while left:
        best = max(left, key=lambda each: (len(each.gives - covered), -each.length, _reversed(each.order)))
        if best.gives <= covered:
            break
        covered |= best.gives
        chosen.append(best)
        left.remove(best)
    return {(each.record_id, each.test) for each in _without_needless(chosen)}


def candidates(record_id: str, first: int, output: dict[str, object]) -> list[Candidate]:
    """Return the candidates of an accepted output; a record nothing is known to cover keeps a test for itself."""
    code = str(output["code"])
    tree = parse(code)
    if isinstance(tree, NotPython):
        return []
    evidence = output.get("evidence")
    piece, tests = take_apart(record_id, code), collect(tree)
    functions = {test.node for test in tests}
    found = []
    for place, test in enumerate(tests):
        gives: frozenset[Hashable] = frozenset()
        if isinstance(evidence, dict):
            shown = evidence.get(test.test_id, {"lines": [], "kills": []})
            gives = frozenset([*shown["lines"], *((record_id, kill) for kill in shown["kills"])]) or frozenset(
                [record_id]
            )
        text = ast.get_source_segment(code, test.node) or ""
        try:
            shape = _shape(test, functions, piece)
        except RecursionError:  # deeper than any other test is: it has no equal
            shape = f"{record_id}::{test.test_id}"
        found.append(Candidate(record_id, test.test_id, (first, place), len(text), shape, gives))
    return found


def _shape(test: CollectedTest, tests: set[FunctionNode], piece: Piece) -> str:
    """Describe the test without its name, with its class's set-up and whatever of its file its names lead to."""
    node = test.node
    parts: list[ast.AST] = [*node.decorator_list, node.args, *without_docstring(node.body)]
    for around in test.classes:
        own_body = (item for item in around.body if item not in tests and item not in test.classes)
        parts += [*around.decorator_list, *around.bases, *own_body]
    own = [ast.dump(part) for part in parts]
    bound: dict[str, str] = {}
    for name, meaning in piece.bindings():
        bound[name] = bound.get(name, "") + meaning
    led_to: dict[str, str] = {}
    pending = list(own)
    while pending:
        for word in _WORD.findall(pending.pop()):
            if word in bound:
                led_to[word] = bound.pop(word)
                pending.append(led_to[word])
    if piece.alone:  # what changes its whole file has no equal elsewhere
        own.append(piece.title)
    return "\n".join([*own, *(f"{name}: {led_to[name]}" for name in sorted(led_to))])


def _without_needless(chosen: list[Candidate]) -> list[Candidate]:
    """Leave out, the last chosen first, those whose whole worth the others have."""
    kept = list(chosen)
    for each in reversed(chosen):
        others = {item for other in kept if other is not each for item in other.gives}
        if each.gives and each.gives <= others:
            kept.remove(each)
    return kept


def _reversed(order: tuple[int, int]) -> tuple[int, int]:
    return -order[0], -order[1]
