"""Which answers are accepted, and why the others are not."""

from __future__ import annotations

from textwrap import dedent

import orjson
import pytest
from hypothesis import given
from odd_answers import ODD_ANSWERS

from batchgen.data_types.contract import Accepted, Record, Refused
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.answer.ladder import RUNGS

STRATEGY = TEST_CODE.result_strategy(TEST_CODE.options_type())


def record(qualname: str, module: str = "shop.cart", **more: str) -> Record:
    path = module.replace(".", "/") + ".py"
    data = {"path": path, "module": module, "qualname": qualname, "first": 3, "last": 9, **more}
    return Record(f"{path}:{qualname}", data)


def judge(answer: str, qualname: str = "pay", module: str = "shop.cart", **more: str) -> Accepted | Refused:
    return STRATEGY.judge(record(qualname, module, **more), answer)


def reason(code: str, qualname: str = "pay", **more: str) -> str:
    verdict = judge(f"```python\n{dedent(code)}\n```", qualname, **more)
    return verdict.reason if isinstance(verdict, Refused) else "accepted"


def accepted(code: str, qualname: str = "pay", **more: str) -> dict[str, object]:
    verdict = judge(f"```python\n{dedent(code)}\n```", qualname, **more)
    assert isinstance(verdict, Accepted), verdict
    output: dict[str, object] = verdict.output
    return output


GOOD = "from shop.cart import pay\n\n\ndef test_pay():\n    assert pay(1) == 2\n"


def test_a_sound_answer_is_accepted_and_says_that_nobody_ran_it() -> None:
    assert accepted(GOOD) == {
        "code": GOOD,
        "tests": ["test_pay"],
        "target": "shop/cart.py:pay",
        "module": "shop.cart",
        "verified": False,
        "unverified_because": "the job was made without what is needed to run its tests",
    }


@pytest.mark.parametrize(
    ("answer", "expected", "told"),
    [
        ("I would rather not.", "no_code", "python block"),
        ("```python\nfrom shop.cart import pay\ndef test_a():\n    assert pay(\n```", "syntax_error", "Line 3"),
        ("```python\nfrom shop.cart import pay\nreturn pay\n```", "syntax_error", "outside function"),
        ("```python\nfrom shop.cart import pay\nassert pay(1) == 2\n```", "no_tests", "test_"),
        ("```python\ndef pay(a): return a\ndef test_a(): assert pay(1)\n```", "target_redefined", "shop.cart"),
        ("```python\nfrom shop.cart import pay\ndef test_a(): assert 1 + 1 == x\n```", "target_not_used", "import pay"),
        ("```python\nfrom shop.cart import pay\ndef test_a(): pay(1)\n```", "no_assertion", "assert"),
        ("x" * 100_001, "too_long", "100,000"),
    ],
)
def test_every_rung_has_its_reason_and_tells_what_was_wrong(answer: str, expected: str, told: str) -> None:
    verdict = judge(answer)
    assert isinstance(verdict, Refused)
    assert verdict.reason == expected
    assert told.lower() in verdict.detail.lower()
    assert verdict.reason in RUNGS
    assert verdict.helps_next_try


@pytest.mark.parametrize(
    "code",
    [
        "from shop.cart import pay as p\ndef test_a(): assert p(1)",
        "import shop.cart\ndef test_a(): assert shop.cart.pay(1)",
        "import shop.cart as c\ndef test_a(): assert c.pay(1)",
        "from shop import cart\ndef test_a(): assert cart.pay(1)",
        "from shop import cart as c\ndef test_a(): assert c.pay(1)",
        "from shop import pay\ndef test_a(): assert pay(1)",
        "import shop\ndef test_a(): assert shop.pay(1)",
        "from shop.cart import *\ndef test_a(): assert pay(1)",
        "def test_a():\n    from shop.cart import pay\n    assert pay(1)",
        "import importlib\nc = importlib.import_module('shop.cart')\ndef test_a(): assert c.pay(1)",
        "import pytest\nfrom shop.cart import pay\n@pytest.fixture\ndef x(): return pay(1)\ndef test_a(x): assert x",
        "from shop.cart import pay\ndef test_a(): assert list(map(pay, [1])) == [2]",
        "from shop import cart\ndef pay(): return 1\ndef test_a(): assert cart.pay(1)",
    ],
)
def test_a_function_is_used_under_any_name_it_is_imported_by(code: str) -> None:
    assert reason(code) == "accepted"


@pytest.mark.parametrize(
    "code",
    [
        "from shop.cart import refund\ndef test_a(): assert refund(1)",
        "from other.cart import pay\ndef test_a(): assert pay(1)",
        "from .cart import pay\ndef test_a(): assert pay(1)",
        "import shop.cart\ndef test_a(): assert pay(1)",
        "def test_a(): assert pay(1)",
        "from shop.cart import pay\ndef test_a(): assert 'pay' in dir()",
        "from other import *\ndef test_a(): assert pay(1)",
    ],
)
def test_another_function_is_not_the_target(code: str) -> None:
    assert reason(code) == "target_not_used"


@pytest.mark.parametrize(
    "code",
    [
        "from shop.cart import pay\ndef pay(x): return 1\ndef test_a(): assert pay(1)",
        "from shop.cart import pay as p\np = lambda x: 1\ndef test_a(): assert p(1)",
        "try:\n    from shop.cart import pay\nexcept ImportError:\n    def pay(x): ...\ndef test_a(): assert pay(1)",
        "import shop.cart\nshop.cart.pay = lambda x: 1\ndef test_a(): assert shop.cart.pay(1)",
        "from shop.cart import *\ndef pay(x): return 1\ndef test_a(): assert pay(1)",
        "class pay: ...\ndef test_a(): assert pay()",
    ],
)
def test_a_target_that_is_replaced_is_refused(code: str) -> None:
    assert reason(code) == "target_redefined"


@pytest.mark.parametrize(
    ("qualname", "body", "expected"),
    [
        ("Cart.total", "assert Cart().total() == 0", "accepted"),
        ("Cart.total", "c = Cart()\n    assert c.total == 0", "accepted"),
        ("Cart.total", "assert getattr(Cart(), 'total')()", "accepted"),
        ("Cart.total", "assert open_cart().total()", "accepted"),
        ("Cart.total", "assert Cart().size()", "target_not_used"),
        ("Cart.total", "assert other().total()", "target_not_used"),
        ("Cart.__eq__", "assert Cart() == Cart()", "accepted"),
        ("Cart.__init__", "assert Cart()", "accepted"),
        ("Cart.__init__", "assert other()", "target_not_used"),
        ("Cart.__secret", "assert Cart()._Cart__secret()", "accepted"),
        ("Cart.__secret", "assert Cart()", "target_not_used"),
        ("Cart.Item.price", "assert Cart.Item().price()", "accepted"),
        ("Cart", "assert Cart()", "accepted"),
    ],
)
def test_a_method_is_used_through_its_class_or_what_its_module_makes(qualname: str, body: str, expected: str) -> None:
    code = f"from shop.cart import Cart, open_cart\nfrom elsewhere import other\ndef test_a():\n    {body}"
    assert reason(code, qualname) == expected


def test_a_dispatched_function_is_used_through_its_dispatcher() -> None:
    code = "from shop.cart import render\ndef test_a(): assert render(1)"
    assert reason(code, "_") == "target_not_used"
    assert reason(code, "_", through="render") == "accepted"


def test_tests_are_those_that_pytest_collects() -> None:
    code = """
    import asyncio, pytest, unittest
    from shop.cart import pay

    def test_b(): assert pay(1)
    async def test_async(): assert pay(1)
    @pytest.mark.parametrize("a", [1, 2])
    def test_many(a): assert pay(a)
    @pytest.fixture
    def test_data(): assert pay(1); return 1
    def test_yields(): assert pay(1); yield
    def helper_test(): assert pay(1)
    if True:
        def test_inside(): assert pay(1)
    class TestA:
        def test_y(self): assert pay(1)
        def helper(self): assert pay(1)
        class TestInner:
            def test_z(self): assert pay(1)
    class TestWithInit:
        def __init__(self): pass
        def test_y(self): assert pay(1)
    class TestChild(TestA):
        def test_more(self): assert pay(1)
    class Helper:
        def test_y(self): assert pay(1)
    class PayCase(unittest.TestCase):
        def test_u(self): self.assertEqual(pay(1), 2)
    class TestOff:
        __test__ = False
        def test_y(self): assert pay(1)
    def test_outer():
        def test_nested(): assert pay(1)
        test_nested()
    """
    assert accepted(code)["tests"] == [
        "test_b",
        "test_async",
        "test_many",
        "test_inside",
        "TestA::test_y",
        "TestA::TestInner::test_z",
        "TestChild::test_more",
        "TestChild::test_y",
        "PayCase::test_u",
        "test_outer",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert pay(1) == 2", "accepted"),
        ("with pytest.raises(ValueError):\n        pay(1)", "accepted"),
        ("with raises(ValueError):\n        pay(1)", "accepted"),
        ("mock = Mock(); pay(mock); mock.assert_called_once_with(1)", "accepted"),
        ("check(pay(1))", "accepted"),
        ("numpy.testing.assert_allclose(pay(1), 2)", "accepted"),
        ("try:\n        pay(1)\n    except ValueError:\n        pytest.fail('no')", "accepted"),
        ("pay(1); assert True", "no_assertion"),
        ("pay(1); assert 1 == 1", "no_assertion"),
        ("assert (pay(1) == 2, 'message')", "no_assertion"),
        ("print(pay(1))", "no_assertion"),
        ("loop(pay(1))", "no_assertion"),
    ],
)
def test_an_assertion_is_something_that_can_fail(body: str, expected: str) -> None:
    code = f"""\
import pytest
from pytest import raises
from unittest.mock import Mock
from shop.cart import pay

def check(value):
    deeper(value)

def deeper(value):
    assert value == 2

def loop(value):
    loop(value)

def test_a():
    {body}
"""
    assert reason(code) == expected


def test_tests_that_assert_nothing_are_cut_out_and_the_rest_is_kept() -> None:
    code = '''\
    import pytest
    from shop.cart import pay

    # Pays.
    def test_good():
        """Stays."""
        assert pay(1) == 2

    @pytest.mark.parametrize("a", [1])
    def test_bad(a):
        pay(a)

    class TestNothing:
        def test_bad(self):
            pay(1)

    class TestSome:
        def test_bad(self):
            pay(1)

        def test_good(self):
            assert pay(1)

    if __name__ == "__main__":
        pytest.main()
    '''
    output = accepted(code)
    assert output["tests"] == ["test_good", "TestSome::test_good"]
    text = str(output["code"])
    assert "bad" not in text
    assert "TestNothing" not in text
    assert "pytest.main" not in text
    assert '"""Stays."""' in text


def test_of_several_blocks_the_one_that_holds_is_taken() -> None:
    copied = "def pay(a):\n    return a + 1\n"
    output = judge(f"The code:\n```python\n{copied}```\nThe tests:\n```python\n{GOOD}```")
    assert isinstance(output, Accepted)
    assert output.output["code"] == GOOD


HOSTILE = [
    "(" * 50_000,
    "x = " + "-" * 90_000 + "1",
    "x = " + "[" * 150 + "]" * 150,
    "x = " + "+".join("1" * 40_000),
    "x = a" + ".b" * 40_000,
    "x = " + "9" * 90_000,
    "\n".join(" " * depth + "if x:" for depth in range(400)),
    "def test_a():\n    assert pay('\0')",
    "def test_\ud800(): assert pay(1)",
    "def test_a(): assert pay('\ud800')",
    "def test_a(): assert pay('\\ud800')",
    "x = '" + "y" * 90_000 + "'",
    "x = '" + "y" * 1_000_000 + "'",
    "if x: pass\n" + "elif x: pass\n" * 5_000,
    "f" + "(x)" * 20_000,
    "from __future__ import braces",
    "x = '\\d' is 'x'",
    "class TestA(TestB): pass\nclass TestB(TestA):\n    def test_a(self): assert pay(1)",
    "`" * 50_000 + "\n" + "```\n" * 10_000,
    "~" * 90_000,
    "@x\n" * 30_000,
    "lambda: " * 10_000 + "1",
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: ascii(body[:20]))
@pytest.mark.parametrize("around", ["```python\n{}\n```", "{}", "```python\n" + GOOD + "{}\n```", "```python\n{}"])
def test_hostile_answers_are_judged_and_nothing_crashes(body: str, around: str) -> None:
    verdict = judge(around.replace("{}", body))
    if isinstance(verdict, Refused):
        assert verdict.reason in RUNGS
        assert len(verdict.detail) < 1_000
        orjson.dumps(verdict.detail)
    else:
        orjson.dumps(verdict.output)


@given(ODD_ANSWERS)
def test_judging_never_crashes(answer: str) -> None:
    verdict = judge(answer)
    orjson.dumps(verdict.detail if isinstance(verdict, Refused) else verdict.output)
