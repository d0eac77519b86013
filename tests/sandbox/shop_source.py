"""A small package under test, and tests of it that are right."""

from __future__ import annotations

from pathlib import Path

SHOP = {
    "shop/__init__.py": "",
    "shop/cart.py": '''\
"""A cart."""


def total(prices, discount=0.0):
    """Sum the prices, less a discount between 0 and 1."""
    if not 0 <= discount <= 1:
        raise ValueError("no such discount")
    amount = 0
    for price in prices:
        if price < 0:
            raise ValueError("no such price")
        amount += price
    return round(amount * (1 - discount), 2)


def refund(amount):
    return -amount


class Basket:
    limit = 3

    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, item):
        if len(self.items) >= self.limit:
            raise OverflowError("full")
        self.items.append(item)
        return len(self.items)
''',
}

RIGHT = {
    "total": """\
import pytest

from shop.cart import total


def test_sum():
    assert total([1, 2]) == 3


def test_discount():
    assert total([10], 0.25) == 7.5


def test_whole_discount():
    assert total([10], 1) == 0


def test_no_prices():
    assert total([]) == 0


def test_free_item():
    assert total([0, 5]) == 5


@pytest.mark.parametrize("discount", [-0.5, 1.5])
def test_wrong_discount(discount):
    with pytest.raises(ValueError, match="^no such discount$"):
        total([1], discount)


def test_wrong_price():
    with pytest.raises(ValueError, match="^no such price$"):
        total([-1])


def test_cents():
    assert total([0.111, 0.111]) == 0.22
""",
    "refund": """\
from shop.cart import refund


def test_refund():
    assert refund(2) == -2
""",
    "Basket": """\
import pytest

from shop.cart import Basket


class TestBasket:
    def test_counts(self):
        basket = Basket("a")
        assert basket.owner == "a"
        assert basket.add("x") == 1
        assert basket.add("y") == 2
        assert basket.items == ["x", "y"]

    def test_is_full(self):
        basket = Basket("a")
        for number in range(3):
            basket.add(number)
        with pytest.raises(OverflowError, match="^full$"):
            basket.add(3)
""",
}


def write_shop(folder: Path) -> Path:
    """Write the package below a folder and return the folder."""
    for name, text in SHOP.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
