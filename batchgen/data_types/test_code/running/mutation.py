"""A handful of small changes to a segment that a good test should notice. Pure: text in, edits out."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from batchgen.data_types.test_code.code.definitions import Definition, without_docstring
from batchgen.data_types.test_code.code.parsing import NotPython, parse
from batchgen.data_types.test_code.code.segment import Edit, Offsets, apply, runtime_lines, segment_functions

MOST = 6
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], str, str]] = {
    ast.Eq: (ast.NotEq, "==", "!="),
    ast.NotEq: (ast.Eq, "!=", "=="),
    ast.Lt: (ast.LtE, "<", "<="),
    ast.LtE: (ast.Lt, "<=", "<"),
    ast.Gt: (ast.GtE, ">", ">="),
    ast.GtE: (ast.Gt, ">=", ">"),
    ast.Is: (ast.IsNot, "is", "is not"),
    ast.IsNot: (ast.Is, "is not", "is"),
    ast.In: (ast.NotIn, "in", "not in"),
    ast.NotIn: (ast.In, "not in", "in"),
}
_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], str, str]] = {
    ast.Add: (ast.Sub, "+", "-"),
    ast.Sub: (ast.Add, "-", "+"),
    ast.Mult: (ast.FloorDiv, "*", "//"),
    ast.Div: (ast.Mult, "/", "*"),
    ast.FloorDiv: (ast.Mult, "//", "*"),
    ast.Mod: (ast.FloorDiv, "%", "//"),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: `id` within its segment, the line it is at, in words what it is."""

    id: str
    line: int
    change: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    rank: int
    """Kinds that tests notice more surely come first."""
    line: int
    kind: str
    words: str
    edit: Edit


def mutants(
    source: str, first: int, last: int, *, wanted: Container[int] | None = None, most: int = MOST
) -> list[Mutant]:
    """Return at most `most` mutants of a segment, on different lines and of different kinds before others.

    With `wanted`, lines that are not in it come last. Each compiles, and is another text than all others.
    """
    chosen: list[_Change] = []
    texts = {source}
    for change in _spread(_changes(source, first, last), wanted):
        text = apply(source, [change.edit])
        if text not in texts and not isinstance(parse(text, compiled=True), NotPython):
            texts.add(text)
            chosen.append(change)
            if len(chosen) == most:
                break
    chosen.sort(key=lambda each: (each.edit.start, each.words))
    return [Mutant(f"m{at}", each.line, each.words, (each.edit,)) for at, each in enumerate(chosen, 1)]


def _spread(changes: list[_Change], wanted: Container[int] | None) -> Iterator[_Change]:
    """Yield the changes such that each next one is on the line, and of the kind, that was taken least often."""
    on_line: dict[int, int] = {}
    of_kind: dict[str, int] = {}
    left = changes

    def order(each: _Change) -> tuple[bool, int, int, int, int]:
        unwanted = wanted is not None and each.line not in wanted
        return unwanted, on_line.get(each.line, 0), of_kind.get(each.kind, 0), each.rank, each.edit.start

    while left:
        best = min(left, key=order)
        left = [each for each in left if each is not best]
        on_line[best.line] = on_line.get(best.line, 0) + 1
        of_kind[best.kind] = of_kind.get(best.kind, 0) + 1
        yield best


def _changes(source: str, first: int, last: int) -> list[_Change]:
    tree = parse(source)
    if isinstance(tree, NotPython):
        return []
    lines = runtime_lines(source, first, last)
    offsets = Offsets(source)
    found: list[_Change] = []
    for function in segment_functions(tree, first, last):
        for node in _nodes(function):
            if getattr(node, "lineno", 0) in lines:
                found.extend(_of_node(node, offsets))
    return found


def _nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a body: no decorators, defaults, annotations, docstrings, parts of f-strings."""
    pending: list[ast.AST] = [function]
    while pending:
        node = pending.pop()
        if isinstance(node, Definition):
            pending.extend(reversed(without_docstring(node.body)))
            continue
        yield node
        if isinstance(node, ast.JoinedStr):
            continue
        if isinstance(node, ast.AnnAssign):
            pending.extend([node.value] if node.value is not None else [])
            continue
        pending.extend(reversed(list(ast.iter_child_nodes(node))))


def _of_node(node: ast.AST, offsets: Offsets) -> Iterator[_Change]:
    make = _MAKERS.get(type(node))
    if make is None:
        return
    for rank, kind, words, text in make(node):
        yield _Change(rank, node.lineno, kind, words, offsets.edit(node, node, text))  # type: ignore[attr-defined]


Found = Iterator[tuple[int, str, str, str]]


def _compare(node: ast.Compare) -> Found:
    if type(node.ops[0]) in _COMPARISONS:
        other, old, new = _COMPARISONS[type(node.ops[0])]
        changed = ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)
        yield 0, "comparison", f"`{old}` became `{new}`", f"({ast.unparse(changed)})"


def _bool(node: ast.BoolOp) -> Found:
    is_and = isinstance(node.op, ast.And)
    changed = ast.BoolOp(ast.Or() if is_and else ast.And(), node.values)
    words = "`and` became `or`" if is_and else "`or` became `and`"
    yield 1, "logic", words, f"({ast.unparse(changed)})"


def _not(node: ast.UnaryOp) -> Found:
    if isinstance(node.op, ast.Not):
        yield 0, "not", "`not` went", f"({ast.unparse(node.operand)})"


def _operator(node: ast.BinOp) -> Found:
    if type(node.op) in _OPERATORS and not _is_text(node.left):
        other, old, new = _OPERATORS[type(node.op)]
        changed = ast.BinOp(node.left, other(), node.right)
        yield 1, "arithmetic", f"`{old}` became `{new}`", f"({ast.unparse(changed)})"


def _augmented(node: ast.AugAssign) -> Found:
    if type(node.op) in _OPERATORS:
        other, old, new = _OPERATORS[type(node.op)]
        yield 1, "arithmetic", f"`{old}=` became `{new}=`", ast.unparse(ast.AugAssign(node.target, other(), node.value))


def _constant(node: ast.Constant) -> Found:
    value = node.value
    if isinstance(value, bool):
        yield 1, "constant", f"`{value}` became `{not value}`", str(not value)
    elif isinstance(value, int):
        yield 2, "constant", f"`{value}` became `{value + 1}`", str(value + 1)
    elif isinstance(value, str):
        new = f"XX{value}" if value else "XX"
        yield 3, "text", f"`{_short(value)}` became `{_short(new)}`", repr(new)


def _return(node: ast.Return) -> Found:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield 0, "return", "it returns None", "return None"


def _raise(_: ast.Raise) -> Found:
    yield 0, "raise", "it no longer raises", "pass"


def _call(node: ast.Expr) -> Found:
    if isinstance(node.value, ast.Call | ast.Await):
        yield 1, "call", f"`{_short(ast.unparse(node.value))}` went", "pass"


def _jump(node: ast.AST) -> Found:
    old, new = ("break", "continue") if isinstance(node, ast.Break) else ("continue", "break")
    yield 4, "jump", f"`{old}` became `{new}`", new


def _if_expression(node: ast.IfExp) -> Found:
    changed = ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    yield 0, "condition", "the condition was turned around", f"({ast.unparse(changed)})"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"  # noqa: PLR2004 - what reads well in a table


_MAKERS: dict[type, Callable[..., Found]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool,
    ast.UnaryOp: _not,
    ast.BinOp: _operator,
    ast.AugAssign: _augmented,
    ast.Constant: _constant,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Expr: _call,
    ast.Break: _jump,
    ast.Continue: _jump,
    ast.IfExp: _if_expression,
}
