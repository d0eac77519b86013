"""Asks a server on this machine whether it serves; proxies from the environment play no part."""

from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from batchgen.local.ports import HOST

_TIMEOUT_S = 5.0


def answers_ok(port: int, path: str, headers: Mapping[str, str] | None = None) -> bool:
    """True when GET `path` on the loopback interface gives 200."""
    with closing(HTTPConnection(HOST, port, timeout=_TIMEOUT_S)) as connection:
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
