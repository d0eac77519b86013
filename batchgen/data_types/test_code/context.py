"""What a model must see beside the target: imports it uses, the class around it, what it calls in its own module.

Each part has a budget, spent on what the target names first. The whole record stays below about 12 KB.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from batchgen.data_types.test_code.budget import clip, fitting
from batchgen.data_types.test_code.definitions import Definition, FunctionNode, last_line, statements
from batchgen.data_types.test_code.module import Module
from batchgen.data_types.test_code.targets import Target

_SOURCE_LIMIT = 6_500
_IMPORTS_LIMIT = 800
_OWNER_LIMIT = 1_800
_USES_LIMIT = 2_200
_VALUE_LIMIT = 300
_DOCSTRING_LIMIT = 300
_CALLEE_LIMIT = 900
_SHORT_INIT = 15
"""Lines up to which a constructor is shown whole: how to make an object is what a test needs first."""


class ModuleContext:
    """Knows what a module imports, assigns and defines; describes it for one target after the other."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._imports: dict[str, list[str]] = {}
        self._values: dict[str, str] = {}
        self._definitions: dict[str, Definition] = {}
        self._members: dict[ast.stmt, str] = {}
        for statement in statements(module.tree.body):
            self._note(statement)

    def describe(self, target: Target) -> dict[str, Any]:
        """Return the parts of a record's data that hold code."""
        module = self._module
        used = names_in_order(target.node)
        return {
            "source": clip(module.text(target.first, target.last), _SOURCE_LIMIT),
            "imports": fitting(self._imports_of(used), _IMPORTS_LIMIT),
            "owner": "" if target.owner is None else self._outline(target.owner, _OWNER_LIMIT, target.node),
            "uses": fitting(self._uses_of(used, target), _USES_LIMIT),
        }

    def _note(self, statement: ast.stmt) -> None:
        """Later definitions of a name replace earlier ones, as they do at run time; imports are alternatives."""
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name, line in _import_lines(statement, self._module):
                self._imports.setdefault(name, []).append(line)
        elif isinstance(statement, Definition):
            self._definitions[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            text = self._module.text(statement.lineno, last_line(statement)).strip()
            for name in _assigned_names(statement):
                self._values.setdefault(name, text)

    def _imports_of(self, used: list[str]) -> list[str]:
        lines = [line for name in [*used, "*"] for line in self._imports.get(name, ())]
        return list(dict.fromkeys(lines))

    def _uses_of(self, used: list[str], target: Target) -> Iterator[str]:
        """Yield constants and the outlines of callees, in the order the target names them."""
        hidden = {target.node, target.owner}
        shown: set[str] = set()
        for name in used:
            text = self._values.get(name)
            if text is not None and text not in shown:
                shown.add(text)
                yield clip(text, _VALUE_LIMIT)
            callee = self._definitions.get(name)
            if callee is not None and callee not in hidden:
                yield self._outline(callee, _CALLEE_LIMIT, None)

    def _outline(self, node: Definition, limit: int, target: Definition | None) -> str:
        """Return a definition without its bodies; of a class what `target` refers to comes first."""
        if not isinstance(node, ast.ClassDef):
            return clip(self._head(node), limit)
        wanted = set() if target is None else _attributes(target)
        members = [member for member in node.body if member is not target]
        members.sort(key=lambda member: _rank(member, wanted))
        head = clip(self._head(node, ending=""), limit // 2)
        texts = {text: member.lineno for member in members if (text := self._cached_member(member))}
        kept = fitting(texts, limit - len(head))
        return "\n".join([head, *sorted(kept, key=texts.__getitem__)])

    def _cached_member(self, member: ast.stmt) -> str:
        """A large class is outlined once for each of its methods."""
        if member not in self._members:
            self._members[member] = self._member(member)
        return self._members[member]

    def _member(self, member: ast.stmt) -> str:
        if isinstance(member, FunctionNode):
            length = last_line(member) - member.lineno
            if member.name == "__init__" and length < _SHORT_INIT:
                return self._module.text(member.lineno, last_line(member))
            return self._head(member, docstring=False)
        if isinstance(member, ast.Assign | ast.AnnAssign):
            return clip(self._module.text(member.lineno, last_line(member)), _VALUE_LIMIT)
        return self._module.signature(member) if isinstance(member, ast.ClassDef) else ""

    def _head(self, node: Definition, *, ending: str = "...", docstring: bool = True) -> str:
        """Return signature and first paragraph of the docstring."""
        signature = self._module.signature(node)
        indent = " " * (len(signature) - len(signature.lstrip()) + 4)
        text = (ast.get_docstring(node) or "") if docstring else ""
        paragraph = " ".join(text.split("\n\n", 1)[0].split())[:_DOCSTRING_LIMIT]
        lines = [f'"""{paragraph}"""'] if paragraph else []
        return "\n".join([signature, *(indent + line for line in [*lines, ending] if line)])


def names_in_order(node: ast.AST) -> list[str]:
    """Return the names that code mentions, each once, in the order of the text."""
    found = [(item.lineno, item.col_offset, item.id) for item in ast.walk(node) if isinstance(item, ast.Name)]
    return list(dict.fromkeys(name for _, _, name in sorted(found)))


def _import_lines(statement: ast.Import | ast.ImportFrom, module: Module) -> Iterator[tuple[str, str]]:
    """Yield each bound name with an import of it alone, made absolute."""
    for alias in statement.names:
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(statement, ast.Import):
            yield alias.asname or alias.name.partition(".")[0], f"import {alias.name}{renamed}"
        elif statement.module != "__future__":
            line = f"from {module.absolute(statement)} import {alias.name}{renamed}"
            yield alias.asname or alias.name, line


def _assigned_names(statement: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        members = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        yield from (member.id for member in members if isinstance(member, ast.Name))


def _attributes(node: ast.AST) -> set[str]:
    return {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}


def _rank(member: ast.stmt, wanted: set[str]) -> int:
    """Order members of a class by use for a test: the constructor, what the target refers to, values, the rest."""
    if isinstance(member, FunctionNode):
        if member.name in {"__init__", "__new__"}:
            return 0
        return 1 if member.name in wanted else 3
    return 2
