"""One parsed source file: its name, its lines, its tree."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from batchgen.data_types.test_code.code.definitions import Definition, first_line


@dataclass(frozen=True, slots=True)
class Module:
    """A source file as Python sees it."""

    path: str
    """Below the source root, with slashes."""
    name: str
    """Dotted, as it is imported."""
    is_package: bool
    lines: list[str]
    tree: ast.Module

    def text(self, first: int, last: int) -> str:
        """Return the lines first to last (from 1), both included."""
        return "\n".join(self.lines[first - 1 : last])

    def signature(self, node: Definition) -> str:
        """Return the head of a definition as it is written: decorators, name, parameters or bases."""
        body = node.body[0]
        start = first_line(body)
        head = self.lines[first_line(node) - 1 : start - 1]
        before_body = self.lines[start - 1].encode()[: body.col_offset].decode(errors="ignore")
        if before_body.strip() not in {"", "@"}:
            head.append(before_body.rstrip())
        while head and head[-1].strip()[:1] in {"", "#"}:
            head.pop()
        return "\n".join(head)

    def absolute(self, node: ast.ImportFrom) -> str:
        """Return the module that a `from` statement of this file names, without leading dots."""
        if not node.level:
            return node.module or ""
        package = self.name.split(".")
        up = node.level - 1 if self.is_package else node.level
        package = package[: len(package) - up] if up else package
        return ".".join([*package, node.module] if node.module else package)
