"""The files that readers get: complete, without clashes, safe by name, the same from run to run."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent

from source_trees import write_tree

from batchgen.data_types.contract import Record, Result
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.collection import collect

STRATEGY = TEST_CODE.result_strategy(TEST_CODE.options_type())


def result(code: str, qualname: str = "pay", *, module: str = "shop", first: int = 1) -> Result:
    path = module.replace(".", "/") + ".py"
    data = {"path": path, "module": module, "qualname": qualname, "first": first, "last": first + 5}
    output = {"code": dedent(code), "tests": [], "target": f"{path}:{qualname}", "module": module, "verified": False}
    return Result(Record(f"{path}:{qualname}", data), output, 1)


def written(results: Iterable[Result], folder: Path) -> dict[str, str]:
    STRATEGY.write_objects(results, folder)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


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


def test_answers_of_a_module_share_one_file_with_its_imports_on_top(tmp_path: Path) -> None:
    files = written([result(REFUND, "refund", first=20), result(PAY, first=1)], tmp_path)
    assert files == {
        "tests/test_shop.py": dedent("""\
            # Tests of shop
            # Written by a model, not verified: nobody has run these tests yet. Read them before you trust them.

            import json

            import pytest

            from shop import pay
            from shop import refund


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


def test_the_files_do_not_depend_on_the_order_of_the_results(tmp_path: Path) -> None:
    results = [result(PAY), result(REFUND, "refund", first=9), result(PAY, module="shop.b"), result(PAY, "x", first=5)]
    assert written(results, tmp_path / "a") == written(reversed(results), tmp_path / "b")


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
        "from shop import pay\nseen = []\ndef test_seen_too(): seen.append(pay(1)); assert len(seen) == 1",
        "from __future__ import annotations\nfrom shop import pay\ndef test_late(a: pay(1) = 1): assert pay(1)",
    ]
    folder = tmp_path / "out"
    files = written([result(code, f"f{number}", first=number) for number, code in enumerate(answers)], folder)
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
    files = written([result(PAY, module=module) for module in modules], tmp_path)
    assert len(files) == len(modules)
    assert len({name.lower() for name in files}) == len(modules)
    assert all(re.fullmatch(r"tests/test_[A-Za-z0-9_]{1,200}\.py", name) for name in files)
    for text in files.values():
        assert len(collect(ast.parse(text))) == 1


def test_no_result_writes_no_file(tmp_path: Path) -> None:
    assert written([], tmp_path) == {}
