"""A test file without the tests that are not kept."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from batchgen.data_types.test_code.answer.collection import collect
from batchgen.data_types.test_code.code.definitions import first_line, is_main_guard, last_line
from batchgen.data_types.test_code.code.parsing import NotPython, parse


def prune(code: str, tree: ast.Module, dropped: Iterable[ast.stmt]) -> str:
    """Return the code without the given definitions, and without what it does when it is run as a script.

    A class that would be left empty goes as a whole. Lines are cut, the rest stays as it was written.
    """
    gone = {*dropped, *filter(is_main_guard, tree.body)}
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    gone.update(node for node in reversed(classes) if gone.issuperset(node.body))
    lines = code.split("\n")
    for node in gone:
        for number in range(first_line(node) - 1, last_line(node)):
            lines[number] = "\0"
    kept = [line for line in lines if line != "\0"]
    return "\n".join(kept).rstrip() + "\n"


def only(code: str, tests: Collection[str]) -> str:
    """Return a test file with no tests but these."""
    tree = parse(code)
    if isinstance(tree, NotPython):
        return code
    collected = collect(tree)
    kept = {test.node for test in collected if test.test_id in tests}
    return prune(code, tree, {test.node for test in collected} - kept)
