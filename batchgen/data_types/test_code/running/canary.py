"""A test file in which every test fails at once: whoever still sees one of them pass cannot be believed.

Decorators, fixtures, hooks and plugins of a file may turn failures around; which of them does need not be known.
"""

from __future__ import annotations

from batchgen.data_types.test_code.answer.collection import collect
from batchgen.data_types.test_code.code.edits import Edit, Positions, apply
from batchgen.data_types.test_code.code.parsing import NotPython, parse


def with_failing_tests(code: str, word: str) -> str:
    """Return the file with `raise AssertionError(word)` at the beginning of each test that pytest would collect."""
    tree = parse(code)
    if isinstance(tree, NotPython):
        return code
    positions = Positions(code)
    edits: dict[int, Edit] = {}
    for node in {test.node for test in collect(tree)}:
        first = node.body[0]
        start = positions.start(first)
        before = code[code.rfind("\n", 0, start) + 1 : start]
        ending = f"\n{before}" if not before.strip() else "; "  # a body on its header's line holds simple statements
        edits[start] = Edit(start, start, f"raise AssertionError({word!r}){ending}")
    return apply(code, edits.values())
