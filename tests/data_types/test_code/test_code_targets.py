"""What becomes a record, and what the record says."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_trees import record_of, records, write_tree

from batchgen.data_types.test_code.context.budget import BYTES, clip, cost

SHOP = '''\
from __future__ import annotations
import abc
from dataclasses import dataclass
from functools import cached_property, singledispatch
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    def never(): return 1

@overload
def pick(a: int) -> int: ...
@overload
def pick(a: str) -> str: raise TypeError
def pick(a):
    def inner():
        return a
    return inner()

async def load(url):
    return url

def stub():
    """Only words."""

def later():
    raise NotImplementedError("later")

@dataclass
class Point:
    x: int
    y: int = 0

class Names:
    FIRST = 1

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

class Basket:
    """Holds things."""

    limit: int = 3

    def __init__(self, owner):
        self.owner = owner

    @property
    def size(self):
        return 1

    @size.setter
    def size(self, value):
        self.owner = value

    @classmethod
    async def build(cls):
        return cls("x")

    @staticmethod
    def rate():
        return 2

    @cached_property
    def total(self):
        return self.rate()

    class Inner:
        def work(self):
            return 3

@singledispatch
def render(value):
    return str(value)

@render.register
def _(value: int):
    return "n"

if True:
    def branch():
        return 1
else:
    def branch():
        return 2

def _():
    return 0

if __name__ == "__main__":
    def run(): return 1
'''


def test_functions_and_small_classes_are_targets_and_empty_things_are_not(tmp_path: Path) -> None:
    found = record_of(SHOP, tmp_path)
    kinds = {name: record.data["kind"] for name, record in found.items()}
    assert kinds == {
        "pick": "function",
        "load": "async function",
        "Point": "class",
        "Basket": "class",
        "render": "function",
        "_": "function",
        "branch": "function",
        "branch:84": "function",
    }
    assert found["_"].data["through"] == "render"


def test_a_larger_class_is_taken_by_its_members(tmp_path: Path) -> None:
    found = record_of(SHOP, tmp_path, max_lines=10)
    kinds = {name: record.data["kind"] for name, record in found.items() if name.startswith("Basket")}
    assert kinds == {
        "Basket.__init__": "method",
        "Basket.size": "property",
        "Basket.size:52": "property setter",
        "Basket.build": "async class method",
        "Basket.rate": "static method",
        "Basket.total": "property",
        "Basket.Inner": "class",
    }


def test_the_limit_is_inclusive(tmp_path: Path) -> None:
    code = "class A:\n    def f(self):\n        return 1\n"
    assert list(record_of(code, tmp_path, max_lines=3)) == ["A"]
    assert list(record_of(code, tmp_path, max_lines=2)) == ["A.f"]


def test_lines_include_decorators_and_the_source_is_exactly_theirs(tmp_path: Path) -> None:
    data = record_of(SHOP, tmp_path)["Point"].data
    assert data["source"] == "@dataclass\nclass Point:\n    x: int\n    y: int = 0"
    lines = SHOP.split("\n")
    assert "\n".join(lines[data["first"] - 1 : data["last"]]) == data["source"]


def test_a_method_comes_with_its_class_its_imports_and_what_it_calls(tmp_path: Path) -> None:
    code = '''
    import os.path
    import re as regex
    from .. import core
    from .prices import (
        price_of,
        unused,
    )
    LIMIT = 10

    def _round(value):
        """Round half up.

        Not shown.
        """
        return int(value + 0.5)

    class Basket(core.Base):
        """Holds things."""
        tax = 0.2

        def __init__(self, owner):
            self.owner = owner

        def other(self, x: int = 1) -> int:
            return secret_body

        def total(self):
            if regex.match("x", os.path.sep):
                return _round(self.other() * LIMIT)
            return price_of(self)
    '''
    write_tree(tmp_path, {"shop/__init__.py": "", "shop/sub/__init__.py": "", "shop/sub/basket.py": code})
    found = {record.data["qualname"]: record.data for record in records(tmp_path, max_lines=5)}
    total = found["Basket.total"]
    assert total["imports"] == ["import re as regex", "import os.path", "from shop.sub.prices import price_of"]
    assert total["uses"] == ['def _round(value):\n    """Round half up."""\n    ...', "LIMIT = 10"]
    assert total["owner"] == (
        'class Basket(core.Base):\n    """Holds things."""\n    tax = 0.2\n'
        "    def __init__(self, owner):\n        self.owner = owner\n"
        "    def other(self, x: int = 1) -> int:\n        ..."
    )
    assert "from shop import core" not in total["imports"]


def test_what_calls_itself_is_not_shown_twice(tmp_path: Path) -> None:
    code = """
    def count(n):
        return n and count(n - 1)
    class Tree:
        def copy(self):
            return Tree().copy()
    """
    found = record_of(code, tmp_path, max_lines=2)
    assert [record.data["uses"] for record in found.values()] == [[], []]


def test_signatures_are_shown_as_written(tmp_path: Path) -> None:
    code = """
    def one(a): return a
    def two(
        a,  # first
        b="ü",
    ) -> int:
        # a comment
        @decorated
        def inner(): return 1
        return inner
    def user():
        return one(two(1))
    """
    uses = record_of(code, tmp_path)["user"].data["uses"]
    assert uses == ["def one(a):\n    ...", 'def two(\n    a,  # first\n    b="ü",\n) -> int:\n    ...']


@pytest.mark.parametrize("filler", ["x = 1\n", "x = '\\x01ü€'\n", "x = '" + "€" * 500_000 + "'\n"])
def test_a_record_stays_small_whatever_the_source_holds(tmp_path: Path, filler: str) -> None:
    body = "".join(f"        {filler}" for _ in range(2_000 if len(filler) < 100 else 1))
    methods = "".join(f"    def m{number}(self, a): return helper{number}(a)\n" for number in range(500))
    helpers = "".join(f"def helper{number}(a): return a\n" for number in range(500))
    everything = " + ".join(f"helper{number}(1)" for number in range(500))
    imports = "".join(f"import package_{number}\n" for number in range(500))
    long_method = f"    def long(self):\n{body}        return {everything}\n"
    code = f"{imports}{helpers}class Big:\n{methods}{long_method}"
    (tmp_path / "big.py").write_text(code, encoding="utf-8")
    for record in records(tmp_path):
        assert len(orjson.dumps(record.data)) < 3_000 * BYTES + 1_000
    long = record.data
    assert long["qualname"] == "Big.long"
    assert long["source"].startswith("    def long(self):")


@given(st.text(), st.integers(min_value=60, max_value=200))
def test_clipped_text_is_within_its_limit_but_for_the_comment(text: str, limit: int) -> None:
    encodable = text.encode("utf-8", "replace").decode()
    assert cost(clip(encodable, limit)) <= limit + 30


def test_the_whole_standard_library_package_email_reads_without_bad_rows() -> None:
    folder = Path(json.__file__).parent.parent / "email"
    ids = [record.record_id for record in records(folder)]
    assert len(ids) == len(set(ids)) > 300
    assert "email/message.py:Message.get_payload" in ids
