"""Whether an answer uses its target: imported from its module or from a package above it, under any alias.

Names are resolved as far as the file itself tells; nothing is imported. A method counts when something of its module
is used and the method is named on any object. Whether its lines are reached is for a run to say.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from batchgen.data_types.test_code.code.definitions import definitions, statements

_NAMING_CALLS = frozenset({"getattr", "attrgetter", "methodcaller"})
_STORED = (ast.Store, ast.Del)
_MAX_MEANINGS = 20
"""Different imports under one name that are followed."""


@dataclass(frozen=True, slots=True)
class TargetName:
    """The target by its dotted module and qualified name."""

    module: str
    qualname: str
    through: str | None = None
    """The qualified name of a function that dispatches to it: to call that one is as good."""

    @property
    def top(self) -> str:
        """The name that a test imports: of a method its outermost class."""
        return self.qualname.partition(".")[0]

    @property
    def member(self) -> str:
        """The name of a method, or nothing."""
        return self.qualname.rpartition(".")[2] if "." in self.qualname else ""

    def modules(self) -> Iterator[str]:
        """Yield where it may be imported from: its module, and the packages above, which may export it again."""
        module = self.module
        while module:
            yield module
            module = module.rpartition(".")[0]

    def homes(self) -> Iterator[str]:
        """Yield the dotted names it may be imported by."""
        return (f"{module}.{self.top}" for module in self.modules())


@dataclass(slots=True)
class Mentions:
    """What a file mentions."""

    bound: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Names that imports bind, with the dotted names they stand for."""
    stars: set[str] = field(default_factory=set)
    """Modules that `from … import *` takes names from."""
    unbound: set[str] = field(default_factory=set)
    """Names that no import binds: what stars may bring, and everything else."""
    loaded: set[str] = field(default_factory=set)
    """Dotted names that are read."""
    stored: set[str] = field(default_factory=set)
    """Dotted names that are written to."""
    attributes: set[str] = field(default_factory=set)
    """Attributes read or written on anything."""


def mentions(tree: ast.Module) -> Mentions:
    """Read a file's imports, and what it does with them."""
    found = Mentions()
    nodes = list(ast.walk(tree))
    for node in nodes:
        for name, dotted in _bindings(node):
            if name == "*":
                found.stars.add(dotted.removesuffix(".*"))
            elif len(found.bound[name]) < _MAX_MEANINGS:
                found.bound[name].add(dotted)
    inner: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Name) and node not in inner:
            chain = _chain(node, inner)
            found.attributes.update(chain[1:])
            names = {".".join([dotted, *chain[1:]]) for dotted in found.bound.get(chain[0], ())}
            (found.stored if isinstance(node.ctx, _STORED) else found.loaded).update(names)
            if not names:
                found.unbound.add(".".join(chain))
        elif isinstance(node, ast.Call):
            found.attributes.update(_named_by_text(node))
    return found


def uses(found: Mentions, target: TargetName) -> bool:
    """Tell whether the target is used beyond being imported."""
    if target.through and uses(found, TargetName(target.module, target.through)):
        return True
    stars = found.stars.intersection(target.modules())
    read = found.loaded | {f"{module}.{name}" for module in stars for name in found.unbound}
    if not target.member:
        return _any_below(read, target.homes())
    # What leads to a method is its class, or anything else of its module: a subclass, a factory.
    hosts = {*target.homes(), *(name for name in read if name.startswith(f"{target.module}."))}
    return _member_is_named(found, target) and _any_below(read | found.stored, hosts)


def uses_module(found: Mentions, target: TargetName) -> bool:
    """Tell whether anything of the target's module, or of the packages above it, is used: it may lead to the target."""
    modules = set(target.modules())
    return not found.stars.isdisjoint(modules) or _any_below(found.loaded, modules)


def redefines(tree: ast.Module, found: Mentions, target: TargetName) -> bool:
    """Tell whether the file puts something else in the target's place: a copy of its own, or an assignment to it."""
    own = {name for name, dotted in found.bound.items() if not dotted.isdisjoint(target.homes())}
    if found.stars or not uses(found, target):
        own.add(target.top)  # shadowed, or pasted instead of imported
    defined = {node.name for node in definitions(tree.body)}
    assigned = {name for statement in statements(tree.body) for name in _assigned(statement)}
    if own & (defined | assigned):
        return True
    replaced = {f"{home}{target.qualname.removeprefix(target.top)}" for home in target.homes()} | set(target.homes())
    at_top = {dotted for statement in statements(tree.body) for dotted in _stored_dotted(statement, found)}
    return not at_top.isdisjoint(replaced)


def _member_is_named(found: Mentions, target: TargetName) -> bool:
    member = target.member
    if member.startswith("__"):
        if member.endswith("__"):
            return True  # called by syntax: Class(...), a == b, len(a)
        owner = target.qualname.split(".")[-2].lstrip("_")
        return not found.attributes.isdisjoint({member, f"_{owner}{member}"})
    return member in found.attributes


def _any_below(names: set[str], homes: Iterable[str]) -> bool:
    wanted = set(homes)
    return any(name in wanted or not wanted.isdisjoint(_prefixes(name)) for name in names)


def _prefixes(dotted: str) -> Iterator[str]:
    position = dotted.find(".")
    while position >= 0:
        yield dotted[:position]
        position = dotted.find(".", position + 1)


def _bindings(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that a statement binds to something imported."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (top, top)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        module = _module_by_text(node.value)
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        yield from ((name, module) for name in names if module)


def _module_by_text(call: ast.Call) -> str:
    """Return the module of `importlib.import_module("…")`."""
    argument = call.args[0] if call.args else None
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        return ""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return argument.value if name == "import_module" else ""


def _chain(node: ast.expr, inner: set[ast.AST]) -> list[str]:
    """Return `a.b.c` as its parts, the first empty where it does not begin at a name; notes the inner nodes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
        inner.add(node)
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return parts[::-1]


def _named_by_text(call: ast.Call) -> Iterator[str]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in _NAMING_CALLS:
        yield from (item.value for item in call.args if isinstance(item, ast.Constant) and isinstance(item.value, str))


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign | ast.AugAssign) else []


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """Yield the plain names that a statement assigns to."""
    items = (item for target in _targets(statement) for item in ast.walk(target))
    yield from (item.id for item in items if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store))


def _stored_dotted(statement: ast.stmt, found: Mentions) -> Iterator[str]:
    """Yield the dotted names that a statement assigns to."""
    for target in _targets(statement):
        if isinstance(target, ast.Attribute):
            first, *rest = _chain(target, set())
            yield from (".".join([dotted, *rest]) for dotted in found.bound.get(first, ()))
