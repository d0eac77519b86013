"""Closes a client's connection the hard way, which no ASGI server offers: the faults need it."""

import asyncio
import socket
import struct

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

Peer = tuple[str, int]
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connections:
    """The open connections by the address of the client."""

    def __init__(self) -> None:
        self._transports: dict[Peer, asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """The protocol class that keeps this register."""
        transports = self._transports

        class RegisteredProtocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client is not None:
                    transports[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                if self.client is not None:
                    transports.pop(self.client, None)

        return RegisteredProtocol

    def cut(self, peer: Peer, *, reset: bool) -> None:
        """Close without a word; with ``reset`` the client sees a connection reset rather than its end."""
        transport = self._transports.pop(peer, None)
        if transport is None:
            return
        opened = transport.get_extra_info("socket")
        if reset and opened is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()


class Cut:
    """A response that is none: the connection is closed instead."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        self._connections.cut(scope["client"], reset=False)
        while (await receive())["type"] != "http.disconnect":  # else uvicorn would answer in our place
            pass
