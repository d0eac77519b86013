"""Request bodies of a bounded size, whatever their headers promise."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

LARGEST_BODY = 1_000_000
"""Bytes."""
_TOO_LARGE = 413
_BAD_REQUEST = 400


async def read_body(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The body; raises HTTPException 413 as soon as it is too large, 400 where the client leaves before its end."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > largest:
                raise HTTPException(_TOO_LARGE)
    except ClientDisconnect as gone:
        raise HTTPException(_BAD_REQUEST) from gone
    return bytes(body)
