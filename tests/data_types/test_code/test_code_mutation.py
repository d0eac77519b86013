"""Which faults are planted in a segment, and that each is one a test could notice."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from batchgen.data_types.test_code.code.edits import apply
from batchgen.data_types.test_code.code.parsing import NotPython, decode, parse
from batchgen.data_types.test_code.code.segment import runtime_lines
from batchgen.data_types.test_code.code.targets import find_targets
from batchgen.data_types.test_code.running.mutation import Mutant, mutants


def planted(line: str) -> dict[str, str]:
    """Return the line as each fault leaves it, by the fault in words."""
    code = f"def f(a, b, c):\n    for item in a:\n        {line}\n"
    first = code.count("\n", 0, code.index(line)) + 1
    found = mutants(code, first, code.count("\n"), most=50)
    texts = {mutant.change: apply(code, mutant.edits) for mutant in found}
    assert len(texts) == len(found)
    assert all(text.count("\n") == code.count("\n") for text in texts.values())
    return {change: text.removeprefix(code[: code.index(line)]).rstrip() for change, text in texts.items()}


@pytest.mark.parametrize(
    ("line", "change", "after"),
    [
        ("x = a == b", "`==` became `!=`", "x = a != b"),
        ("x = a != b", "`!=` became `==`", "x = a == b"),
        ("x = a < b", "`<` became `<=`", "x = a <= b"),
        ("x = a >= b", "`>=` became `>`", "x = a > b"),
        ("x = a < b <= c", "`<=` became `<`", "x = a < b < c"),
        ("x = a is b", "`is` became `is not`", "x = a is not b"),
        ("x = a is  not b", "`is not` became `is`", "x = a is b"),
        ("x = (a)in(b)", "`in` became `not in`", "x = (a)not in(b)"),
        ("x = a not in b", "`not in` became `in`", "x = a in b"),
        ('x = "ü<é" < b', "`<` became `<=`", 'x = "ü<é" <= b'),
        ("x = (a  # not <, é\n < b)", "`<` became `<=`", "x = (a  # not <, é\n <= b)"),
        ("x = a and b", "`and` became `or`", "x = a or b"),
        ("x = a or b", "`or` became `and`", "x = a and b"),
        ("x = not (a or b)", "`not (a or b)` became `(a or b)`", "x = (a or b)"),
        ("x = not(a)", "`not(a)` became `(a)`", "x = (a)"),
        ("x = a + b", "`+` became `-`", "x = a - b"),
        ("x = (a) - (b)", "`-` became `+`", "x = (a) + (b)"),
        ("x = a * b", "`*` became `/`", "x = a / b"),
        ("x = a // b", "`//` became `%`", "x = a % b"),
        ("x = a[-1]", "`1` became `2`", "x = a[-2]"),
        ("x = 0xFF", "`0xFF` became `256`", "x = 256"),
        ("x = True", "`True` became `False`", "x = False"),
        ('x = "ö"', '`"ö"` became `"XXö"`', 'x = "XXö"'),
        ("x = ''", "`''` became `'XX'`", "x = 'XX'"),
        ('x = rb"""a"""', '`rb"""a"""` became `rb"""XXa"""`', 'x = rb"""XXa"""'),
        ("return a", "`return a` became `return None`", "return None"),
        ("raise a from b", "`raise a from b` became `pass`", "pass"),
        ("if a: x = b", "`a` became `not (a)`", "if not (a): x = b"),
        ("x = b if (a < b) else c", "`a < b` became `not (a < b)`", "x = b if (not (a < b)) else c"),
        ("x = [i for i in a if i]", "`i` became `not (i)`", "x = [i for i in a if not (i)]"),
        ("x += a", "`+=` became `-=`", "x -= a"),
        ("x -= a", "`-=` became `+=`", "x += a"),
        ("a.clear(b)", "`a.clear(b)` became `pass`", "pass"),
        ("break", "`break` became `continue`", "continue"),
        ("continue", "`continue` became `break`", "break"),
        ("yield a", "`yield a` became `yield None`", "yield None"),
        ("yield from a", "`yield from a` became `yield from ()`", "yield from ()"),
        ("a.b = c", "`c` became `None`", "a.b = None"),
        ("g = lambda: a + b", "`+` became `-`", "g = lambda: a - b"),
    ],
)
def test_each_kind_of_fault(line: str, change: str, after: str) -> None:
    assert planted(line)[change] == after


@pytest.mark.parametrize(
    "line",
    [
        "x = f'{a + 1}{a!r:>{10}}'",
        "x: 'int | 3'",
        "assert a < 3, 'why'",
        "return None",
        "return",
        "'only words'",
        "while True: pass",
        "x = 'a' % b",
        "x = [] + b",
        "__slots__ = 'a', 'b'",
        "import os.path",
    ],
)
def test_what_is_left_alone(line: str) -> None:
    assert not [change for change in planted(line) if change != "`'a'` became `'XXa'`"]


def test_nothing_that_runs_at_import_is_touched() -> None:
    code = (
        "@register('x', 1)\nclass A(Base, n=2):\n    '''Words.'''\n    limit: 'int' = 3\n\n"
        "    @decorated(4)\n    def f(self, a: 'T' = 5, *, b=not True) -> 'R':\n        '''More.'''\n        return a\n"
    )
    assert [mutant.change for mutant in mutants(code, 1, 9, most=50)] == ["`return a` became `return None`"]


MANY = """\
def f(items, limit):
    total = 0
    while items:
        total += items.pop()
    if limit == 3:
        raise ValueError("no" + str(limit))
    if total < limit and items:
        return total * 2
    items.clear()
    return total
"""


def test_faults_are_spread_over_lines_and_what_may_never_end_comes_last() -> None:
    found = mutants(MANY, 1, 10)
    assert [mutant.id for mutant in found] == ["m1", "m2", "m3", "m4", "m5", "m6"]
    assert {mutant.line for mutant in found} == {2, 5, 6, 7, 8, 10}
    everything = [mutant.change for mutant in mutants(MANY, 1, 10, most=99)]
    assert "`+=` became `-=`" not in everything[:9]
    assert "`+=` became `-=`" in everything


def test_wanted_lines_go_first_and_lines_outside_are_left_alone() -> None:
    assert {mutant.line for mutant in mutants(MANY, 1, 10, wanted={7, 10}, most=2)} == {7, 10}
    assert {mutant.line for mutant in mutants(MANY, 7, 8, most=99)} == {7, 8}


def test_few_are_few_and_none_is_none() -> None:
    assert len(mutants(MANY, 1, 10, most=2)) == 2
    assert mutants(MANY, 1, 10, most=0) == []
    assert mutants("def f(:\n", 1, 1) == []
    assert mutants("def f():\n    '''Words.'''\n", 1, 2) == []


def lines_of(source: str, mutant: Mutant) -> set[int]:
    return {source.count("\n", 0, place) + 1 for edit in mutant.edits for place in (edit.start, edit.end)}


@pytest.mark.parametrize("name", ["json.decoder", "textwrap", "dataclasses", "enum", "statistics"])
def test_faults_of_every_target_of_the_standard_library(name: str) -> None:
    source = decode(Path(str(importlib.import_module(name).__file__)).read_bytes())
    assert isinstance(source, str)
    tree = parse(source)
    assert isinstance(tree, ast.Module)
    targets = list(find_targets(tree.body, 50))
    changed: list[str] = []
    for number, target in enumerate(targets):
        found = mutants(source, target.first, target.last)
        if number % 5 == 0:
            assert found == mutants(source, target.first, target.last)
        executed = runtime_lines(source, target.first, target.last)
        texts = [apply(source, mutant.edits) for mutant in found]
        assert len({source, *texts}) == len(found) + 1
        for mutant in found:
            assert mutant.line in executed
            assert lines_of(source, mutant) <= {*range(target.first, target.last + 1)}
        changed += texts[:1]
    assert len(changed) > 0.9 * len(targets)
    for text in changed[:: len(changed) // 3]:  # whole modules take long
        assert not isinstance(parse(text, compiled=True), NotPython)
