"""What reading a table gives: rows, and lines that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


# Not frozen: a frozen one takes three times as long to make, and one is made for every row.
@dataclass(slots=True)
class Row:
    """A row: its number from 1 (bad lines count, blank ones do not), its line or None, and its values by column.

    Values are JSON-able: text in a CSV, anything in JSON lines and Parquet.
    """

    number: int
    line: int | None
    values: dict[str, Any]
    file: str = ""
    """Which of several files it stands in."""

    @property
    def place(self) -> str:
        """Where the row stands, for people."""
        place = f"row {self.number}" if self.line is None else f"line {self.line}"
        return f"{place} of {self.file}" if self.file else place


@dataclass(slots=True)
class BadLine:
    """A line, or several that a quoted cell spans, that holds no row."""

    number: int
    line: int
    problem: str
    last_line: int | None = None
    file: str = ""
    """Which of several files it stands in."""

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        several = self.last_line is not None and self.last_line != self.line
        place = f"lines {self.line} to {self.last_line}" if several else f"line {self.line}"
        return f"{place} of {self.file}" if self.file else place
