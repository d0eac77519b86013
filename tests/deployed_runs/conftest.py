"""The installation that all tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deployed import Deployed, installation


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with installation(tmp_path_factory.mktemp("deployed")) as made:
        yield made
