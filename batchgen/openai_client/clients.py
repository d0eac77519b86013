"""The OpenAI clients of this process: one a kind, address and key, so that there is one connection pool of each.

A client is made on first use and lives while somebody uses it. A fork begins with none: sockets and locks are its
parent's. An async client belongs to the event loop that it was first asked for in, and ends with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

MAX_RETRIES = 4
"""How often the SDK itself repeats a call on 408, 409, 429, 5xx and lost connections; never for batches.create."""
TIMEOUT_S = 120.0
Address = tuple[str, str]
"""Base URL, and a digest of the key: the key itself stands in no table."""


@dataclass(slots=True)
class _Pair:
    """The clients of one address."""

    users: WeakSet[object] = field(default_factory=WeakSet)
    sync: OpenAI | None = None
    by_loop: dict[asyncio.AbstractEventLoop, AsyncOpenAI] = field(default_factory=dict)


class Clients:
    """All clients of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pairs: dict[Address, _Pair] = {}

    def sync(self, user: object, address: Address, api_key: str) -> OpenAI:
        """The sync client of an address, which stays open until this user, and all others, release it."""
        with self._lock:
            pair = self._pair(address, user)
            if pair.sync is None:
                from openai import OpenAI  # noqa: PLC0415 - half a second that a call without OpenAI need not pay

                pair.sync = OpenAI(api_key=api_key, base_url=address[0], max_retries=MAX_RETRIES, timeout=TIMEOUT_S)
            return pair.sync

    def of_loop(self, user: object, address: Address, api_key: str) -> AsyncOpenAI:
        """The async client of the running event loop for an address."""
        loop = asyncio.get_running_loop()
        with self._lock:
            clients = self._pair(address, user).by_loop
            if (client := clients.get(loop)) is not None:
                return client
            from openai import AsyncOpenAI  # noqa: PLC0415 - as above

            for ended in [known for known in clients if known.is_closed()]:
                del clients[ended]
            made = AsyncOpenAI(api_key=api_key, base_url=address[0], max_retries=MAX_RETRIES, timeout=TIMEOUT_S)
            clients[loop] = made
            return made

    def release(self, user: object, address: Address) -> dict[asyncio.AbstractEventLoop, AsyncOpenAI]:
        """Have one user less. With the last one the sync client is closed; async ones are returned, by their loops."""
        with self._lock:
            pair = self._pairs.get(address)
            if pair is None:
                return {}
            pair.users.discard(user)
            if pair.users:
                return {}
            del self._pairs[address]
        if pair.sync is not None:
            pair.sync.close()
        return pair.by_loop

    def take_from_loop(self, address: Address) -> AsyncOpenAI | None:
        """The async client of the running event loop, which is no longer handed out; None where there is none."""
        with self._lock:
            pair = self._pairs.get(address)
            return None if pair is None else pair.by_loop.pop(asyncio.get_running_loop(), None)

    def close(self) -> None:
        """Close the sync clients; the async ones end with their loops."""
        with self._lock:
            pairs = list(self._pairs.values())
            self._pairs.clear()
        for pair in pairs:
            if pair.sync is not None:
                pair.sync.close()

    def _pair(self, address: Address, user: object) -> _Pair:
        pair = self._pairs.setdefault(address, _Pair())
        pair.users.add(user)
        return pair

    def count(self) -> int:
        """How many clients there are: as many connection pools."""
        with self._lock:
            return sum((pair.sync is not None) + len(pair.by_loop) for pair in self._pairs.values())


_BY_PROCESS: dict[int, Clients] = {}


def clients() -> Clients:
    """The clients of this process. Those of a parent are kept as they are: their end would be seen on its sockets."""
    return _BY_PROCESS.setdefault(os.getpid(), Clients())  # atomic: two threads get the same


def close_clients() -> None:
    """Close all sync clients of this process, whoever uses them, and forget the others: for tests, and for an end."""
    found = _BY_PROCESS.pop(os.getpid(), None)
    if found is not None:
        found.close()


def address_of(base_url: str, api_key: str) -> Address:
    """What tells the clients of one server and key from those of another."""
    return base_url, hashlib.sha256(api_key.encode()).hexdigest()
