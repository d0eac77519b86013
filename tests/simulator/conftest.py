"""One simulator for the whole run, emptied before each test."""

from collections.abc import Iterator

import pytest

from .lab import Lab, running


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running(data_dir=tmp_path_factory.mktemp("simulator")) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab: Lab) -> Lab:
    shared_lab.control.reset()
    return shared_lab
