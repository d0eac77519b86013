"""What a call executes of a segment, and segments put out of order."""

from __future__ import annotations

import ast
import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from batchgen.data_types.test_code.code.edits import Edit, apply
from batchgen.data_types.test_code.code.parsing import NotPython, decode, parse
from batchgen.data_types.test_code.code.segment import runtime_lines, sabotage
from batchgen.data_types.test_code.code.targets import find_targets

CODE = '''\
import enum
from dataclasses import dataclass
SQUARES = [n * n for n in range(3)]
def documented(x,
               y=1):
    """Says

    something."""
    total = x
    while True:
        if total > 3:
            break
        else:
            total += (
                y +
                1
            )
    def inner():
        return total
    class Local:
        size = 1
        def get(self): return self.size
    try:
        inner() / 0
    except ZeroDivisionError:
        pass
    return sum([
        n
        for n in range(3)
        if Local().get()
    ])
def empty():
    """Words."""
def passes():
    pass
def one(x): return x
twice = lambda x: x * 2
def spread(n):
    for i in range(n):
        yield i
    yield from (
        [7]
    )
async def wait(
    a=1,
):
    return a
class Box:
    """Ü — nothing but ASCII is easy."""
    kind = "box"
    def __init__(self, x): self.x = x; self.y = "ü"
    @property
    def size(self):
        return self.x
    @staticmethod
    def make():
        """Ö."""; x = "é"; return Box(x);
@dataclass
class Point:
    x: int = 1
@enum.unique
class Color(enum.Enum):
    RED = 1
class Broken(Exception): pass
class Child(Broken):
    """More."""
def decorated(f):
    @(
        lambda g: g
    )
    def inner():
        return 1
    return inner
def stubborn():
    return (1,
            2);
class Outer:
    class Kind(enum.IntEnum):
        A = 1
    def get(self):
        return self.Kind.A
'''


def trusted(code: str = CODE) -> dict[str, Any]:
    """The example above is this file's own: it may run."""
    names: dict[str, Any] = {"__name__": "trusted"}
    exec(compile(code, "<trusted>", "exec", dont_inherit=True), names)  # noqa: S102
    return names


@contextmanager
def traced() -> Iterator[set[int]]:
    """Collect the lines of the example that run, as coverage.py does."""
    lines: set[int] = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != "<trusted>":
            return None
        if event == "line":
            lines.add(frame.f_lineno)
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(former)


def span(name: str, code: str = CODE) -> tuple[int, int]:
    """Return first and last line of a definition, decorators included."""
    node = next(node for node in ast.walk(ast.parse(code)) if getattr(node, "name", "") == name)
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return min([node.lineno, *(item.lineno for item in node.decorator_list)]), node.end_lineno or 0


def box_calls(names: dict[str, Any]) -> None:
    box = names["Box"].make()
    assert box.size == "é"


CALLS: dict[str, Callable[[dict[str, Any]], object]] = {
    "documented": lambda names: names["documented"](1),
    "one": lambda names: names["one"](1),
    "spread": lambda names: list(names["spread"](2)),
    "wait": lambda names: asyncio.run(names["wait"]()),
    "Box": box_calls,
    "decorated": lambda names: names["decorated"](1)(),
    "stubborn": lambda names: names["stubborn"](),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_lines_are_those_that_a_tracer_sees_in_a_call(name: str) -> None:
    names = trusted()
    with traced() as lines:
        CALLS[name](names)
    first, last = span(name)
    assert runtime_lines(CODE, first, last) == {line for line in lines if first <= line <= last}


@pytest.mark.parametrize("name", ["empty", "passes", "Point", "Color", "Broken", "Child"])
def test_what_only_the_import_runs_is_no_evidence(name: str) -> None:
    assert runtime_lines(CODE, *span(name)) == set()


def test_a_lambda_counts_and_a_comprehension_of_the_module_does_not() -> None:
    assert runtime_lines(CODE, 1, 3) == set()
    (line,) = (number for number, text in enumerate(CODE.split("\n"), 1) if text.startswith("twice"))
    assert runtime_lines(CODE, line, line) == {line}


def test_what_does_not_compile_has_no_lines_and_no_edits() -> None:
    assert runtime_lines("def f(:\n", 1, 1) == set()
    assert runtime_lines("def f():\n    return 1\nreturn 2\n", 1, 2) == set()
    assert sabotage("def f(:\n", 1, 1) == ()


def dead(name: str) -> dict[str, Any]:
    first, last = span(name)
    code = apply(CODE, sabotage(CODE, first, last))
    before, after = CODE.split("\n"), code.split("\n")
    assert before[last:] == after[last:], "the lines behind keep their numbers"
    assert before[: first - 1] == after[: first - 1]
    return trusted(code)


@pytest.mark.parametrize("name", CALLS)
def test_a_sabotaged_function_raises_when_it_is_called(name: str) -> None:
    names = dead(name)
    with pytest.raises(RuntimeError, match="sabotaged"):
        CALLS[name](names)
    for other in CALLS.keys() - {name}:
        CALLS[other](names)


USES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a generator before its first value": lambda names: names["spread"](1),
    "a constructor": lambda names: names["Box"](1),
    "a property": lambda names: names["Box"].size.fget(SimpleNamespace(x=1)),
    "a static method": lambda names: names["Box"].make(),
    "a data class": lambda names: names["Point"](x=1),
    "a member": lambda names: names["Color"].RED,
    "an exception": lambda names: names["Broken"]("x"),
    "a subclass": lambda names: names["Child"]("x"),
    "an inner class": lambda names: names["Outer"].Kind.A,
}


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("spread", "a generator before its first value"),
        ("Box", "a constructor"),
        ("Box", "a property"),
        ("Box", "a static method"),
        ("Point", "a data class"),
        ("Color", "a member"),
        ("Broken", "an exception"),
        ("Broken", "a subclass"),
        ("Child", "a subclass"),
        ("Kind", "an inner class"),
    ],
)
def test_every_use_of_what_is_sabotaged_raises(name: str, use: str) -> None:
    USES[use](trusted())
    with pytest.raises(RuntimeError, match="sabotaged"):
        USES[use](dead(name))


def test_python_itself_can_still_read_a_sabotaged_class() -> None:
    point = dead("Point")["Point"]
    assert point.__name__ == "Point"
    assert not isinstance(1, point)


def test_lines_inside_a_function_sabotage_it_and_a_nested_function_alone_only_itself() -> None:
    code = "def outer():\n    x = 1\n    def inner():\n        return x\n    return inner\ndef other(): return 3\n"
    around = trusted(apply(code, sabotage(code, 2, 4)))
    with pytest.raises(RuntimeError, match="sabotaged"):
        around["outer"]()
    inner = trusted(apply(code, sabotage(code, 3, 4)))["outer"]()
    with pytest.raises(RuntimeError, match="sabotaged"):
        inner()
    assert around["other"]() == 3


def test_lines_of_no_definition_have_no_sabotage() -> None:
    assert sabotage(CODE, 1, 3) == ()


def test_edits_are_made_together() -> None:
    assert apply("äbc", [Edit(2, 3, ""), Edit(0, 1, "xx"), Edit(1, 1, "-")]) == "xx-b"


@pytest.mark.parametrize("name", ["json.decoder", "textwrap", "dataclasses", "enum", "statistics", "typing"])
def test_every_target_of_the_standard_library_can_be_sabotaged(name: str) -> None:
    source = decode(Path(str(importlib.import_module(name).__file__)).read_bytes())
    assert isinstance(source, str)
    tree = parse(source)
    assert isinstance(tree, ast.Module)
    for target in find_targets(tree.body, 50):
        edits = sabotage(source, target.first, target.last)
        code = apply(source, edits)
        assert code != source
        assert code.count("\n") == source.count("\n")
        lines = source.split("\n")
        head = len("\n".join(["", *lines[: target.first - 1]]))
        assert all(edit.start >= head and source.count("\n", 0, edit.end) < target.last for edit in edits)
        # the statement of the module that it is in is enough to compile
        around = next(node for node in tree.body if node.lineno <= target.node.lineno <= (node.end_lineno or 0))
        part = "\n".join(code.split("\n")[around.lineno - 1 : around.end_lineno])
        assert not isinstance(parse(part, compiled=True), NotPython), target.qualname
