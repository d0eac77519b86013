"""What a module shows to those who use it: the names it binds, and its definitions without their bodies."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from batchgen.data_types.test_code.code.definitions import Definition, FunctionNode, last_line, statements
from batchgen.data_types.test_code.code.module import Module
from batchgen.data_types.test_code.context.budget import clip, cost, fitting

_VALUE_LIMIT = 80
_DOCSTRING_LIMIT = 300
"""Characters of a docstring's first paragraph."""
_SHORT_INIT = 15
"""Lines up to which a constructor is shown whole: how to make an object is what a test needs first."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What an import binds: a module, or a name of one."""

    module: str
    """Dotted and absolute."""
    name: str | None
    line: str
    """An import of it alone."""


class Surface:
    """A module's imports, values and definitions, and how they are shown."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.imports: dict[str, list[Binding]] = {}
        """By the name that is bound, `*` included; several are alternatives, the last one may be for type checkers."""
        self.values: dict[str, str] = {}
        self.definitions: dict[str, Definition] = {}
        self._members: dict[ast.stmt, str] = {}
        for statement in statements(module.tree.body):
            self._note(statement)
        for statement in _for_type_checkers(module.tree):
            self._note_import(statement)

    def outline(
        self,
        node: Definition,
        limit: int,
        *,
        wanted: Collection[str] = (),
        without: Definition | None = None,
    ) -> str:
        """Return a definition without bodies in `limit` tokens; of a class the constructor and `wanted` come first."""
        if not isinstance(node, ast.ClassDef):
            return clip(self._head(node), limit)
        members = [member for member in node.body if member is not without]
        members.sort(key=lambda member: _rank(member, wanted))
        head = clip(self._head(node, ending=""), limit // 2)
        texts = {text: member.lineno for member in members if (text := self._cached_member(member))}
        kept = fitting(texts, limit - cost(head))
        lines = [head, *sorted(kept, key=texts.__getitem__)]
        return "\n".join(lines if len(lines) > 1 or not texts else [*lines, "    ..."])

    def _note(self, statement: ast.stmt) -> None:
        """Later definitions of a name replace earlier ones, as they do at run time; imports are alternatives."""
        self._note_import(statement)
        if isinstance(statement, Definition):
            self.definitions[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            text = self.module.text(statement.lineno, last_line(statement)).strip()
            for name in _assigned_names(statement):
                self.values.setdefault(name, clip(text, _VALUE_LIMIT))

    def _note_import(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name, binding in _bindings(statement, self.module):
                self.imports.setdefault(name, []).append(binding)

    def _cached_member(self, member: ast.stmt) -> str:
        """A large class is outlined once for each of its methods."""
        if member not in self._members:
            self._members[member] = self._member(member)
        return self._members[member]

    def _member(self, member: ast.stmt) -> str:
        if isinstance(member, FunctionNode):
            length = last_line(member) - member.lineno
            if member.name == "__init__" and length < _SHORT_INIT:
                return self.module.text(member.lineno, last_line(member))
            return self._head(member, docstring=False)
        if isinstance(member, ast.Assign | ast.AnnAssign):
            return clip(self.module.text(member.lineno, last_line(member)), _VALUE_LIMIT)
        return self.module.signature(member) if isinstance(member, ast.ClassDef) else ""

    def _head(self, node: Definition, *, ending: str = "...", docstring: bool = True) -> str:
        """Return signature and first paragraph of the docstring."""
        signature = self.module.signature(node)
        indent = " " * (len(signature) - len(signature.lstrip()) + 4)
        text = (ast.get_docstring(node) or "") if docstring else ""
        paragraph = " ".join(text.split("\n\n", 1)[0].split())[:_DOCSTRING_LIMIT]
        lines = [f'"""{paragraph}"""'] if paragraph else []
        return "\n".join([signature, *(indent + line for line in [*lines, ending] if line)])


def _bindings(statement: ast.Import | ast.ImportFrom, module: Module) -> Iterator[tuple[str, Binding]]:
    """Yield each bound name with an import of it alone, made absolute."""
    for alias in statement.names:
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(statement, ast.Import):
            bound = alias.asname or alias.name.partition(".")[0]
            yield bound, Binding(alias.name if alias.asname else bound, None, f"import {alias.name}{renamed}")
        elif statement.module != "__future__":
            source = module.absolute(statement)
            line = f"from {source} import {alias.name}{renamed}"
            yield alias.asname or alias.name, Binding(source, alias.name, line)


def _for_type_checkers(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield what stands under `if TYPE_CHECKING` at module level: where the types of annotations come from."""
    for statement in tree.body:
        if isinstance(statement, ast.If):
            test = statement.test
            if (test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")) == "TYPE_CHECKING":
                yield from statement.body


def _assigned_names(statement: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        members = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        yield from (member.id for member in members if isinstance(member, ast.Name))


def _rank(member: ast.stmt, wanted: Collection[str]) -> int:
    """Order members of a class by use for a test: the constructor, what is wanted, values, the rest, private last."""
    if isinstance(member, FunctionNode):
        if member.name in {"__init__", "__new__"}:
            return 0
        if member.name in wanted:
            return 1
        return 4 if member.name.startswith("_") else 3
    return 2
