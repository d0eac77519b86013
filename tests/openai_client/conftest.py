"""The real SDK, over HTTP, against one simulator that is emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batchgen.openai_client.batch_api import BatchApi
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.simulator import SimulatorControl, SimulatorServer


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


@pytest.fixture
def simulator(shared_simulator: SimulatorServer) -> SimulatorServer:
    shared_simulator.control.reset()
    return shared_simulator


@pytest.fixture
def control(simulator: SimulatorServer) -> SimulatorControl:
    return simulator.control


@pytest.fixture
def manager(simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIClientManager]:
    """With the SDK's own tries, and no pause between them."""
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_: 0)
    made = OpenAIClientManager(api_key="sk-test", base_url=simulator.base_url, catalog=ModelCatalog.load())
    yield made
    made.close()


@pytest.fixture
def api(manager: OpenAIClientManager) -> BatchApi:
    return BatchApi(manager)
