"""The files that readers get: complete, without clashes, safe by name, the same from run to run."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from batch_facts import batch_facts
from source_trees import write_tree

from batchgen.data_types.contract import Outcome, Record, Rejected, Result, UnknownPart
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.answer.collection import collect
from batchgen.data_types.test_code.delivery.files import _format, write_patch

GIT = shutil.which("git") or "git"
STRATEGY = TEST_CODE.result_strategy(TEST_CODE.options_type())


def result(code: str, qualname: str = "pay", *, module: str = "shop", first: int = 1) -> Result:
    path = module.replace(".", "/") + ".py"
    data = {"path": path, "module": module, "qualname": qualname, "first": first, "last": first + 5}
    code = dedent(code)
    output = {
        "code": code,
        "tests": [test.test_id for test in collect(ast.parse(code))],
        "target": f"{path}:{qualname}",
        "module": module,
        "verified": False,
        "unverified_because": "nobody ran them",
    }
    return Result(Record(f"{path}:{qualname}", data), output, 1)


def verified(code: str, qualname: str, evidence: dict[str, tuple[list[int], list[str]]], *, first: int = 1) -> Result:
    """A result whose tests execute these lines and notice these mutants."""
    made = result(code, qualname, first=first)
    lines = sorted({line for lines, _ in evidence.values() for line in lines})
    mutants = sorted({kill for _, kills in evidence.values() for kill in kills})
    made.output.update(
        verified=True,
        asked_lines=lines,
        gained_lines=lines,
        mutants=[{"id": each, "line": lines[0], "change": "`<` became `<=`"} for each in mutants],
        evidence={test: {"lines": lines, "kills": kills} for test, (lines, kills) in evidence.items()},
        refused_tests=[],
        suspected_bugs=[],
    )
    return made


def written(results: Iterable[Outcome], folder: Path, **facts: Any) -> dict[str, str]:
    kept = list(results)
    folder.mkdir(exist_ok=True)
    STRATEGY.write_objects(lambda: iter(kept), batch_facts(**facts), folder)
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def files_of(results: Iterable[Outcome], folder: Path) -> dict[str, str]:
    return {name: text for name, text in written(results, folder).items() if name.startswith("tests/")}


PAY = """\
    import pytest
    from shop import pay

    @pytest.fixture
    def one():
        return 1

    def test_pay(one):
        assert pay(one) == 2
    """
REFUND = """\
    import json
    import pytest
    from shop import refund, pay

    @pytest.fixture
    def one():
        return 1

    # Gives it back.
    def test_refund(one):
        assert refund(pay(one)) == one
    """


def test_answers_of_a_module_share_one_file_formatted_with_its_imports_on_top(tmp_path: Path) -> None:
    files = files_of([result(REFUND, "refund", first=20), result(PAY, first=1)], tmp_path)
    assert files == {
        "tests/test_shop.py": dedent("""\
            # 2 tests of shop, written by gpt-4o-mini: job job, 2026-11-21.
            # Not verified: nobody has run these tests. Read them before you trust them.

            import pytest

            from shop import pay, refund

            # Target: shop.py:pay lines 1-6


            @pytest.fixture
            def one():
                return 1


            def test_pay(one):
                assert pay(one) == 2


            # Target: shop.py:refund lines 20-25


            # Gives it back.
            def test_refund(one):
                assert refund(pay(one)) == one
            """)
    }


PAYS = """\
    from shop import pay

    def test_one(): assert pay(1) == 2
    def test_two(): assert pay(2) == 3
    class TestMany:
        def test_three(self): assert pay(3) == 4
        def test_four(self): assert pay(4) == 5
    """


def test_the_files_hold_the_least_tests_that_cover_all_lines_and_mutants(tmp_path: Path) -> None:
    evidence = {
        "test_one": ([2], []),
        "test_two": ([2, 3], ["m1"]),
        "TestMany::test_three": ([2, 4], ["m2"]),
        "TestMany::test_four": ([4], []),
    }
    [text] = files_of([verified(PAYS, "pay", evidence)], tmp_path).values()
    assert "# Verified" in text
    assert [test.test_id for test in collect(ast.parse(text))] == ["test_two", "TestMany::test_three"]


def test_a_test_that_differs_by_its_name_alone_is_delivered_once(tmp_path: Path) -> None:
    twice = "from shop import pay\ndef test_a(): assert pay(1)\n"
    again = "from shop import pay\ndef test_b():\n    'The same.'\n    assert pay(1)\n"
    [text] = files_of([result(twice, "pay"), result(again, "pay2", first=9)], tmp_path).values()
    assert len(collect(ast.parse(text))) == 1


CART = "from shop import Cart as Thing\ndef test_a(): assert Thing().total() == 0\n"


@pytest.mark.parametrize(
    ("other", "tests"),
    [
        ("from shop import Cart as Thing\ndef test_b():\n    # The same.\n    assert Thing().total() == 0", 1),
        ("from shop import Basket as Thing\ndef test_b(): assert Thing().total() == 0", 2),
        ("def Thing(): return other()\ndef other(): return 7\ndef test_b(): assert Thing().total() == 0", 2),
        ("from shop import Cart as Thing\nclass TestB:\n    def test_b(self): assert Thing().total() == 0", 2),
    ],
)
def test_tests_are_alike_only_where_all_their_names_mean_the_same(tmp_path: Path, other: str, tests: int) -> None:
    files = files_of([result(CART, "Cart"), result(other, "Other", first=9)], tmp_path)
    assert sum(len(collect(ast.parse(text))) for text in files.values()) == tests


def test_a_set_up_belongs_to_what_a_test_means(tmp_path: Path) -> None:
    one = "class TestA:\n    def setup_method(self): self.a = 1\n    def test_a(self): assert self.a"
    two = "class TestB:\n    def setup_method(self): self.a = 2\n    def test_a(self): assert self.a"
    fixture = "import pytest\n@pytest.fixture\ndef one(): return {}\ndef test_{}(one): assert one"
    answers = [one, two, fixture.format(1, "c"), fixture.format(2, "d")]
    files = files_of([result(code, f"f{number}", first=number) for number, code in enumerate(answers)], tmp_path)
    assert sum(len(collect(ast.parse(text))) for text in files.values()) == len(answers)


def test_a_file_that_cannot_be_formatted_stays_as_it_is_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    broken, plain = tmp_path / "tests" / "test_a.py", tmp_path / "tests" / "test_b.py"
    broken.write_text("def test_a(:\n", encoding="utf-8")
    plain.write_text("import shop\nimport pytest\nx = 'y'\n", encoding="utf-8")
    _format(tmp_path, ["shop"])
    assert broken.read_text(encoding="utf-8") == "def test_a(:\n"
    assert plain.read_text(encoding="utf-8") == 'import pytest\n\nimport shop\n\nx = "y"\n'


def applied(folder: Path, files: Iterable[str]) -> None:
    """Apply the patch to an empty repository, and see that it has the same files then."""
    repository = folder / "repository"
    repository.mkdir()
    for command in (["init", "-q"], ["apply", str(folder / "a" / "tests.patch")]):
        subprocess.run([GIT, *command], cwd=repository, check=True)
    for name in files:
        if name.startswith("tests/"):
            assert (repository / name).read_bytes() == (folder / "a" / name).read_bytes()


def test_the_patch_adds_the_files_to_a_repository(tmp_path: Path) -> None:
    files = written(
        [result(PAY), result("from b import pay\ndef test_ü(): assert pay('é\u2028')", module="b")], tmp_path / "a"
    )
    applied(tmp_path, files)


def test_the_patch_keeps_the_ends_of_lines_as_they_are(tmp_path: Path) -> None:
    contents = {
        "tests/test_a.py": b"x = 1\r\ny = 2\r\n",
        "tests/test_b.py": b"x = 1\n# no end",
        "tests/test_c.py": b"\n\n",
    }
    (tmp_path / "a" / "tests").mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / "a" / name).write_bytes(content)
    write_patch(tmp_path / "a", tmp_path / "a" / "tests.patch")
    applied(tmp_path, contents)


def test_the_same_outcomes_give_the_same_bytes(tmp_path: Path) -> None:
    outcomes = [verified(PAYS, "pay", {"test_one": ([2], ["m2", "m1"]), "test_two": ([3], [])}), result(REFUND, "x")]
    assert written(outcomes, tmp_path / "a") == written(outcomes, tmp_path / "b")


def test_a_suspected_bug_stays_in_the_report_when_its_record_is_rejected(tmp_path: Path) -> None:
    accepted = verified(PAYS, "pay", {"test_one": ([2], [])})
    accepted.output["suspected_bugs"] = [{"test": "test_bug", "error": "assert 3 == 4", "code": ""}]
    refused = Rejected(
        accepted.record, "rejected_by_reviewer", "no", accepted.output, STRATEGY.evidence(accepted.output)
    )
    page = written([refused], tmp_path)["report.html"]
    assert "assert 3 == 4" in page
    assert "assert pay(4) == 5" in page


def test_the_report_shows_bugs_risks_and_reasons_and_no_answer_can_leave_its_place(tmp_path: Path) -> None:
    hostile = "</pre></details><script>alert(1)</script>"
    weak = verified("from shop import pay\ndef test_weak(): assert pay(1)", "pay", {"test_weak": ([2], [])})
    weak.output["mutants"] = [{"id": "m1", "line": 2, "change": hostile}]
    bug = {"test": "test_bug", "error": f"assert 3 == 4 {hostile}", "code": "def test_bug(): ..."}
    evidence = {"refused_tests": [], "suspected_bugs": [bug], "log": "1 failed"}
    refused = Rejected(Record("shop.py:owe", {"path": "shop.py"}), "suspected_bug", "it fails", hostile, evidence)
    outcomes: list[Outcome] = [weak, refused]
    part = STRATEGY.write_objects(lambda: iter(outcomes), batch_facts(), tmp_path)
    assert part.fields["riskiest"][0]["id"] == "shop.py:pay::test_weak"
    assert part.fields["suspected_bugs"] == [{"record_id": "shop.py:owe", **bug}]
    assert part.fields["tests"]["mutants"] == 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "shop.py:owe" in page
    assert "assert 3 == 4" in page
    assert any(line.startswith("1 suspected bug:") for line in part.fields["highlights"])


def test_tests_that_nobody_ran_are_not_counted_with_those_that_passed(tmp_path: Path) -> None:
    outcomes = [verified(PAYS, "pay", {"test_one": ([2], []), "test_two": ([3], [])}), result(REFUND, "refund")]
    outcomes[0].output["tests"] = ["test_one", "test_two"]
    part = STRATEGY.write_objects(lambda: iter(outcomes), batch_facts(), tmp_path)
    assert {name: part.fields["tests"][name] for name in ("verified", "unverified", "kept", "passed")} == {
        "verified": 1, "unverified": 1, "kept": 3, "passed": 2,
    }  # fmt: skip
    assert "2 tests of 1 target passed in the sandbox: 2 of 2 lines, 0 of 0 mutants." in part.fields["highlights"]


def test_tests_that_nobody_ran_are_said_to_be_so_in_every_place(tmp_path: Path) -> None:
    files = written([result(PAY)], tmp_path, simulated=True)
    assert "# Not verified" in files["tests/test_shop.py"]
    assert "# Simulated" in files["tests/test_shop.py"]
    assert "nobody ran them" in files["report.html"]


def test_a_rejected_test_leaves_the_others_and_the_last_one_takes_the_record() -> None:
    output = verified(PAYS, "pay", {"test_one": ([2], ["m1"]), "test_two": ([3], [])}).output
    output["tests"] = ["test_one", "test_two"]
    left = STRATEGY.without(output, {"test_one"}, "wrong")
    assert left is not None
    assert left["tests"] == ["test_two"]
    assert left["gained_lines"] == [3]
    assert left["refused_tests"] == [{"test": "test_one", "reason": "rejected_by_reviewer", "detail": "wrong"}]
    assert "test_one" not in left["code"]
    assert STRATEGY.without(output, {"test_one", "test_two"}, "") is None
    with pytest.raises(UnknownPart, match="test_none"):
        STRATEGY.without(output, {"test_none"}, "")


def test_the_files_do_not_depend_on_the_order_of_the_results(tmp_path: Path) -> None:
    results = [result(PAY), result(REFUND, "refund", first=9), result(PAY, module="shop.b"), result(PAY, "x", first=5)]
    assert files_of(results, tmp_path / "a") == files_of(reversed(results), tmp_path / "b")


def test_answers_that_clash_go_into_files_of_their_own_and_all_of_them_run(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "src", {"shop.py": "def pay(a):\n    return a * 2\n"})
    answers = [
        "from shop import pay\nFACTOR = 2\ndef test_pay(): assert pay(1) == FACTOR",
        "from shop import pay\nFACTOR = 4\ndef test_other(): assert pay(2) == FACTOR",
        "from shop import pay\ndef test_pay(): assert pay(5) == 10",
        (
            "import pytest\nfrom shop import pay\nn = []\n@pytest.fixture(autouse=True)\n"
            "def fill(): n.append(1)\ndef test_state(): assert pay(len(n)) == 2"
        ),
        (
            "import pytest\nfrom shop import pay\n@pytest.fixture\ndef tmp_path(): return 3\n"
            "def test_own(tmp_path): assert pay(tmp_path) == 6"
        ),
        "from shop import pay\ndef test_real(tmp_path): assert pay(str(tmp_path)).startswith('/')",
        "from shop import pay\nopen = None\ndef test_open(): assert open is None and pay(1)",
        "from shop import pay\ndef test_builtin(): assert callable(open) and pay(1)",
        "from shop import pay\nseen = []\ndef test_seen(): seen.append(pay(1)); assert len(seen) == 1",
        "from shop import pay\nseen = []\ndef test_seen_too(): seen.append(pay(2)); assert len(seen) == 1",
        *(
            f"import pytest\nfrom shop import pay\n@pytest.fixture(scope='module')\ndef box(): return []\n"
            f"def test_box{number}(box): box.append(pay({number})); assert len(box) == 1"
            for number in range(2)
        ),
        *(
            f"import functools\nfrom shop import pay\n@functools.lru_cache\ndef cached(): return []\n"
            f"def test_cached{number}(): cached().append(pay({number})); assert len(cached()) == 1"
            for number in range(2)
        ),
        *(
            f"from shop import pay\ndef kept(into=[]): into.append(1); return len(into)\n"
            f"def test_kept{number}(): assert kept() == 1 and pay({number}) == {number * 2}"
            for number in range(2)
        ),
        *(
            "from shop import pay\nCOUNT = 0\ndef count():\n    global COUNT\n    COUNT += 1\n    return COUNT\n"
            f"def test_count{number}(): assert count() == 1 and pay({number}) == {number * 2}"
            for number in range(2)
        ),
        "from __future__ import annotations\nfrom shop import pay\ndef test_late(a: pay(1) = 1): assert pay(1)",
    ]
    folder = tmp_path / "out"
    files = files_of([result(code, f"f{number}", first=number) for number, code in enumerate(answers)], folder)
    assert len(files) < len(answers)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    run = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(source)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert f"{len(answers)} passed" in run.stdout, run.stdout + run.stderr


def test_names_are_safe_and_different_modules_get_different_files(tmp_path: Path) -> None:
    modules = ["a.b_c", "a_b.c", "A_b.c", "größe", "x" * 400, "pkg.__init__"]
    files = files_of([result(PAY, module=module) for module in modules], tmp_path)
    assert len(files) == len(modules)
    assert len({name.lower() for name in files}) == len(modules)
    assert all(re.fullmatch(r"tests/test_[A-Za-z0-9_]{1,200}\.py", name) for name in files)
    for text in files.values():
        assert len(collect(ast.parse(text))) == 1


def test_no_result_writes_no_file(tmp_path: Path) -> None:
    assert written([], tmp_path).keys() == {"report.html"}
