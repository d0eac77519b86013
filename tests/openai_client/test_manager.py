"""One sync client a process, one async client an event loop, whoever asks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from batchgen.errors import UnknownModel
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.simulator import SimulatorControl


@pytest.fixture
def elsewhere() -> Iterator[OpenAIClientManager]:
    """A manager without an address."""
    made = OpenAIClientManager(api_key="sk-test", base_url=None, catalog=ModelCatalog.load())
    yield made
    made.close()


def test_threads_share_one_client(manager: OpenAIClientManager, control: SimulatorControl) -> None:
    def ask(_: int) -> int:
        client = manager.get_sync_client()
        assert client.models.list().data
        return id(client)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(24)))) == 1
    assert control.requests()["models"]["total"] == 24


def test_a_fork_gets_its_own_client(manager: OpenAIClientManager, monkeypatch: pytest.MonkeyPatch) -> None:
    parents = manager.get_sync_client()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert manager.get_sync_client() is not parents
    parents.close()


def test_a_closed_manager_makes_a_new_client(manager: OpenAIClientManager) -> None:
    first = manager.get_sync_client()
    manager.close()
    manager.close()
    assert first.is_closed()
    assert manager.get_sync_client().models.list().data


def test_each_event_loop_has_a_client_of_its_own(manager: OpenAIClientManager, control: SimulatorControl) -> None:
    async def ask() -> int:
        client = manager.get_client()
        assert manager.get_client() is client
        found = await asyncio.gather(*(client.models.list() for _ in range(4)))
        assert all(page.data for page in found)
        await client.close()
        return id(client)

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: asyncio.run(ask()), range(2))
    assert first != second
    assert control.requests()["models"]["total"] == 8


def test_clients_of_closed_loops_are_let_go(manager: OpenAIClientManager) -> None:
    async def ask() -> None:
        await manager.get_client().close()

    for _ in range(5):
        asyncio.run(ask())
    assert len(manager._async) == 1


@pytest.mark.parametrize("variable", [None, "", "http://127.0.0.1:9/v1"])
def test_without_an_address_requests_go_to_openai_whatever_the_environment_says(
    elsewhere: OpenAIClientManager, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", variable)
    assert elsewhere.address == "https://api.openai.com/v1"
    assert str(elsewhere.get_sync_client().base_url).rstrip("/") == elsewhere.address


def test_the_catalogue_can_be_asked_through_the_manager(elsewhere: OpenAIClientManager) -> None:
    assert elsewhere.get_model_config("gpt-4o").model_id == "gpt-4o"
    with pytest.raises(UnknownModel):
        elsewhere.get_model_config("gpt-9")
