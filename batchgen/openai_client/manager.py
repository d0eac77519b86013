"""`OpenAIClientManager`: everything that talks to OpenAI gets its client, its models and their prices here."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from batchgen.models import Usage
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.clients import address_of, clients
from batchgen.openai_client.model_config import ModelConfig
from batchgen.openai_client.policies import ModelPolicies

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

OPENAI_URL = "https://api.openai.com/v1"
"""Always given: by itself the SDK takes an OPENAI_BASE_URL that is set to nothing for an address."""


class UsageRecorder(Protocol):
    """Where used tokens are written down for good."""

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
        """Count the tokens of one call; asked again with the same `key` it counts nothing. May raise Unavailable."""


class OpenAIClientManager:
    """The clients, models and policies of one configuration. Thread-safe, and safe to use after a fork.

    All managers of a process share its clients: one sync client, and one async client an event loop, for each address
    and key. `shared` gives those who ask with the same configuration the same manager.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        catalog: ModelCatalog,
        policies: ModelPolicies | None = None,
        recorder: UsageRecorder | None = None,
    ) -> None:
        """Take the key, the address (None: OpenAI itself), and who records usage (None: nobody)."""
        self.address = base_url or OPENAI_URL
        """Where requests go, for messages."""
        self.catalog = catalog
        self.policies = policies or ModelPolicies.load(catalog)
        self._api_key = api_key
        self._recorder = recorder
        self._clients_at = address_of(self.address, api_key)

    @classmethod
    def shared(
        cls,
        *,
        api_key: str,
        base_url: str | None,
        catalog: ModelCatalog,
        policies: ModelPolicies | None = None,
        recorder: UsageRecorder | None = None,
    ) -> OpenAIClientManager:
        """The manager of this process for a configuration. Each call makes one holder more, who may `close` it once."""
        found = policies or ModelPolicies.load(catalog)
        address = address_of(base_url or OPENAI_URL, api_key)
        return _shared_here().hold(
            (address, catalog.fingerprint, found.fingerprint, recorder),
            lambda: cls(api_key=api_key, base_url=base_url, catalog=catalog, policies=found, recorder=recorder),
        )

    def get_client(self) -> AsyncOpenAI:
        """The async client of the running event loop."""
        return clients().of_loop(self, self._clients_at, self._api_key)

    def get_sync_client(self) -> OpenAI:
        """The sync client of this process; a fork gets its own."""
        return clients().sync(self, self._clients_at, self._api_key)

    def get_model_config(self, model_id: str) -> ModelConfig:
        """What the catalogue says of a model, with today's prices; raises UnknownModel."""
        return self.catalog.get(model_id)

    def validate_model_for_service(self, model_id: str, service: str) -> ModelConfig:
        """The model, which the service may use; raises InvalidModelError (UnknownModel among them), UnknownService."""
        return self.policies.validate(model_id, service)

    def track_usage(
        self,
        *,
        service: str,
        model: str,
        usage: Usage,
        key: str,
        batch: bool = False,
        simulated: bool = False,
        **labels: str,
    ) -> Decimal:
        """Record what one call used, and return what it cost; the same `key` counts once. May raise Unavailable."""
        cost = self.catalog.price(model, usage, batch=batch)
        if self._recorder is not None:
            self._recorder.record(
                service=service, model=model, usage=usage, cost_usd=cost, key=key, simulated=simulated, **labels
            )
        return cost

    def close(self) -> None:
        """Let go of the clients, once a holder: with the last manager that uses it, the sync client closes.

        Async clients end with their loops; `aclose` closes that of the running one. Asked again, new ones are made.
        """
        self._release()

    async def leave_loop(self) -> None:
        """Close the async client of the running event loop, which ends before the manager does."""
        client = clients().take_from_loop(self._clients_at)
        if client is not None:
            await client.close()

    async def aclose(self) -> None:
        """The same, from an event loop."""
        client = self._release().get(asyncio.get_running_loop())
        if client is not None:
            await client.close()

    def _release(self) -> dict[asyncio.AbstractEventLoop, AsyncOpenAI]:
        return clients().release(self, self._clients_at) if _shared_here().let_go(self) else {}


class _SharedManagers:
    """The managers that many hold, of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_configuration: dict[Hashable, OpenAIClientManager] = {}
        self._holders: Counter[OpenAIClientManager] = Counter()

    def hold(self, configuration: Hashable, make: Callable[[], OpenAIClientManager]) -> OpenAIClientManager:
        """The manager of a configuration, with one holder more."""
        with self._lock:
            manager = self._by_configuration.get(configuration)
            if manager is None:
                manager = self._by_configuration[configuration] = make()
            self._holders[manager] += 1
            return manager

    def let_go(self, manager: OpenAIClientManager) -> bool:
        """Have one holder less; returns whether nobody is left, as of a manager that is not shared."""
        with self._lock:
            if manager not in self._holders:
                return True
            self._holders[manager] -= 1
            if self._holders[manager]:
                return False
            del self._holders[manager]
            for configuration in [key for key, known in self._by_configuration.items() if known is manager]:
                del self._by_configuration[configuration]
            return True


_SHARED: dict[int, _SharedManagers] = {}


def _shared_here() -> _SharedManagers:
    """Those of this process: in a fork, the locks and counts of its parent mean nothing."""
    return _SHARED.setdefault(os.getpid(), _SharedManagers())
