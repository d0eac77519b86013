"""A TCP relay in front of a server: it can cut what is open and refuse what comes, and counts what it refused."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16
_ALWAYS = 1 << 30


class ConnectionGate:
    """Relays to a port of this machine. Used in `with`."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._to_refuse = 0
        self._chunks_left: int | None = None
        self._to_refuse_then = 0
        self.port: int = self._listener.getsockname()[1]
        self.refused = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="gate", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self, *, refuse: int = _ALWAYS) -> None:
        """Break every connection that is open, and refuse so many of those that come."""
        with self._lock:
            self._to_refuse = refuse
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def cut_later(self, chunks: int, *, refuse: int) -> None:
        """Do so once so much has passed: a chunk is what a read of the socket gives."""
        with self._lock:
            self._chunks_left, self._to_refuse_then = chunks, refuse

    def let_pass(self) -> None:
        """Refuse no longer."""
        with self._lock:
            self._to_refuse, self._chunks_left = 0, None

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = self._connected()
                if server is None:
                    client.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._relay, args=(source, sink), name="relay", daemon=True).start()

    def _is_time_to_cut(self) -> bool:
        with self._lock:
            if self._chunks_left is None:
                return False
            self._chunks_left -= 1
            if self._chunks_left >= 0:
                return False
            self._chunks_left = None
            return True

    def _connected(self) -> socket.socket | None:
        with self._lock:
            if self._to_refuse:
                self._to_refuse -= 1
                self.refused += 1
                return None
        try:
            return socket.create_connection(self._target)
        except OSError:
            self.refused += 1
            return None

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if self._is_time_to_cut():
                    self.cut(refuse=self._to_refuse_then)
                sink.sendall(chunk)
        with self._lock:
            for connection in (source, sink):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            if source not in self._open:  # the other direction has ended as well
                source.close()
                sink.close()
            self._open -= {source, sink}
