"""A package and what judges tests of it; without bubblewrap these tests are skipped, but not in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batchgen.data_types.contract import ResultStrategy
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.sandbox import probe

from .judging import packed, strategy_for
from .shop_source import write_shop


@pytest.fixture(scope="session", autouse=True)
def sandbox() -> None:
    """Ask for a sandbox that works."""
    state = probe()
    if not state.works:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(state.problem)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for environments that all workers of a run share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "judging"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The source tree of a small package."""
    return write_shop(tmp_path / "source")


@pytest.fixture
def material(shop: Path, tmp_path: Path) -> Path:
    """The package as it is packed for judging."""
    return packed(shop, tmp_path / "material")


@pytest.fixture
def strategy(material: Path, cache: Path) -> ResultStrategy[TestCodeOptions]:
    """What judges answers about the package."""
    return strategy_for(material, cache)
