"""`OpenAIClientManager`: the only place where an OpenAI client is made."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.model_config import ModelConfig

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

MAX_RETRIES = 4
"""How often the SDK itself repeats a call on 408, 409, 429, 5xx and lost connections; never for batches.create."""
TIMEOUT_S = 120.0
OPENAI_URL = "https://api.openai.com/v1"
"""Always given: by itself the SDK takes an OPENAI_BASE_URL that is set to nothing for an address."""


class OpenAIClientManager:
    """Shared clients, made on first use: one sync client a process, one async client an event loop. Thread-safe."""

    def __init__(self, *, api_key: str, base_url: str | None, catalog: ModelCatalog) -> None:
        """Take the key and the address (None: OpenAI itself)."""
        self._api_key = api_key
        self._base_url = base_url
        self.catalog = catalog
        self._lock = threading.Lock()
        self._sync: tuple[int, OpenAI] | None = None
        self._async: dict[asyncio.AbstractEventLoop, AsyncOpenAI] = {}

    @property
    def address(self) -> str:
        """Where requests go, for messages."""
        return self._base_url or OPENAI_URL

    def get_sync_client(self) -> OpenAI:
        """The sync client of this process; a fork gets its own."""
        from openai import OpenAI  # noqa: PLC0415 - half a second that a call without OpenAI need not pay

        with self._lock:
            if self._sync is None or self._sync[0] != os.getpid():
                client = OpenAI(
                    api_key=self._api_key, base_url=self.address, max_retries=MAX_RETRIES, timeout=TIMEOUT_S
                )
                self._sync = (os.getpid(), client)
            return self._sync[1]

    def get_client(self) -> AsyncOpenAI:
        """The async client of the running event loop."""
        from openai import AsyncOpenAI  # noqa: PLC0415 - as above

        loop = asyncio.get_running_loop()
        with self._lock:
            self._async = {known: client for known, client in self._async.items() if not known.is_closed()}
            if loop not in self._async:
                self._async[loop] = AsyncOpenAI(
                    api_key=self._api_key, base_url=self.address, max_retries=MAX_RETRIES, timeout=TIMEOUT_S
                )
            return self._async[loop]

    def get_model_config(self, model: str) -> ModelConfig:
        """What the catalogue says of a model; raises UnknownModel."""
        return self.catalog.get(model)

    def close(self) -> None:
        """Close the sync client; async clients end with their loops."""
        with self._lock:
            if self._sync is not None and self._sync[0] == os.getpid():
                self._sync[1].close()
            self._sync = None
