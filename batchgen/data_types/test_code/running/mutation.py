"""Small faults planted in a segment: a test that notices none of them looks at little of what the code does.

Found in the syntax tree and written as edits of the text, so that all other lines stay where they are.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from batchgen.data_types.test_code.code.definitions import FunctionNode, first_line, last_line, without_docstring
from batchgen.data_types.test_code.code.edits import Edit, Positions, apply
from batchgen.data_types.test_code.code.parsing import NotPython, parse
from batchgen.data_types.test_code.code.segment import module_tree, outermost_functions, runtime_lines

_GAP = r"(?:\s|\\\n)+"
_SWAPS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "%"),
    ast.Mod: ("%", "//"),
}
"""Operators as they are written, and what they become."""
_BOUNDARIES = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_DISPLAYS = (ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp)
_QUOTE = re.compile(r"[A-Za-z]{0,2}(\"\"\"|'''|\"|')")
_MESSAGES = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "print", "gettext", "_", "ngettext"}
)
"""Calls whose arguments are words for people, which tests rarely pin down."""
_LARGEST = 10**18
"""Numbers beyond are masks and primes, and cost more digits than Python prints."""
_SHOWN = 60
_GOOD, _SOMETIMES_EQUIVALENT, _LAST_RESORT = range(3)
"""How little a mutant promises; the last are words for people, and what may never end."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault."""

    id: str
    """`m1`, `m2`, …: the first promise most."""
    line: int
    change: str
    """In words: "`<` became `<=`"."""
    edits: tuple[Edit, ...]


def mutants(source: str, first: int, last: int, *, wanted: Container[int] | None = None, most: int = 6) -> list[Mutant]:
    """Return up to `most` faults of what calls execute of the lines `first` to `last` (from 1), always the same ones.

    They are spread over lines and kinds of faults, the lines in `wanted` first. Each mutated text compiles and is
    unlike the others. Left alone are docstrings, annotations, decorators, defaults, f-strings, patterns and assertions.
    """
    tree = module_tree(source)
    if isinstance(tree, NotPython):
        return []
    executed = runtime_lines(source, first, last)
    positions = Positions(source)
    finder = _Finder(source, positions)
    touched = (node for node in outermost_functions(tree) if node.lineno <= last and first <= last_line(node))
    found = (fault for function in touched for fault in finder.faults(function))
    inside = [fault for fault in found if fault.line in executed and fault.last <= last]
    chosen = _spread(inside, _Checked(source, tree, positions), wanted if wanted is not None else executed, most)
    return [Mutant(f"m{number}", fault.line, fault.change, fault.edits) for number, fault in enumerate(chosen, 1)]


@dataclass(frozen=True, slots=True)
class _Fault:
    line: int
    last: int
    kind: str
    change: str
    edits: tuple[Edit, ...]
    weakness: int


class _Checked:
    """Lets pass what compiles and differs from the source and from what has passed before."""

    def __init__(self, source: str, tree: ast.Module, positions: Positions) -> None:
        self._source = source
        self._tree = tree
        self._positions = positions
        self._seen = {source}

    def passes(self, fault: _Fault) -> bool:
        """Only the statement of the module that holds the fault is compiled: modules are long."""
        text = apply(self._source, fault.edits)
        if text in self._seen:
            return False
        self._seen.add(text)
        around = next(node for node in self._tree.body if first_line(node) <= fault.line <= last_line(node))
        behind = len(self._source) - self._positions.end(around)
        statement = text[self._positions.start(around) : len(text) - behind]
        return not isinstance(parse(statement, compiled=True), NotPython)


def _spread(found: Iterable[_Fault], checked: _Checked, wanted: Container[int], most: int) -> list[_Fault]:
    """Choose one after the other what adds most to the former choices."""
    pending = sorted(found, key=lambda fault: (fault.edits[0].start, fault.kind, fault.change))
    chosen: list[_Fault] = []
    lines: Counter[int] = Counter()
    kinds: Counter[str] = Counter()

    def cost(fault: _Fault) -> tuple[int, bool, int, int]:
        near = min((abs(fault.line - line) for line in lines), default=0)
        return lines[fault.line] + fault.weakness, fault.line not in wanted, kinds[fault.kind], -near

    while pending and len(chosen) < most:
        best = min(pending, key=cost)
        pending.remove(best)
        if checked.passes(best):
            chosen.append(best)
            lines[best.line] += 1
            kinds[best.kind] += 1
    return chosen


@dataclass(frozen=True, slots=True)
class _Place:
    """What a node stands in."""

    loop: bool = False
    """A `while`, which may run forever when a fault is in it."""
    words: bool = False
    """A message for people."""

    def inside(self, node: ast.AST) -> _Place:
        loop = self.loop or isinstance(node, ast.While)
        words = self.words or isinstance(node, ast.Raise) or _called_name(node) in _MESSAGES
        return self if (loop, words) == (self.loop, self.words) else _Place(loop, words)

    def weakness(self, least: int = _GOOD) -> int:
        return _LAST_RESORT if self.loop or self.words else least


class _Finder:
    """Finds the faults that each kind of node allows."""

    def __init__(self, source: str, positions: Positions) -> None:
        self._source = source
        self._positions = positions

    def faults(self, function: FunctionNode) -> Iterator[_Fault]:
        """Yield those of a function's body, without recursion."""
        pending: list[tuple[ast.AST, _Place]] = [(function, _Place())]
        while pending:
            node, place = pending.pop()
            yield from self._faults_of(node, place)
            inner = place.inside(node)
            pending.extend((child, inner) for child in _children(node))

    def _faults_of(self, node: ast.AST, place: _Place) -> Iterator[_Fault]:
        if isinstance(node, ast.stmt):
            yield from self._of_statement(node, place)
        elif isinstance(node, ast.Constant):
            yield from self._of_constant(node, place)
        elif isinstance(node, ast.expr):
            yield from self._of_expression(node, place)
        if isinstance(node, ast.If | ast.IfExp):
            yield from self._negated(node.test)
        elif isinstance(node, ast.comprehension):
            yield from chain.from_iterable(map(self._negated, node.ifs))

    def _of_statement(self, node: ast.stmt, place: _Place) -> Iterator[_Fault]:
        match node:
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                weakness = _SOMETIMES_EQUIVALENT if _is_falsy(value) else _GOOD
                yield self._replaced("return", node, "return None", weakness)
            case ast.Raise():
                yield self._replaced("raise", node, "pass", _GOOD)
            case ast.Expr(value=ast.Call() as call) | ast.Expr(value=ast.Await(value=ast.Call() as call)):
                yield self._replaced("call", node, "pass", place.inside(call).weakness(_SOMETIMES_EQUIVALENT))
            case ast.Expr(value=ast.Yield(value=ast.expr() as value)) if not _is_none(value):
                yield self._replaced("yield", node, "yield None", _GOOD)
            case ast.Expr(value=ast.YieldFrom()):
                yield self._replaced("yield", node, "yield from ()", _GOOD)
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()], value=value) if not _is_none(value):
                yield self._replaced("assignment", value, "None", place.weakness(_SOMETIMES_EQUIVALENT))
            case ast.Break():
                yield self._replaced("jump", node, "continue", place.weakness(_SOMETIMES_EQUIVALENT))
            case ast.Continue():
                yield self._replaced("jump", node, "break", _SOMETIMES_EQUIVALENT)
            case ast.AugAssign() if not _is_display(node.value):
                yield from self._swapped("augmented", node.op, (node.target, node.value), place.weakness(), "=")

    def _of_expression(self, node: ast.expr, place: _Place) -> Iterator[_Fault]:
        match node:
            case ast.Compare():
                for operands, operator in zip(pairwise([node.left, *node.comparators]), node.ops, strict=True):
                    least = _SOMETIMES_EQUIVALENT if isinstance(operator, _BOUNDARIES) else _GOOD
                    yield from self._swapped("comparison", operator, operands, least)
            case ast.BoolOp():
                for operands in pairwise(node.values):
                    yield from self._swapped("connective", node.op, operands, place.weakness())
            case ast.BinOp() if not (_is_display(node.left) or _is_display(node.right)):
                yield from self._swapped("arithmetic", node.op, (node.left, node.right), place.weakness())
            case ast.UnaryOp(op=ast.Not()):
                yield self._affirmed(node)

    def _of_constant(self, node: ast.Constant, place: _Place) -> Iterator[_Fault]:
        written = self._positions.text(node)
        if isinstance(node.value, bool):
            yield self._replaced("truth", node, str(not node.value), place.weakness())
        elif isinstance(node.value, int) and node.value < _LARGEST:
            yield self._replaced("number", node, str(node.value + 1), place.weakness())
        elif isinstance(node.value, str | bytes) and (quote := _QUOTE.match(written)):
            start = self._positions.start(node) + quote.end()
            change = _change(written, f"{quote[0]}XX{written[quote.end() :]}")
            yield self._fault("text", change, [Edit(start, start, "XX")], place.weakness(_SOMETIMES_EQUIVALENT))

    def _swapped(
        self, kind: str, operator: ast.AST, operands: tuple[ast.expr, ast.expr], weakness: int, ending: str = ""
    ) -> Iterator[_Fault]:
        """Trees do not say where an operator stands: between its operands, as are comments and brackets."""
        if type(operator) not in _SWAPS:
            return
        old, new = _SWAPS[type(operator)]
        start, end = self._positions.end(operands[0]), self._positions.start(operands[1])
        written = re.escape(old).replace(r"\ ", _GAP)
        for found in re.finditer(rf"#[^\n]*|({written})", self._source[start:end]):
            if found[1]:
                edit = Edit(start + found.start(1), start + found.end(1), new)
                yield self._fault(kind, _change(old + ending, new + ending), [edit], weakness)
                return

    def _affirmed(self, node: ast.UnaryOp) -> _Fault:
        start = self._positions.start(node)
        written = self._positions.text(node)
        rest = written.removeprefix("not").lstrip(" ")
        edit = Edit(start, start + len(written) - len(rest), "")
        return self._fault("not", _change(written, rest), [edit], _GOOD)

    def _negated(self, test: ast.expr) -> Iterator[_Fault]:
        """Tests that another fault turns round already are left to it."""
        if isinstance(test, ast.Compare):
            turned = len(test.ops) == 1 and not isinstance(test.ops[0], _BOUNDARIES)
        else:
            turned = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        if not turned:
            start, end, written = self._positions.start(test), self._positions.end(test), self._positions.text(test)
            edits = [Edit(start, start, "not ("), Edit(end, end, ")")]
            yield self._fault("condition", _change(written, f"not ({written})"), edits, _GOOD)

    def _replaced(self, kind: str, node: ast.expr | ast.stmt, new: str, weakness: int) -> _Fault:
        """The line feeds of what goes stay, so that what follows keeps its lines."""
        written = self._positions.text(node)
        edit = Edit(self._positions.start(node), self._positions.end(node), new + "\n" * written.count("\n"))
        return self._fault(kind, _change(written, new), [edit], weakness)

    def _fault(self, kind: str, change: str, edits: Sequence[Edit], weakness: int) -> _Fault:
        first, last = self._positions.line(edits[0].start), self._positions.line(edits[-1].end)
        return _Fault(first, last, kind, change, tuple(edits), weakness)


def _children(node: ast.AST) -> Iterable[ast.AST]:
    """Return what faults may be planted in: not what is computed once, said to readers or checked by itself."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            inner: Iterable[ast.AST | None] = without_docstring(node.body)
        case ast.Lambda():
            inner = [node.body]
        case ast.AnnAssign():
            inner = [node.value]
        case ast.match_case():
            inner = [node.guard, *node.body]
        case ast.While(test=ast.Constant()):
            inner = [*node.body, *node.orelse]
        case ast.Call(func=ast.Name(id="cast") | ast.Attribute(attr="cast")):
            inner = node.args[1:]
        case ast.JoinedStr() | ast.Assert() | ast.Expr(value=ast.Constant()):
            inner = ()
        case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("__"):
            inner = ()
        case _:
            inner = ast.iter_child_nodes(node)
    return (child for child in inner if child is not None)


def _called_name(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_display(node: ast.expr) -> bool:
    """Tell whether arithmetic with it can only fail once its operator is another: a list, a text."""
    return isinstance(node, _DISPLAYS) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_falsy(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not node.value
    return isinstance(node, ast.List | ast.Tuple) and not node.elts


def _change(old: str, new: str) -> str:
    return f"`{_shown(old)}` became `{_shown(new)}`"


def _shown(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
