"""A test file without some of its tests still runs, and holds exactly the others."""

from __future__ import annotations

import ast
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from batchgen.data_types.test_code.answer.collection import collect
from batchgen.data_types.test_code.answer.pruning import only, with_hidden_imports

CASES = {
    "function": (
        """
        import json

        def test_a():
            assert json.loads("1") == 1

        # about b
        @mark
        def test_b():
            assert json.loads("2") == 2
        """,
        ["test_a"],
    ),
    "in branches": (
        """
        import sys
        if sys.version_info > (3, 0):
            def test_a():
                assert True
        else:
            def test_a():
                assert not True
        try:
            import nothing_of_this_name
        except ImportError:
            def test_b():
                assert 1
        def test_c():
            assert 1
        """,
        ["test_c"],
    ),
    "twice defined": (
        """
        def test_a():
            assert 1 == 2
        def test_b():
            assert 1
        def test_a():
            assert 2 == 3
        """,
        ["test_b"],
    ),
    "used by others": (
        """
        def test_a():
            assert 1
            return 3
        def test_b():
            assert test_a() == 3
        """,
        ["test_b"],
    ),
    "method used by others": (
        """
        class TestA:
            def test_a(self):
                return 3
            def test_b(self):
                assert self.test_a() == 3
        """,
        ["TestA::test_b"],
    ),
    "inherited by one whose test is kept": (
        """
        class Base:
            def test_a(self):
                assert 1
        class TestA(Base):
            x = 1
        class TestB(Base):
            def test_b(self):
                assert 1
        """,
        ["TestA::test_a", "TestB::test_b"],
    ),
    "inherited on one line": (
        """
        class TestA:
            def test_a(self):
                assert 1
        class TestB(TestA): x = 1
        class TestC(TestA):
            def test_c(self): pass
        """,
        ["TestA::test_a", "TestC::test_c"],
    ),
    "overridden": (
        """
        class TestA:
            def test_a(self):
                assert 1
        class TestB(TestA):
            def test_a(self):
                assert 2
        """,
        ["TestA::test_a"],
    ),
    "base of another": (
        """
        class TestA:
            def test_a(self):
                assert 1
        class TestB(TestA):
            def test_b(self):
                assert 1
        """,
        ["TestB::test_b"],
    ),
    "name of a parameter, a variable, an inner function": (
        """
        def test_input():
            assert 1
        def given(test_input=1):
            return test_input
        def test_b():
            def inner():
                def test_input():
                    return 5
                return test_input()
            assert given(test_input=2) + given() + inner() + (lambda test_input: test_input)(1) == 9
        """,
        ["test_b"],
    ),
    "used beside a variable of the same name": (
        """
        def test_a():
            assert 1
            return 3
        def test_b():
            assert test_a() == 3
        def test_c():
            import json as test_a
            try:
                test_a.loads("(")
            except ValueError as test_a:
                assert test_a
        def test_d():
            global seen
            seen = [test_a() for _ in "12"] + [test_a for test_a in "1"]
            assert seen == [3, 3, "1"]
        """,
        ["test_b", "test_c", "test_d"],
    ),
    "used beside a class that has the name": (
        """
        def test_a():
            assert 1
            return 3
        def test_b():
            class Given:
                test_a = 4
                twice = test_a * 2
                def get(self):
                    return test_a()
            assert (Given.test_a, Given.twice, Given().get()) == (4, 8, 3)
        """,
        ["test_b"],
    ),
    "called on an object": (
        """
        class TestA:
            def test_a(self):
                return 3
        def test_b():
            one = TestA()
            assert one.test_a() == 3
        """,
        ["test_b"],
    ),
    "class used by others": (
        """
        class TestA:
            value = 3
            def test_a(self):
                assert 1
        def test_b():
            assert TestA.value == 3
        """,
        ["test_b"],
    ),
    "nested": (
        """
        class TestA:
            def test_a(self):
                assert 1
            class TestB:
                def test_b(self):
                    assert 1
        """,
        ["TestA::TestB::test_b"],
    ),
    "script": (
        """
        def test_a():
            assert 1
        if __name__ == "__main__":
            test_a()
        """,
        ["test_a"],
    ),
    "wide characters": (
        """
        def test_ä(): assert "日本語" == "日本語"; return "é"
        def test_b(): assert test_ä() == "é" and "🎉"
        """,
        ["test_b"],
    ),
    "unittest": (
        """
        import unittest
        class Sums(unittest.TestCase):
            def setUp(self):
                self.x = 1
            def test_a(self):
                self.assertEqual(self.x, 1)
            def test_b(self):
                self.assertEqual(self.x, 1)
        """,
        ["Sums::test_b"],
    ),
}


@pytest.mark.parametrize(("code", "kept"), CASES.values(), ids=CASES)
def test_exactly_the_kept_tests_are_left_and_pass(code: str, kept: list[str]) -> None:
    left = only(dedent(code), kept)
    assert left is not None
    assert [test.test_id for test in collect(ast.parse(left))] == kept
    for test in kept:
        found(left, test)()


def test_what_is_kept_stays_as_it_was_written() -> None:
    code = dedent(
        """
        # The sums.
        def test_a():
            assert   1   # spaces


        def test_b():
            assert 2
        """
    )
    assert only(code, ["test_a"]) == "\n# The sums.\ndef test_a():\n    assert   1   # spaces\n"


def test_a_test_that_the_file_has_not_cannot_be_kept() -> None:
    assert only("def test_a(): assert 1\n", ["test_b"]) is None


INSEPARABLE = {
    "one of several that are called by their name": (
        """
        class Base:
            def test_a(self):
                assert 1
        class TestA(Base):
            def test_a(self):
                super().test_a()
        class TestB(TestA):
            def test_a(self):
                super().test_a()
        """,
        ["TestB::test_a"],
    ),
    "inherited and called": (
        """
        class TestA:
            def test_a(self):
                assert 1
        class TestB(TestA):
            def test_b(self):
                self.test_a()
        """,
        ["TestA::test_a", "TestB::test_b"],
    ),
}


@pytest.mark.parametrize(("code", "kept"), INSEPARABLE.values(), ids=INSEPARABLE)
def test_what_others_need_is_not_taken_from_them(code: str, kept: list[str]) -> None:
    assert only(dedent(code), kept) is None


def test_an_imported_function_gets_a_name_that_is_no_test() -> None:
    code = (
        "from json import loads as test_loads, dumps\n\ndef test_a():\n    assert test_loads('1') == 1 and dumps(1)\n"
    )
    left = with_hidden_imports(code)
    assert left.startswith("from json import loads as _test_loads, dumps\n")
    found(left, "test_a")()


def test_a_name_that_a_function_imports_stays() -> None:
    code = "def test_a():\n    from json import loads as test_loads\n    assert test_loads('1') == 1\n"
    assert with_hidden_imports(code) == code


@pytest.mark.parametrize("rest", ["def test_a(test_loads): assert test_loads", "test_loads = 1", "x = 'test_loads'"])
def test_an_imported_name_that_means_something_else_too_stays(rest: str) -> None:
    code = f"from json import loads as test_loads\n{rest}\n"
    assert with_hidden_imports(code) == code


def found(code: str, test: str) -> Callable[[], Any]:
    """Run the file and return a test of it, its class made new."""
    names: dict[str, Any] = {"mark": lambda function: function, "__name__": "test_file"}
    exec(code, names)  # noqa: S102 - the cases above
    *classes, name = test.split("::")
    if not classes:
        function: Callable[[], Any] = names[name]
        return function
    made: Any = names[classes[0]]
    for inner in classes[1:]:
        made = getattr(made, inner)
    if "setUp" in vars(made):
        case = made(name)
        debug: Callable[[], Any] = case.debug
        return debug
    method: Callable[[], Any] = getattr(made(), name)
    return method
