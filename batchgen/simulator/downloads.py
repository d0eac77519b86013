"""Sends a file's content as a stream, whole or cut short by a fault."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.types import Receive, Scope, Send

from batchgen.simulator.connections import Connections

CHUNK = 262_144
LINE_SEARCH = 1_048_576


@dataclass(frozen=True, slots=True)
class Truncation:
    """Where and how a download ends too early."""

    fraction: float = 0.5
    at: str = "middle"
    """``line``: behind a line's end; ``middle``: inside a line"""

    ending: str = "clean"
    """``clean``: the answer ends as if it were whole; ``reset``: the connection breaks"""


class Download:
    """A whole download tells its length; a truncated one that ends cleanly is chunked, so nobody can tell."""

    def __init__(self, path: Path, connections: Connections, truncation: Truncation | None = None) -> None:
        self._path = path
        self._connections = connections
        self._truncation = truncation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cut = self._truncation
        with self._path.open("rb") as opened:
            size = self._path.stat().st_size
            end = size if cut is None else _cut_at(opened, size, cut)
            tells_length = cut is None or cut.ending == "reset"
            headers = [(b"content-type", b"application/octet-stream")]
            if tells_length:
                headers.append((b"content-length", str(size).encode()))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while end > 0 and (chunk := opened.read(min(CHUNK, end))):
                end -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if cut is not None and cut.ending == "reset":
            await _let_go(self._connections, scope, receive)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _let_go(connections: Connections, scope: Scope, receive: Receive) -> None:
    connections.cut(scope["client"], reset=True)
    while (await receive())["type"] != "http.disconnect":
        pass


def _cut_at(opened: BinaryIO, size: int, cut: Truncation) -> int:
    """The bytes to send, less than ``size`` where there are any."""
    place = min(int(size * cut.fraction), max(size - 1, 0))
    opened.seek(0)
    if cut.at == "middle":
        return place
    start = max(0, place - LINE_SEARCH)
    opened.seek(start)
    end = opened.read(place - start).rfind(b"\n")
    opened.seek(0)
    return start + end + 1 if end >= 0 else 0
