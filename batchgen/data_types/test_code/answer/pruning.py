"""A test file without the tests that are not kept."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator

from batchgen.data_types.test_code.answer.collection import CollectedTest, collect
from batchgen.data_types.test_code.answer.scopes import local_names
from batchgen.data_types.test_code.code.definitions import (
    Definition,
    FunctionNode,
    definitions,
    first_line,
    is_main_guard,
    last_line,
)
from batchgen.data_types.test_code.code.edits import Edit, Positions, apply
from batchgen.data_types.test_code.code.parsing import NotPython, parse

_ROUNDS = 10
"""What one cut uncovers (an earlier definition, an inherited test) the next one takes; more layers no file has."""
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_DEF = re.compile(r"(?:async\s+)?def\s+")


def only(code: str, tests: Collection[str]) -> str | None:
    """Return the file with exactly these of its tests, or None where it cannot be cut so.

    Lines are cut, the rest stays as it was written. What the file does as a script goes too, and classes in which no
    test is left. What the rest uses stays: such a test function gets another name, such a class loses its tests only.
    A test that is inherited by some whose it is kept is hidden from the others by `test_a = None`. What a test that
    others call would mean under another name must be plain: else the file cannot be cut.
    """
    wanted = set(tests)
    for _ in range(_ROUNDS):
        tree = parse(code, compiled=True)
        if isinstance(tree, NotPython):
            return None
        found = collect(tree)
        edits = _Cut(code, tree, found, wanted).edits()
        if edits is None:
            return None
        if not edits:
            return code if wanted == {test.test_id for test in found} else None
        code = apply(code, edits).rstrip() + "\n"
    return None


def with_hidden_imports(code: str) -> str:
    """Return the file with imported functions `test*` under names that pytest does not collect.

    Names that mean something else too, as a parameter does, stay.
    """
    tree = parse(code)
    if isinstance(tree, NotPython):
        return code
    uses = _Uses(tree)
    aliases = {alias.asname or alias.name: alias for alias in uses.imports}
    new = uses.new_names([name for name in aliases if name.startswith("test") and not uses.binds(name)])
    if not new:
        return code
    positions = Positions(code)
    edits = list(uses.renamed(positions, new, {}))
    for name, hidden in new.items():
        alias = aliases[name]
        start = positions.offset(alias.lineno, alias.col_offset)
        end = positions.offset(alias.end_lineno or alias.lineno, alias.end_col_offset or 0)
        edits.append(Edit(start, end, f"{alias.name} as {hidden}"))
    return apply(code, edits)


class _Cut:
    """One pass over the file: what goes, what stays under another name, what takes the place of an emptied block."""

    def __init__(self, code: str, tree: ast.Module, found: list[CollectedTest], wanted: set[str]) -> None:
        self._code = code
        self._tree = tree
        self._positions = Positions(code)
        self._uses = _Uses(tree)
        self._kept = [test for test in found if test.test_id in wanted]
        self._dropped = [test for test in found if test.test_id not in wanted]
        self._shared = {test.node for test in self._kept}
        self._starts = [0, *(match.end() for match in re.finditer("\n", code)), len(code)]

    def edits(self) -> list[Edit] | None:
        """Return what is to be done next; nothing where all is done, None where it would change what stays."""
        edits = self._cuts()
        return self._hiding() if edits == [] else edits

    def _cuts(self) -> list[Edit] | None:
        """Return the cuts and the new names."""
        functions = {node: owner for test in self._dropped for node, owner in self._definitions_of(test)}
        staying: set[FunctionNode] = set()
        while True:
            gone: set[ast.stmt] = {*filter(is_main_guard, self._tree.body), *(functions.keys() - staying)}
            self._add_classes(gone)
            lines = _lines_of(gone)
            used = {node for node, owner in functions.items() if node in gone and self._uses.calls(node, owner, lines)}
            if not used:
                break
            staying |= used
        cuts = [Edit(*self._span(node), text) for node, text in self._replaced(gone)]
        renamed = [node for node in staying if node.lineno not in lines]
        known = Counter(node.name for node in functions)
        if any(functions[node] is not None and self._uses.is_defined_beside(node.name, known) for node in renamed):
            return None
        return [*cuts, *(edit for edit in self._renaming(renamed, functions) if self._line(edit) not in lines)]

    def _hiding(self) -> list[Edit] | None:
        """Return what hides inherited tests from the classes that must not have them."""
        edits = []
        for test in self._dropped:
            if test.holder is not None and test.holder is not test.owner:
                if self._uses.calls(test.node, test.owner, set()):
                    return None
                start = self._positions.start(test.holder.body[0])
                before = self._code[self._code.rfind("\n", 0, start) + 1 : start]
                last = self._positions.end(test.holder.body[-1])
                ending = "; " if before.strip() else f"\n{before}"
                edits.append(Edit(last, last, f"{ending}{test.node.name} = None"))
        return edits

    def _definitions_of(self, test: CollectedTest) -> Iterator[tuple[FunctionNode, ast.ClassDef | None]]:
        """Every definition of the test's name where it stands, so that no earlier one comes to light."""
        if test.node not in self._shared:
            body = self._tree.body if test.owner is None else test.owner.body
            for node in definitions(body):
                if isinstance(node, FunctionNode) and node.name == test.node.name:
                    yield node, test.owner

    def _add_classes(self, gone: set[ast.stmt]) -> None:
        """Add the classes that had tests, have none left, and are not used by what stays."""
        living = {each for test in self._kept for each in test.classes}
        emptied = {each for test in self._dropped for each in test.classes} - living
        for node in sorted(emptied, key=lambda node: -node.lineno):
            if not self._uses.mentions(node.name, _lines_of({*gone, node})):
                gone.add(node)

    def _replaced(self, gone: set[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
        """Yield the outermost of what goes, and what takes its place: `pass` where nothing else is left of a block."""
        pending: list[ast.AST] = [self._tree]
        while pending:
            node = pending.pop()
            for name in _BLOCKS:
                block = getattr(node, name, None)
                if not isinstance(block, list):
                    continue
                going = [item for item in block if item in gone]
                is_emptied = bool(going) and len(going) == len(block) and node is not self._tree
                for at, item in enumerate(going):
                    yield item, f"{' ' * item.col_offset}pass\n" if is_emptied and not at else ""
                pending.extend(item for item in block if item not in gone)

    def _span(self, node: ast.stmt) -> tuple[int, int]:
        """The whole lines of a statement."""
        return self._starts[first_line(node) - 1], self._starts[last_line(node)]

    def _renaming(
        self, nodes: list[FunctionNode], functions: dict[FunctionNode, ast.ClassDef | None]
    ) -> Iterator[Edit]:
        new = self._uses.new_names({node.name for node in nodes})
        for node in nodes:
            match = _DEF.match(self._code, self._positions.offset(node.lineno, node.col_offset))
            if match is not None:
                yield Edit(match.end(), match.end() + len(node.name), new[node.name])
        plain = {node.name: new[node.name] for node in nodes if functions[node] is None}
        members = {node.name: new[node.name] for node in nodes if functions[node] is not None}
        yield from self._uses.renamed(self._positions, plain, members)

    def _line(self, edit: Edit) -> int:
        return self._positions.line(edit.start)


class _Uses:
    """Where a file uses the names that it gives at its top, and those of its classes' members."""

    def __init__(self, tree: ast.Module) -> None:
        self.imports: list[ast.alias] = []
        self._taken: set[str] = set()
        self._names: dict[str, list[ast.Name]] = defaultdict(list)
        self._attributes: dict[str, list[ast.Attribute]] = defaultdict(list)
        self._strings: dict[str, list[int]] = defaultdict(list)
        self._defined: Counter[str] = Counter()
        self._others: set[str] = set()
        classes: set[str] = set()
        local = local_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                self._taken.add(node.id)
                if node not in local:
                    self._names[node.id].append(node)
            elif isinstance(node, ast.Attribute):
                self._attributes[node.attr].append(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._strings[node.value].append(node.lineno)
            elif isinstance(node, ast.ImportFrom):
                self.imports += [alias for alias in node.names if alias not in local]
            elif isinstance(node, ast.arg):
                self._others.add(node.arg)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                self._others.update(node.names)
            elif isinstance(node, Definition):
                self._defined[node.name] += 1
                classes |= {node.name} if isinstance(node, ast.ClassDef) else set()
        self._own = {"self", "cls", "super", *classes, *_made_of(tree, classes)}

    def calls(self, node: FunctionNode, owner: ast.ClassDef | None, gone: set[int]) -> bool:
        """Tell whether anything outside the lines that go needs the function."""
        if owner is None:
            return any(name.lineno not in gone for name in self._names[node.name] if isinstance(name.ctx, ast.Load))
        return any(member.lineno not in gone for member in self._members(node.name))

    def is_defined_beside(self, name: str, known: Counter[str]) -> bool:
        """Tell whether the file has more definitions of a name, wherever they stand, than those that are known."""
        return self._defined[name] > known[name]

    def binds(self, name: str) -> bool:
        """Tell whether the file gives the name a meaning by anything but an import, or names it in a string."""
        assigned = any(not isinstance(node.ctx, ast.Load) for node in self._names[name])
        times = sum((alias.asname or alias.name) == name for alias in self.imports)
        return assigned or times > 1 or name in self._others | {*self._defined} or name in self._strings

    def mentions(self, name: str, gone: set[int]) -> bool:
        """Tell whether anything outside the lines that go names the class, if only in a string."""
        nodes = (*self._names[name], *self._attributes[name])
        return any(line not in gone for line in (*(node.lineno for node in nodes), *self._strings[name]))

    def renamed(self, positions: Positions, names: dict[str, str], members: dict[str, str]) -> Iterator[Edit]:
        """Yield the edits that give variables, and members of the file's own classes, their new names."""
        for name, new in names.items():
            for node in self._names[name]:
                yield Edit(positions.start(node), positions.end(node), new)
        for name, new in members.items():
            for member in self._members(name):
                end = positions.end(member)
                yield Edit(end - len(name), end, new)

    def new_names(self, names: Collection[str]) -> dict[str, str]:
        """Return a free name for each, which pytest takes for no test."""
        taken = {*self._taken, *self._attributes, *self._defined}
        new: dict[str, str] = {}
        for name in names:
            free = f"_{name}"
            while free in taken:
                free = f"_{free}"
            new[name] = free
            taken.add(free)
        return new

    def _members(self, name: str) -> Iterator[ast.Attribute]:
        """Where a member of that name is read from an object or a class of the file itself."""
        for node in self._attributes[name]:
            base = node.value.func if isinstance(node.value, ast.Call) else node.value
            if isinstance(base, ast.Name) and base.id in self._own:
                yield node


def _made_of(tree: ast.Module, classes: set[str]) -> Iterator[str]:
    """Yield the variables that hold an object of one of the classes, as far as an assignment tells."""
    for node in ast.walk(tree):
        made = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.func
        if isinstance(node, ast.Assign) and isinstance(made, ast.Name) and made.id in classes:
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _lines_of(nodes: Iterable[ast.stmt]) -> set[int]:
    return {line for node in nodes for line in range(first_line(node), last_line(node) + 1)}
