"""One sync client a process, one async client an event loop, whoever asks; and what each call used."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import InvalidModelError, Unavailable, UnknownModel
from batchgen.models import Endpoint, Usage
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.clients import clients, close_clients
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.openai_client.policies import ModelPolicies
from batchgen.openai_client.sync_calls import SyncCalls
from batchgen.simulator import Answer, SimulatorControl, SimulatorServer

QUESTION = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello?"}]}


@pytest.fixture
def elsewhere() -> Iterator[OpenAIClientManager]:
    """A manager without an address."""
    made = OpenAIClientManager(api_key="sk-test", base_url=None, catalog=ModelCatalog.load())
    yield made
    made.close()


def shared(simulator: SimulatorServer, *, key: str = "sk-test", **more: Any) -> OpenAIClientManager:
    """What each part of a program that knows nothing of the others asks for."""
    more = {"catalog": ModelCatalog.load(), **more}
    return OpenAIClientManager.shared(api_key=key, base_url=simulator.base_url, **more)


@dataclass
class Recorded:
    """A recorder that keeps what it is told, once a key."""

    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: bool = False

    def record(
        self,
        *,
        service: str,
        model: str,
        usage: Usage,
        cost_usd: Decimal,
        key: str,
        simulated: bool = False,
        **labels: str,
    ) -> None:
        if self.away:
            raise Unavailable(service="Redis", problem="it is away")
        said = {"service": service, "model": model, "usage": usage, "cost_usd": cost_usd, **labels}
        if simulated:
            said["simulated"] = simulated
        self.calls.setdefault(key, said)

    def __hash__(self) -> int:
        return id(self)


def test_threads_share_one_client(manager: OpenAIClientManager, control: SimulatorControl) -> None:
    def ask(_: int) -> int:
        client = manager.get_sync_client()
        assert client.models.list().data
        return id(client)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(24)))) == 1
    assert control.requests()["models"]["total"] == 24


def test_all_who_ask_with_one_configuration_get_one_manager(simulator: SimulatorServer) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: shared(simulator), range(24)))
    assert len(set(map(id, found))) == 1
    assert len({id(each.get_sync_client()) for each in found}) == 1
    for each in found:
        each.close()


def test_another_configuration_is_another_manager(simulator: SimulatorServer, tmp_path: Path) -> None:
    own = tmp_path / "policies.yaml"
    own.write_text("policies: [{service_name: prompt, allowed_tiers: [MINI], default_model: gpt-4o-mini}]")
    catalog = ModelCatalog.load()
    found = [
        shared(simulator),
        shared(simulator, key="sk-other"),
        shared(simulator, policies=ModelPolicies.load(catalog, own)),
        shared(simulator, recorder=Recorded()),
    ]
    assert len(set(map(id, found))) == 4
    assert shared(simulator, policies=ModelPolicies.load(catalog, own)) is found[2]
    for each in (*found, found[2]):
        each.close()


def test_whoever_closes_it_does_not_close_it_for_the_others(simulator: SimulatorServer) -> None:
    first, second = shared(simulator), shared(simulator)
    client = first.get_sync_client()
    first.close()
    assert not client.is_closed()
    assert second.get_sync_client() is client
    assert client.models.list().data
    second.close()
    assert client.is_closed()
    again = shared(simulator)
    assert again.get_sync_client().models.list().data
    again.close()


def test_a_client_stays_open_while_any_manager_uses_it(simulator: SimulatorServer) -> None:
    first, second = shared(simulator), shared(simulator, recorder=Recorded())
    client = first.get_sync_client()
    assert second.get_sync_client() is client
    first.close()
    assert client.models.list().data
    second.close()
    assert client.is_closed()


def test_the_whole_process_has_one_connection_pool_of_each_kind(
    simulator: SimulatorServer, control: SimulatorControl
) -> None:
    """Whoever makes a manager, however: managers of their own, shared ones, another recorder; threads and loops."""
    catalog = ModelCatalog.load()
    before = clients().count()
    managers = [shared(simulator), shared(simulator, recorder=Recorded())]
    managers += [OpenAIClientManager(api_key="sk-test", base_url=simulator.base_url, catalog=catalog) for _ in range(6)]

    async def ask() -> None:
        found = await asyncio.gather(*(each.get_client().models.list() for each in managers))
        assert all(page.data for page in found)
        assert len({id(each.get_client()) for each in managers}) == 1

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda each: each.get_sync_client().models.list(), managers * 4):
            pass
    assert clients().count() - before == 1
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask())
    assert clients().count() - before == 2
    assert control.requests()["models"]["total"] == 8 * 5
    loop.run_until_complete(_close(managers))
    loop.close()
    assert clients().count() == before


async def _close(managers: list[OpenAIClientManager]) -> None:
    for each in managers:
        await each.aclose()


def test_a_real_fork_gets_its_own_client_though_its_parent_was_busy(
    manager: OpenAIClientManager, control: SimulatorControl
) -> None:
    manager.get_sync_client().models.list()
    parents = id(manager.get_sync_client())
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with clients()._lock:  # as another thread of the parent may, at the moment of the fork
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            own = manager.get_sync_client()
            os._exit(0 if id(own) != parents and own.models.list().data else 1)
        os._exit(2)
    release.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert manager.get_sync_client().models.list().data
    assert id(manager.get_sync_client()) == parents
    assert control.requests()["models"]["total"] == 3


def test_a_fork_may_close_what_its_parent_shares(simulator: SimulatorServer) -> None:
    manager = shared(simulator)
    client = manager.get_sync_client()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            manager.close()
            os._exit(0 if manager.get_sync_client().models.list().data else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not client.is_closed()
    manager.close()


def test_a_closed_manager_makes_a_new_client(manager: OpenAIClientManager) -> None:
    first = manager.get_sync_client()
    manager.close()
    manager.close()
    assert first.is_closed()
    assert manager.get_sync_client().models.list().data


def test_all_clients_can_be_closed_at_once(manager: OpenAIClientManager) -> None:
    first = manager.get_sync_client()
    close_clients()
    close_clients()
    assert first.is_closed()
    assert clients().count() == 0
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

    before = clients().count()
    for _ in range(5):
        asyncio.run(ask())
    assert clients().count() == before + 1


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


def test_the_policies_can_be_asked_through_the_manager(elsewhere: OpenAIClientManager) -> None:
    found = elsewhere.validate_model_for_service("gpt-4o-mini", "strategy_builder")
    assert found.input_price_per_1m == Decimal("0.15")
    for model in ("o1-preview", "gpt-9"):
        with pytest.raises(InvalidModelError):
            elsewhere.validate_model_for_service(model, "strategy_builder")


def test_usage_is_priced_and_recorded_once_a_key(simulator: SimulatorServer) -> None:
    recorder = Recorded()
    manager = OpenAIClientManager(
        api_key="sk-test", base_url=simulator.base_url, catalog=ModelCatalog.load(), recorder=recorder
    )
    usage = Usage(input_tokens=1_000_000)
    for _ in range(2):
        cost = manager.track_usage(service="chat_ops", model="gpt-4o", usage=usage, key="call-1", user="ada")
        assert cost == Decimal("2.5")
    said = {"service": "chat_ops", "model": "gpt-4o", "usage": usage, "cost_usd": Decimal("2.5"), "user": "ada"}
    assert recorder.calls == {"call-1": said}
    batch = manager.track_usage(service="prompt", model="gpt-4o", usage=usage, key="call-2", batch=True)
    assert batch == Decimal("1.25")


def test_without_a_recorder_usage_is_only_priced(elsewhere: OpenAIClientManager) -> None:
    usage = Usage(output_tokens=1_000_000)
    assert elsewhere.track_usage(service="chat_ops", model="gpt-4o", usage=usage, key="call") == Decimal(10)


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_every_ordinary_call_is_recorded_as_it_was_billed(
    simulator: SimulatorServer, control: SimulatorControl, endpoint: Endpoint
) -> None:
    recorder = Recorded()
    manager = shared(simulator, recorder=recorder)
    body = QUESTION if endpoint is Endpoint.CHAT else {"model": "gpt-4o-mini", "input": "Hello?"}
    calls = SyncCalls(manager)
    for _ in range(3):
        calls.ask(body, endpoint, service="prompt", purpose="preview")
    manager.close()
    billed = control.billing()
    used = [call["usage"] for call in recorder.calls.values()]
    assert len(used) == billed["sync_requests"] == 3
    assert sum(each.input_tokens for each in used) == billed["input_tokens"]
    assert sum(each.output_tokens for each in used) == billed["output_tokens"]
    for call in recorder.calls.values():
        assert (call["service"], call["model"], call["purpose"]) == ("prompt", "gpt-4o-mini", "preview")
        assert call["simulated"]
        assert call["cost_usd"] == manager.catalog.ordinary_cost("gpt-4o-mini", call["usage"]) > 0


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_thoughts_and_answers_that_cannot_be_read_are_recorded_too(
    endpoint: Endpoint,
) -> None:
    names = ("prompt", "completion") if endpoint is Endpoint.CHAT else ("input", "output")
    details = {f"{names[1]}_tokens_details": {"reasoning_tokens": 4}}
    unreadable = {"usage": {f"{names[0]}_tokens": 9, f"{names[1]}_tokens": 5, **details}}
    recorder = Recorded()
    body = QUESTION if endpoint is Endpoint.CHAT else {"model": "gpt-4o-mini", "input": "Hello?"}
    with SimulatorServer(script=lambda _: Answer(body=unreadable)) as simulator:
        manager = shared(simulator, recorder=recorder)
        assert SyncCalls(manager).ask(body, endpoint, service="prompt") == unreadable
        manager.close()
    [call] = recorder.calls.values()
    assert call["usage"] == Usage(input_tokens=9, output_tokens=5, reasoning_tokens=4)


def test_an_answer_that_is_paid_is_given_though_its_usage_cannot_be_recorded(simulator: SimulatorServer) -> None:
    manager = shared(simulator, recorder=Recorded(away=True))
    assert SyncCalls(manager).ask(QUESTION, Endpoint.CHAT, service="prompt")["choices"]
    manager.close()
