"""Selection by coverage: what a project's own tests reach is measured by running them, in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchgen.data_types.contract import Record, Workplace
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource

from .shop_source import write_shop

OWN = """\
from shop.cart import Basket, total


def test_sum(data):
    assert total(data) == 3


def test_broken():
    assert Basket("a").add("x") == 7
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_shop(tmp_path / "project" / "src")
    tests = tmp_path / "project" / "tests"
    tests.mkdir()
    (tests / "conftest.py").write_text("import pytest\n\n@pytest.fixture\ndef data():\n    return [1, 2]\n")
    (tests / "test_cart.py").write_text(OWN)
    (tmp_path / "project" / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\ndependencies = []\n')
    return tmp_path / "project"


def missing(source: Path, cache: Path) -> dict[str, list[int]]:
    fetcher = TEST_CODE.fetcher(Workplace(cache))
    found = fetcher.fetch(OpenedSource(str(source), source), TestCodeOptions(uncovered=True))
    return {each.data["qualname"]: each.data["missing"] for each in found if isinstance(each, Record)}


@pytest.mark.parametrize("given", [".", "src", "src/shop"])
def test_targets_are_those_with_lines_that_no_test_of_the_project_executes(
    project: Path, cache: Path, given: str
) -> None:
    assert missing(project / given, cache) == {"total": [7, 11], "refund": [17], "Basket": [29]}


def test_tests_that_cannot_be_imported_are_told(project: Path, cache: Path) -> None:
    (project / "tests" / "test_cart.py").write_text("import nowhere_to_be_found\n")
    with pytest.raises(SourceUnreadable, match=r"nowhere_to_be_found.*requirements"):
        missing(project / "src", cache)
