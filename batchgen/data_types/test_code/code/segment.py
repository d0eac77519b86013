"""What a call can execute of some lines of a module, and the module with these lines put out of order.

Both are read from the text: the module is compiled to be looked at, never run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import CodeType

from batchgen.data_types.test_code.code.definitions import Definition, FunctionNode, first_line, last_line
from batchgen.data_types.test_code.code.edits import Edit, Positions
from batchgen.data_types.test_code.code.parsing import NotPython, bytecode, parse

_NOT_OF_CALLS = ("<generic parameters of ", "__annotate__")
"""Code that newer Pythons compile to functions of their own though no call runs it: type parameters, annotations."""
_RUN_WHERE_THEY_STAND = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_OPTIMIZED = 0x1
"""The flag of a function's code (`inspect.CO_OPTIMIZED`), which that of a class body or a module lacks."""
_RAISE = "raise RuntimeError('{word}'{lines})"
_DEAD_CLASS = (
    "class {name}(metaclass=type('Sabotaged', (type,), {{"
    "'__call__': lambda *_, **_k: (_ for _ in ()).throw(RuntimeError('{word}')), "
    "'__getattribute__': lambda cls, name: type.__getattribute__(cls, name) if name[:2] == name[-2:] == '__' "
    "else (_ for _ in ()).throw(RuntimeError('{word}'))}}{lines})): pass"
)
"""A class that cannot be called or read from; what Python itself reads (`__name__`, `__mro__`) is left to it."""


def runtime_lines(source: str, first: int, last: int) -> frozenset[int]:
    """Return the lines of `first` to `last` (from 1) that only a call executes, as a tracer reports them.

    What runs at import is left out (`def` lines, class bodies, defaults), and so is what says nothing: docstrings,
    bodies of `pass`. The line of a function's head counts where the whole function stands on it. Code that does not
    compile has no such lines.
    """
    return frozenset(line for line in _called_lines(source) if first <= line <= last)


def sabotage(source: str, first: int, last: int, word: str = "sabotaged") -> tuple[Edit, ...]:
    """Return edits after which whatever the lines `first` to `last` do raises RuntimeError(word).

    The bodies of all functions that the lines touch give way, nested ones with the function around them, unless the
    lines are exactly the nested one. Where they touch none, the class around or in them gives way to one that cannot
    be used. Lines of neither have no edits. The other lines keep their numbers.
    """
    tree = module_tree(source)
    if isinstance(tree, NotPython):
        return ()
    positions = Positions(source)
    found: Sequence[Definition] = _functions_at(tree, first, last) or _classes_at(tree, first, last)
    return tuple(_dead(node, source, positions, word) for node in found)


@lru_cache(maxsize=4)
def module_tree(source: str) -> ast.Module | NotPython:
    """Return the tree, only to be read: the targets of a module are asked for one after the other."""
    return parse(source)


def outermost_functions(tree: ast.Module) -> Iterator[FunctionNode]:
    """Yield the functions and methods that are not inside another function, in source order."""
    return (node for node in _definitions(tree) if isinstance(node, FunctionNode))


@lru_cache(maxsize=4)
def _called_lines(source: str) -> frozenset[int]:
    module, tree = bytecode(source), module_tree(source)
    if isinstance(module, NotPython) or isinstance(tree, NotPython):
        return frozenset()
    silent = {
        (first_line(node), node.name) for node in ast.walk(tree) if isinstance(node, FunctionNode) and _is_silent(node)
    }
    lines: set[int] = set()
    for code in _called_code(module):
        if (code.co_firstlineno, code.co_name) not in silent:
            own = {line for _, _, line in code.co_lines() if line}
            lines |= own - {code.co_firstlineno} or own
    return frozenset(lines)


def _is_silent(node: FunctionNode) -> bool:
    return all(
        isinstance(item, ast.Pass) or (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
        for item in node.body
    )


def _called_code(module: CodeType) -> Iterator[CodeType]:
    """Yield the code of functions, and of what stands in them; a comprehension outside a function runs at import."""
    pending = [(module, False)]
    while pending:
        code, called = pending.pop()
        if called:
            yield code
        inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
        pending.extend((code, called or _is_called(code)) for code in inner)


def _is_called(code: CodeType) -> bool:
    if code.co_name in _RUN_WHERE_THEY_STAND or code.co_name.startswith(_NOT_OF_CALLS):
        return False
    return bool(code.co_flags & _OPTIMIZED)


def _functions_at(tree: ast.Module, first: int, last: int) -> list[FunctionNode]:
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode) and first in {first_line(node), node.lineno} and last == last_line(node):
            return [node]
    return [node for node in outermost_functions(tree) if node.lineno <= last and first <= last_line(node)]


def _classes_at(tree: ast.Module, first: int, last: int) -> list[ast.ClassDef]:
    """Return the innermost class that holds all the lines, else the outermost ones that begin in them."""
    classes = [node for node in _definitions(tree) if isinstance(node, ast.ClassDef)]
    around = [node for node in classes if first_line(node) <= first and last <= last_line(node)]
    if around:
        return around[-1:]
    found: list[ast.ClassDef] = []
    for node in classes:
        if first <= node.lineno <= last and not (found and node.lineno <= last_line(found[-1])):
            found.append(node)
    return found


def _definitions(tree: ast.Module) -> Iterator[Definition]:
    """Yield functions, and classes with what is in them, in source order; not what is inside a function."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Definition):
            yield node
        if not isinstance(node, FunctionNode | ast.expr):
            pending.extend(reversed(list(ast.iter_child_nodes(node))))


def _dead(node: Definition, source: str, positions: Positions, word: str) -> Edit:
    """The line feeds of what goes stay, inside parentheses, where they mean nothing."""
    end = positions.end(node)
    start = positions.start(node if isinstance(node, ast.ClassDef) else node.body[0])
    lines = "\n" * source.count("\n", start, end)
    if isinstance(node, ast.ClassDef):
        return Edit(start, end, _DEAD_CLASS.format(name=node.name, lines=lines, word=word))
    return Edit(start, end, _RAISE.format(lines=lines, word=word))
