"""Who calls, and how often: API keys, compared in constant time, and a limit for each."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_BEARER = HTTPBearer(auto_error=False, description="An API key.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")
_UNAUTHORIZED, _TOO_MANY = 401, 429


class Callers:
    """Lets those in who have a key; without keys everybody, so that the server must not be reachable by others."""

    def __init__(self, keys: Sequence[str], rate: RateLimitItem) -> None:
        """Take the keys and how often each caller may call. Counts are those of this process."""
        self._digests = [_digest(key) for key in keys]
        self._rate = rate
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def dependencies(self) -> list[Any]:
        """What FastAPI asks before each endpoint."""

        def check(
            request: Request,
            bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
            header: Annotated[str | None, Security(_HEADER)],
        ) -> None:
            given = bearer.credentials if bearer is not None else header
            self.admit(given, request.client.host if request.client else "")

        return [Depends(check)]

    def admit(self, key: str | None, host: str) -> None:
        """Count a call of whoever gives this key, or of a host where none is needed; raises HTTPException 401, 429."""
        caller = host
        if self._digests:
            given = _digest(key or "")
            known = [hmac.compare_digest(given, digest) for digest in self._digests]  # each, so that time tells nothing
            if not any(known):
                raise HTTPException(_UNAUTHORIZED, "The API key is missing or wrong.", {"WWW-Authenticate": "Bearer"})
            caller = given.hex()
        if not self._limiter.hit(self._rate, caller):
            reset = self._limiter.get_window_stats(self._rate, caller).reset_time
            wait = {"Retry-After": str(max(1, math.ceil(reset - time.time())))}
            raise HTTPException(_TOO_MANY, f"Not more than {self._rate}.", wait)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
