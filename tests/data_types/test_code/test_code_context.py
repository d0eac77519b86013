"""What is shown beside a target: of its own module, of the source's other modules, and how much of it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import orjson
import pytest
from source_trees import records, write_tree

from batchgen.data_types.contract import Record
from batchgen.data_types.test_code.generator import TestCodePromptGenerator
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.openai_client.tokens import count_tokens

SHOP = {
    "shop/__init__.py": "from shop.cart import *\nfrom .prices import price_of as cost_of\n",
    "shop/base.py": "class Base:\n    def close(self, force=False):\n        return force\n",
    "shop/cart.py": '''\
        from dataclasses import dataclass
        from . import base

        CURRENCY = "EUR"

        @dataclass
        class Item:
            """A thing in a cart."""
            name: str
            price: int = 0

        class Cart(base.Base):
            def __init__(self, items: list[Item]):
                self.items = items

            def _secret(self):
                return 1

            def total(self) -> int:
                return sum(item.price for item in self.items)
    ''',
    "shop/prices.py": 'def price_of(name, *, tax=0.2):\n    """Look a price up."""\n    return len(name) * tax\n',
}
ITEM = '# from shop.cart\n@dataclass\nclass Item:\n    """A thing in a cart."""\n    name: str\n    price: int = 0'
PRICE_OF = '# from shop.prices\ndef price_of(name, *, tax=0.2):\n    """Look a price up."""\n    ...'


def of(folder: Path, code: str, name: str = "f", **options: object) -> Record:
    tree = write_tree(folder, SHOP | {"shop/orders.py": code})
    found = {record.record_id: record for record in records(tree / "shop", **options)}
    return found[f"shop/orders.py:{name}"]


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("from shop.cart import Item\ndef f():\n    return Item('x')\n", [ITEM]),
        ("from .cart import Item as Thing\ndef f():\n    return Thing('x')\n", [ITEM]),
        ("from . import cart\ndef f():\n    return cart.Item('x')\n", [ITEM]),
        ("import shop.cart\ndef f():\n    return shop.cart.Item('x')\n", [ITEM]),
        ("import shop.cart as c\ndef f():\n    return c.Item('x')\n", [ITEM]),
        ("from shop import Item\ndef f():\n    return Item('x')\n", [ITEM]),
        ("from shop import cost_of\ndef f():\n    return cost_of('x')\n", [PRICE_OF]),
        ("import shop\ndef f():\n    return shop.cost_of('x')\n", [PRICE_OF]),
        ("def f():\n    from shop.cart import Item\n    return Item('x')\n", []),
        ("from shop.cart import CURRENCY\ndef f():\n    return CURRENCY\n", ['# from shop.cart\nCURRENCY = "EUR"']),
        ("from shop.prices import *\ndef f():\n    return price_of('x')\n", [PRICE_OF]),
        ("from shop.cart import Item\ndef f(item: Item | None):\n    return item\n", [ITEM]),
        ("from shop.cart import Item\ndef f(item: 'list[Item]'):\n    return item\n", [ITEM]),
        (
            """
import typing
if typing.TYPE_CHECKING:
    from shop.cart import Item
def f(item: 'Item'):
    return item
""",
            [ITEM],
        ),
        (
            "from shop import prices\nfrom shop.cart import Item\ndef f():\n    return prices.price_of(Item('x'))\n",
            None,
        ),
        ("import json\nfrom shop import gone\ndef f():\n    return json.dumps(gone.x)\n", []),
    ],
)
def test_callees_and_types_of_other_modules_are_shown(tmp_path: Path, code: str, uses: list[str] | None) -> None:
    assert of(tmp_path, code).data["uses"] == (uses if uses is not None else [PRICE_OF, ITEM])


def test_a_method_comes_with_the_bases_of_its_class_and_the_types_its_constructor_takes(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, SHOP)
    found = {record.record_id: record.data for record in records(tree, max_lines=5)}
    base = "# from shop.base\nclass Base:\n    def close(self, force=False):\n        ..."
    assert found["shop/cart.py:Cart.total"]["uses"] == [base, ITEM.removeprefix("# from shop.cart\n")]


def test_of_a_type_the_members_that_the_target_calls_come_first_and_private_ones_last(tmp_path: Path) -> None:
    methods = "".join(f"    def method_{number}(self, argument_{number}): return 1\n" for number in range(60))
    wide = f"class Wide:\n    def _hidden(self, argument_of_it): return 1\n{methods}"
    code = "from .wide import Wide\ndef f(wide: Wide):\n    return wide.method_59(1)\n"
    write_tree(tmp_path, {"shop/wide.py": wide})
    shown = of(tmp_path, code).data["uses"][0]
    assert "method_59" in shown
    assert "method_0" in shown
    assert "method_58" not in shown
    assert "_hidden" not in shown


def test_what_lies_beside_the_source_is_not_its_own(tmp_path: Path) -> None:
    write_tree(tmp_path, {"other/__init__.py": "def stranger():\n    return 1\n"})
    code = "from other import stranger\ndef f():\n    return stranger()\n"
    assert of(tmp_path, code).data["uses"] == []
    whole = {record.record_id: record.data for record in records(tmp_path)}
    assert whole["shop/orders.py:f"]["uses"] == ["# from other\ndef stranger():\n    ..."]


def test_links_are_not_followed_to_callees(tmp_path: Path) -> None:
    write_tree(tmp_path / "outside", {"secret.py": "PASSWORD = 'x'\ndef login():\n    return 1\n"})
    source = write_tree(tmp_path / "source", {"shop/__init__.py": ""})
    (source / "shop/secret.py").symlink_to(tmp_path / "outside/secret.py")
    (source / "shop/sub").symlink_to(tmp_path / "outside")
    code = "from .secret import login\nfrom .sub.secret import PASSWORD\ndef f():\n    return login(PASSWORD)\n"
    assert of(source, code).data["uses"] == []


def test_modules_that_import_each_other_and_broken_ones_do_no_harm(tmp_path: Path) -> None:
    files = {
        "shop/ring_a.py": "from .ring_b import *\n",
        "shop/ring_b.py": "from .ring_a import *\n",
        "shop/broken.py": "def f(:\n",
    }
    write_tree(tmp_path, files)
    code = "from .ring_a import nobody\nfrom .broken import f as g\ndef f():\n    return g(nobody)\n"
    assert of(tmp_path, code, exclude=["*/broken.py"]).data["uses"] == []


LONG = """\
from shop import cost_of
from shop.cart import Cart, Item

def f(cart: Cart):
    first = cost_of(Item(cart))
    {calls}
    {lines}
"""
HELPERS = "".join(f"def helper_{number}(argument):\n    return 1\n" for number in range(400))
CALLS = "\n    ".join(f"helper_{number}(1)" for number in range(400))
TESTS = "from shop.orders import f\n" + "".join(
    f"def test_{number}():\n    assert f({number})\n" for number in range(9)
)


@pytest.mark.parametrize("tokens", [500, 3_000, 10_000])
@pytest.mark.parametrize("line", ["x = compute(1, 'some text', key=[value for value in range(10)])", "pass"])
def test_what_is_shown_keeps_to_the_budget(tmp_path: Path, tokens: int, line: str) -> None:
    code = HELPERS + LONG.format(calls=CALLS, lines="\n    ".join([line] * 2_000))
    write_tree(tmp_path, {"tests/test_orders.py": TESTS})
    record = of(tmp_path, code, context_tokens=tokens)
    options = TestCodeOptions.model_validate({"context_tokens": tokens})
    content = TestCodePromptGenerator(options).prompt(record).messages[1]["content"]
    assert isinstance(content, str)
    assert 0.8 * tokens < count_tokens(content) < tokens + 250
    assert "more lines" in content
    assert "class Cart" in content
    assert len(orjson.dumps(record.data)) < 8 * tokens + 1_000


def test_a_short_target_leaves_its_room_to_what_it_uses(tmp_path: Path) -> None:
    helpers = "".join(
        f"def helper_{number}(first_argument, second_argument):\n    return {number}\n\n" for number in range(100)
    )
    calls = " + ".join(f"helper_{number}(1, 2)" for number in range(100))
    data = of(tmp_path, f"{helpers}def f():\n    return {calls}\n", context_tokens=4_000).data
    assert 50 < len(data["uses"]) <= 100
    few = of(tmp_path, f"{helpers}def f():\n    return {calls}\n", context_tokens=1_500).data["uses"]
    assert few == data["uses"][: len(few)]


def test_a_stream_of_records_is_the_same_each_time(tmp_path: Path) -> None:
    tree = write_tree(
        tmp_path,
        SHOP | {"tests/test_cart.py": dedent("from shop.cart import Item\ndef test_item(): assert Item('x')\n")},
    )
    first, second = (orjson.dumps([record.data for record in records(tree / "shop")]) for _ in range(2))
    assert first == second
