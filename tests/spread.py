"""How the tests are spread over the worker processes: by file, the slowest first, so that all end at the same time."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ONE_SERVER = "tests/flow_runs/"
SLOWEST = (ONE_SERVER, "tests/sandbox/", "tests/stages/")


class ByServer(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Files whose tests share a Prefect server go to one worker: starting it takes as long as ten tests."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_SERVER if nodeid.startswith(ONE_SERVER) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByServer | None:
    return ByServer(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first."""
    items.sort(
        key=lambda item: next((n for n, folder in enumerate(SLOWEST) if item.nodeid.startswith(folder)), len(SLOWEST))
    )
