"""Request bodies of a bounded size, whatever their headers promise."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batchgen.api.problems import problem

LARGEST_BODY = 1_000_000
"""Bytes."""
_TOO_LARGE = 413


class BoundedBodies:
    """Answers 413 as soon as a body is too large, whether its length was said or not."""

    def __init__(self, app: ASGIApp, largest: int = LARGEST_BODY) -> None:
        """Take the application and the most bytes that a body may have."""
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if said.isdigit() and int(said) > self._largest:
            await self._refusal(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._largest:
                raise HTTPException(_TOO_LARGE, self._told)
            return message

        await self._app(scope, counted, send)

    async def _refusal(self, scope: Scope, receive: Receive, send: Send) -> None:
        await problem(_TOO_LARGE, "content_too_large", self._told)(scope, receive, send)

    @property
    def _told(self) -> str:
        return f"The body has more than {self._largest:,} bytes."
