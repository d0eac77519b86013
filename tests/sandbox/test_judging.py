"""What is accepted is shown to work; what is wrong with the rest is told; crashes and machines change no verdict."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from batch_facts import batch_facts

from batchgen.data_types.contract import Accepted, Feedback, Record, Refused, Result, ResultStrategy
from batchgen.data_types.test_code.code.edits import apply
from batchgen.data_types.test_code.delivery.files import write_test_files
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.data_types.test_code.running.material import unpack_material
from batchgen.data_types.test_code.running.mutation import mutants
from batchgen.data_types.test_code.running.verdicts import VerdictCache
from batchgen.sandbox import CacheFolder, prepare_environment

from .judging import packed, records, strategy_for
from .shop_source import RIGHT, SHOP, write_shop

Strategy = ResultStrategy[TestCodeOptions]
CART = SHOP["shop/cart.py"]


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def test_right_tests_are_accepted_with_what_they_show(strategy: Strategy, shop: Path) -> None:
    verdict = strategy.judge(records(shop)["total"], fenced(RIGHT["total"]))
    assert isinstance(verdict, Accepted)
    output = verdict.output
    assert output["verified"] is True
    assert output["gained_lines"] == output["asked_lines"] == list(range(6, 14))
    assert set(output["evidence"]) == set(output["tests"])
    killed = {kill for each in output["evidence"].values() for kill in each["kills"]}
    assert killed == {each["id"] for each in output["mutants"]}
    assert output["refused_tests"] == output["suspected_bugs"] == []


def test_one_broken_test_costs_one_test(strategy: Strategy, shop: Path) -> None:
    code = (
        f"{RIGHT['refund']}\n\ndef test_wrong():\n    assert refund(2) == 7\n\n"
        "def test_broken():\n    assert refund() == 1\n\ndef test_hangs():\n    while refund(1):\n        pass\n"
        "    assert refund(1)\n\ndef test_last():\n    assert refund(-1) == 1\n"
    )
    verdict = strategy.judge(records(shop)["refund"], fenced(code))
    assert isinstance(verdict, Accepted)
    assert verdict.output["tests"] == ["test_refund", "test_last"]
    reasons = {each["test"]: each["reason"] for each in verdict.output["refused_tests"]}
    assert reasons == {"test_broken": "raised_error", "test_hangs": "time_limit"}
    [bug] = verdict.output["suspected_bugs"]
    assert bug["test"] == "test_wrong"
    assert "-2 == 7" in bug["error"]
    assert bug["code"].startswith("def test_wrong")
    assert "test_wrong" not in verdict.output["code"]


def test_bugs_in_the_code_are_told_apart_from_tests_that_are_wrong(tmp_path: Path, cache: Path) -> None:
    """Mutants of a package are "the code", right tests the answers."""
    found = noticed = 0
    for name, answer in RIGHT.items():
        record = records(write_shop(tmp_path / "right"))[name]
        for mutant in mutants(CART, record.data["first"], record.data["last"], most=4):
            source = write_shop(tmp_path / name / mutant.id)
            (source / "shop" / "cart.py").write_text(apply(CART, mutant.edits), encoding="utf-8")
            strategy = strategy_for(packed(source, tmp_path / f"{name}{mutant.id}"), cache)
            verdict = strategy.judge(record, fenced(answer))
            held = verdict.output if isinstance(verdict, Accepted) else verdict.evidence
            fails = [each for each in held["refused_tests"] if each["reason"] == "assertion_failed"]
            found += bool(fails or held["suspected_bugs"])
            noticed += bool(held["suspected_bugs"])
    assert found >= 6
    assert noticed >= 0.9 * found


def test_what_the_hash_seed_decides_is_unstable(strategy: Strategy, shop: Path) -> None:
    seeds = {seed: _parities(seed) for seed in (1, 2)}
    letter = next(name for name in seeds[1] if seeds[1][name] == 0 and seeds[2][name] == 1)
    code = f"from shop.cart import refund\ndef test_a():\n    assert refund(hash('{letter}') % 2) == 0\n"
    verdict = strategy.judge(records(shop)["refund"], fenced(code))
    assert isinstance(verdict, Refused)
    assert verdict.reason == "unstable"


def _parities(seed: int) -> dict[str, int]:
    program = "import json; print(json.dumps({c: hash(c) % 2 for c in 'abcdefghijklmnop'}))"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": str(seed)}, capture_output=True, check=True
    )
    parities: dict[str, int] = orjson.loads(done.stdout)
    return parities


def test_the_order_of_tests_must_not_matter(strategy: Strategy, shop: Path) -> None:
    code = (
        "from shop.cart import refund\nseen = []\n\n"
        "def test_a():\n    seen.append(refund(1))\n    assert seen == [-1]\n\n"
        "def test_b():\n    assert [*seen, refund(1)] == [-1, -1]\n\ndef test_c():\n    assert refund(3) == -3\n"
    )
    verdict = strategy.judge(records(shop)["refund"], fenced(code))
    assert isinstance(verdict, Accepted)
    assert "test_c" in verdict.output["tests"]
    assert "test_b" not in verdict.output["tests"]


def test_a_test_has_to_pass_alone(strategy: Strategy, shop: Path) -> None:
    """The others all make it ready, and no order that is tried has it first; a file may hold it without them."""
    ready = "def test_{}():\n    baskets['one'] = Basket('o')\n    assert baskets['one'].add(1) == 1\n\n"
    needy = "def test_needy():\n    assert baskets['one'].owner == Basket('o').owner\n\n"
    tests = [needy if name == "needy" else ready.format(name) for name in ("a", "b", "needy", "c", "d")]
    verdict = strategy.judge(
        records(shop)["Basket"], fenced(f"from shop.cart import Basket\nbaskets = {{}}\n\n{''.join(tests)}")
    )
    assert isinstance(verdict, Accepted)
    assert verdict.output["tests"] == ["test_a", "test_b", "test_c", "test_d"]
    [refused] = verdict.output["refused_tests"]
    assert (refused["test"], refused["reason"]) == ("test_needy", "unstable")
    assert "KeyError: 'one'" in refused["detail"]


def test_chance_is_seen_under_any_name(strategy: Strategy, shop: Path) -> None:
    """The value is that of a seed which only tests that depend on chance are run with."""
    value = random.Random(24).random()  # noqa: S311 - as tests have it
    code = (
        "from random import random as some\nfrom shop.cart import refund\n"
        f"def test_a():\n    assert refund(1) == -1 and some() != {value!r}\n"
    )
    verdict = strategy.judge(records(shop)["refund"], fenced(code))
    assert isinstance(verdict, Refused)
    assert verdict.reason == "unstable"


def test_a_second_answer_with_the_same_errors_ends_the_tries_and_its_bugs_are_kept(
    strategy: Strategy, shop: Path
) -> None:
    record = records(shop)["refund"]
    wrong = fenced("from shop.cart import refund\ndef test_a():\n    assert refund(2) == 7\n")
    first = strategy.judge(record, wrong)
    assert isinstance(first, Refused)
    assert not first.final
    assert "-2 == 7" in first.detail
    former = Feedback(first.reason, first.detail, first.evidence)
    again = strategy.judge(record, wrong, former)
    assert isinstance(again, Refused)
    assert again.final
    better = strategy.judge(record, fenced(RIGHT["refund"]), former)
    assert isinstance(better, Accepted)
    assert [bug["test"] for bug in better.output["suspected_bugs"]] == ["test_a"]


def test_lines_that_are_missing_are_asked_for(strategy: Strategy, shop: Path) -> None:
    code = "from shop.cart import Basket\ndef test_a():\n    assert Basket.limit == 3\n"
    verdict = strategy.judge(records(shop)["Basket"], fenced(code))
    assert isinstance(verdict, Refused)
    assert verdict.reason == "target_not_reached"
    assert "lines 24-25, 28-31" in verdict.detail


FAIR = {
    "some parameters are skipped": (
        "import pytest\nfrom shop.cart import refund\n"
        "@pytest.mark.parametrize('x', [1, pytest.param(2, marks=pytest.mark.skip('later')), 3])\n"
        "def test_a(x):\n    assert refund(x) == -x\n"
    ),
    "an imported function has the name of a test": (
        "from unittest.mock import patch as test_patch\nfrom shop.cart import refund\n"
        "def test_a():\n    with test_patch.dict({}, {}):\n        assert refund(1) == -1\n"
    ),
    "a fixture of the module calls the target": (
        "import pytest\nfrom shop.cart import refund\n@pytest.fixture(scope='module')\ndef money():\n"
        "    return refund(1)\n\ndef test_a(money):\n    assert money == -1\n\n"
        "def test_b(money):\n    assert money < 0\n"
    ),
    "another run left something in the kernel": (
        "from shop.cart import refund\nlibc = __import__('cty' + 'pes').CDLL(None)\ndef test_a():\n"
        "    for kind in ('shm', 'msg', 'sem'):\n"
        "        assert len(open('/proc/sysvipc/' + kind).read().splitlines()) == 1\n"
        "    assert min(libc.shmget(0, 9, 0o1600), libc.msgget(0, 0o1600), libc.semget(0, 3, 0o1600)) >= 0\n"
        "    assert refund(1) == -1\n"
    ),
    "another run left a message": (
        "import os\nfrom shop.cart import refund\nlibc = __import__('cty' + 'pes').CDLL(None)\ndef test_a():\n"
        "    libc.mq_open(b'/left', os.O_RDWR | os.O_CREAT, 0o600, None)\n"
        "    assert libc.mq_open(b'/left', os.O_RDWR, 0o600, None) == -1\n    assert refund(1) == -1\n"
    ),
    "nobody types": (
        "import pytest, sys\nfrom shop.cart import refund\ndef test_a():\n    assert not sys.stdin.isatty()\n"
        "    with pytest.raises(OSError, match='^pytest: reading from stdin'):\n        input()\n"
        "    assert refund(1) == -1\n"
    ),
}


@pytest.mark.parametrize("code", FAIR.values(), ids=FAIR)
def test_how_a_test_comes_to_its_result_does_not_matter(strategy: Strategy, shop: Path, code: str) -> None:
    verdict = strategy.judge(records(shop)["refund"], fenced(code))
    assert isinstance(verdict, Accepted)
    assert verdict.output["refused_tests"] == []


def test_odd_text_in_an_error_can_be_stored(strategy: Strategy, shop: Path) -> None:
    message = "'\\ud800 \\x00 \\x1b[31m </pre>'"
    code = f"from shop.cart import refund\ndef test_a():\n    assert refund(1) == 7, {message}\n"
    verdict = strategy.judge(records(shop)["refund"], fenced(code))
    assert isinstance(verdict, Refused)
    assert verdict.reason == "suspected_bug"
    assert "</pre>" in verdict.detail
    assert orjson.dumps([verdict.detail, verdict.evidence])


@pytest.mark.parametrize("name", ["venv", "pip", "compileall", "ruff"])
def test_programs_in_the_working_directory_are_not_run_by_the_judge(
    shop: Path, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(0)\n")
    monkeypatch.chdir(here)
    unpack_material(material, tmp_path / "unpacked")
    delivered = Result(records(shop)["refund"], _output(), 1)
    (tmp_path / "out").mkdir()
    write_test_files([delivered], batch_facts(), tmp_path / "out")
    if name in {"venv", "pip"}:
        prepare_environment([], CacheFolder(tmp_path / "cache"))
    assert not (tmp_path / "ran").exists()


def _output() -> dict[str, Any]:
    names = {"target": "shop/cart.py:refund", "module": "shop.cart"}
    return {"code": RIGHT["refund"], "tests": ["test_refund"], "verified": False, "unverified_because": "", **names}


JUDGE = """
import sys
from pathlib import Path
from sandbox.judging import records, strategy_for
from sandbox.test_judging import answers_for

source, material, cache = map(Path, sys.argv[1:])
strategy = strategy_for(material, cache)
for record, text in answers_for(source):
    verdict = strategy.judge(record, text)
    print(type(verdict).__name__, record.record_id, sorted(getattr(verdict, "output", {}).get("tests", [])), flush=True)
"""


def answers_for(source: Path) -> list[tuple[Record, str]]:
    """Several answers for each record, all different."""
    found = records(source)
    return [
        (found[name], fenced(f"{answer}\n# {number}\n"))
        for number in range(2)
        for name, answer in RIGHT.items()
        if name != "total"
    ]


def test_killed_in_the_middle_it_comes_to_the_same_and_goes_on_where_it_was(
    shop: Path, material: Path, cache: Path, tmp_path: Path
) -> None:
    own = tmp_path / "cache"
    own.mkdir()
    (own / "environments").symlink_to(cache / "environments")
    (cache / "environments").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", JUDGE, str(shop), str(material)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    whole = subprocess.run([*command, str(cache)], env=environment, capture_output=True, text=True, check=True)
    with subprocess.Popen([*command, str(own)], env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    kept = VerdictCache(own / "verdicts.sqlite").count()
    assert 1 <= kept < len(answers_for(shop))
    again = subprocess.run([*command, str(own)], env=environment, capture_output=True, text=True, check=True)
    results = [line for line in again.stdout.splitlines() if not line.startswith("20")]
    assert results == [line for line in whole.stdout.splitlines() if not line.startswith("20")]
    assert first in whole.stdout


def test_without_a_sandbox_nothing_is_run_and_that_is_said(
    shop: Path, material: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(shop))
    verdict = strategy_for(material, cache).judge(records(shop)["refund"], fenced(RIGHT["refund"]))
    assert isinstance(verdict, Accepted)
    assert verdict.output["verified"] is False
    assert "apt-get install bubblewrap" in verdict.output["unverified_because"]
    assert "evidence" not in verdict.output
