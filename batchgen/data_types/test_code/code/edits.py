"""Changes to a source text, as places and replacements: computed here, applied where the text lies."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from batchgen.data_types.test_code.code.definitions import Definition


@dataclass(frozen=True, slots=True)
class Edit:
    """The characters `start` to `end` (from 0, `end` excluded) of a text give way to `replacement`."""

    start: int
    end: int
    replacement: str


def apply(source: str, edits: Iterable[Edit]) -> str:
    """Return the text with all edits made; they refer to the text as it was, and do not overlap."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [source[at : edit.start], edit.replacement]
        at = edit.end
    return "".join([*parts, source[at:]])


class Positions:
    """Where the nodes of a tree stand in its text: Python counts lines and UTF-8 bytes, edits count characters.

    The text has plain line feeds, as `parsing.decode` returns it.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines = source.split("\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Return the offset of its first character, that of the `@` where it is decorated."""
        if isinstance(node, Definition) and node.decorator_list:
            return self._source.rindex("@", 0, self.start(node.decorator_list[0]))
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Return the offset behind its last character."""
        return self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def text(self, node: ast.expr | ast.stmt) -> str:
        """Return what is written there."""
        return self._source[self.start(node) : self.end(node)]

    def line(self, offset: int) -> int:
        """Return the line (from 1) that an offset is in."""
        return bisect_right(self._starts, offset)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line (from 1) and a column (in UTF-8 bytes, from 0), as nodes have them."""
        text = self._lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode())
        return self._starts[line - 1] + column
