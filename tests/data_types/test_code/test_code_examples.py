"""The project's own tests: where they are looked for, and which of them are shown with a target."""

from __future__ import annotations

from pathlib import Path

import pytest
from source_trees import records, write_tree

from batchgen.data_types.test_code.code.project_tests import existing_test_files
from batchgen.data_types.test_code.code.source_tree import source_root

CART = """\
class Cart:
    def __init__(self, items):
        self.items = items

    def total(self):
        return sum(self.items)

    def __len__(self):
        return len(self.items)

def pay(cart):
    return cart.total()
"""
TESTS = """\
import pytest
from shop.cart import Cart, pay
from shop.cart import pay as unused

@pytest.fixture
def cart(items):
    return Cart(items)

@pytest.fixture(name="lonely")
def make_lonely():
    return 1

def test_pay(cart):
    assert pay(cart) == 3

def test_something_else(cart):
    payment = cart
    assert payment

class TestCart:
    @pytest.mark.usefixtures("lonely")
    def test_total(self, cart):
        assert cart.total() == 3
"""
CONFTEST = """\
import pytest

@pytest.fixture
def items():
    return [1, 2]

@pytest.fixture
def never_used():
    return 0
"""
PROJECT = {
    "pyproject.toml": "",
    "src/shop/__init__.py": "",
    "src/shop/cart.py": CART,
    "tests/conftest.py": CONFTEST,
    "tests/unit/test_cart.py": TESTS,
    "tests/unit/test_other.py": "from other import pay\ndef test_pay():\n    assert pay(1)\n",
    "tests/broken_test.py": "from shop.cart import pay\ndef test_pay(:\n",
}


CART_FIXTURE = """\
# tests/unit/test_cart.py
import pytest
from shop.cart import Cart
@pytest.fixture
def cart(items):
    return Cart(items)"""


def shown(source: Path, **options: object) -> dict[str, tuple[list[str], list[str]]]:
    found = records(source, **options)
    return {record.data["qualname"]: (record.data["tests"], record.data["fixtures"]) for record in found}


def test_tests_that_name_the_target_are_shown_with_the_fixtures_they_take(tmp_path: Path) -> None:
    found = shown(write_tree(tmp_path, PROJECT) / "src" / "shop", max_lines=2)
    tests, fixtures = found["pay"]
    assert tests == [
        "# tests/unit/test_cart.py\nfrom shop.cart import pay\ndef test_pay(cart):\n    assert pay(cart) == 3"
    ]
    assert fixtures == [
        CART_FIXTURE,
        "# tests/conftest.py\nimport pytest\n@pytest.fixture\ndef items():\n    return [1, 2]",
    ]
    tests, fixtures = found["Cart.total"]
    assert [test.partition("def ")[2] for test in tests] == ["test_total(self, cart):\n    assert cart.total() == 3"]
    assert len(fixtures) == 3
    assert "def make_lonely" in fixtures[1]
    assert "never_used" not in "".join(fixtures)


def test_a_special_method_is_found_by_its_class(tmp_path: Path) -> None:
    tree = write_tree(
        tmp_path,
        PROJECT
        | {"tests/test_len.py": "import shop.cart\ndef test_len():\n    assert len(shop.cart.Cart([1])) == 1\n"},
    )
    tests, _ = shown(tree / "src" / "shop", max_lines=2)["Cart.__len__"]
    assert [test.partition("def ")[2].partition("(")[0] for test in tests] == ["test_len"]


@pytest.mark.parametrize(
    ("place", "line", "seen"),
    [
        ("tests/test_a.py", "from shop.cart import pay", True),
        ("tests/test_a.py", "from shop import cart", True),
        ("tests/test_a.py", "import os, shop.cart as c", True),
        ("tests/test_a.py", "def test_late():\n    from shop.cart import pay", True),
        ("tests/test_a.py", "from shop.prices import pay", False),
        ("tests/test_a.py", "from shopping.cart import pay", False),
        ("test/deep/cart_checks.py", "from shop.cart import pay", True),
        ("src/shop/tests/test_a.py", "from ..cart import pay", True),
        ("src/shop/tests/test_a.py", "from .. import cart", True),
        ("src/shop/test_a.py", "from .prices import pay", False),
        ("src/shop/test_a.py", "from .cart import pay", True),
        ("src/tests/test_a.py", "from shop.cart import pay", True),
        ("elsewhere/test_a.py", "from shop.cart import pay", False),
        (".hidden/tests/test_a.py", "from shop.cart import pay", False),
    ],
)
def test_which_files_are_of_the_target(tmp_path: Path, place: str, line: str, seen: bool) -> None:
    files = {"setup.cfg": "", "src/shop/__init__.py": "", "src/shop/tests/__init__.py": "", "src/shop/cart.py": CART}
    tree = write_tree(tmp_path, files | {place: f"{line}\ndef test_pay():\n    assert pay(1)\n"})
    tests, _ = shown(tree / "src" / "shop")["pay"]
    assert bool(tests) == seen


@pytest.mark.parametrize(
    ("marker", "source", "found"),
    [
        ("pyproject.toml", "src/shop", {"tests/test_a.py", "src/shop/tests/helper.py", "src/shop/b_test.py"}),
        ("pyproject.toml", "src", {"tests/test_a.py", "src/shop/tests/helper.py", "src/shop/b_test.py"}),
        ("pyproject.toml", "src/shop/cart.py", {"tests/test_a.py", "src/shop/b_test.py"}),
        ("src/setup.py", "src/shop", {"src/shop/tests/helper.py", "src/shop/b_test.py"}),
        ("unmarked", "src/shop", {"src/shop/tests/helper.py", "src/shop/b_test.py"}),
        ("unmarked", ".", {"tests/test_a.py", "src/shop/tests/helper.py", "src/shop/b_test.py"}),
    ],
)
def test_where_tests_are_looked_for(tmp_path: Path, marker: str, source: str, found: set[str]) -> None:
    files = [marker, "src/shop/__init__.py", "src/shop/cart.py", "tests/test_a.py", "tests/data.txt"]
    inside = ["src/shop/tests/helper.py", "src/shop/b_test.py", "src/shop/.venv/test_x.py"]
    tree = write_tree(tmp_path, dict.fromkeys([*files, *inside], ""))
    (tree / "tests/linked").symlink_to(tree / "src/shop")
    given = tree / source
    paths = existing_test_files(given, source_root(given))
    assert {path.relative_to(tree).as_posix() for path in paths} == found
    assert paths == sorted(paths)


def test_a_project_is_not_looked_for_far_above_or_among_installed_packages(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"pyproject.toml": "", "tests/test_a.py": "", "a/b/c/d/e/shop/cart.py": CART})
    given = tree / "a/b/c/d/e/shop"
    assert existing_test_files(given, given) == []
    near = tree / "a/b/c/d"
    assert existing_test_files(near, near) == [tree / "tests/test_a.py"]
    installed = write_tree(tmp_path / "site-packages", {"tests/test_b.py": "", "shop/__init__.py": ""})
    assert existing_test_files(installed / "shop", installed) == []


def test_few_and_the_nearest_tests_are_shown(tmp_path: Path) -> None:
    many = "".join(f"def test_{number}():\n    assert pay({number})\n" for number in range(100))
    filler = "    x = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" * 200
    code = f"from shop.cart import pay\n{many}def test_pay_works():\n    assert pay(100)\n{filler}"
    tree = write_tree(tmp_path, {"shop/__init__.py": "", "shop/cart.py": CART, "tests/test_cart.py": code})
    tests, _ = shown(tree / "shop")["pay"]
    assert 2 <= len(tests) <= 6
    assert "test_pay_works" in tests[0]
    assert "more lines" in tests[0]
