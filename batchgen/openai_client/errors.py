"""Turns what the OpenAI SDK raises into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai

from batchgen.errors import AccessDenied, RequestRefused, Unavailable
from batchgen.openai_client.answers import ACCOUNT_CODES

SERVICE = "OpenAI"
_DENIED = {401, 403}
_WAIT = {408, 409, 429}
_SERVER_ERROR = 500
_HIDDEN = "***"
_NO_KEY = "\0"
"""Stands in no message."""
NOT_UNDERSTOOD = (openai.APIResponseValidationError, AttributeError, TypeError, ValueError)
"""What the SDK, or a look at what it returns, raises for another answer than OpenAI's: a proxy's page, for example."""


@contextmanager
def openai_errors(operation: str) -> Iterator[None]:
    """Raise Unavailable where waiting can help (after the SDK's own retries), else AccessDenied or RequestRefused."""
    try:
        yield
    except openai.APIStatusError as error:
        raise translate(error, operation) from (None if _key_of(error) in str(error) else error)
    except (openai.APIConnectionError, httpx2.HTTPError, httpx2.StreamError) as error:
        raise Unavailable(service=SERVICE, problem=f"{operation}: {reason_of(error)}") from error
    except NOT_UNDERSTOOD as error:
        problem = f"{operation} was answered with something else than OpenAI answers ({reason_of(error)})"
        raise Unavailable(service=SERVICE, problem=problem, answers=True) from error


def translate(error: openai.APIStatusError, operation: str) -> Exception:
    """The error of ours for an HTTP answer."""
    problem = message_of(error)
    if error.status_code in _DENIED:
        return AccessDenied(service=SERVICE, problem=problem, variable="OPENAI_API_KEY and OPENAI_BASE_URL")
    if error.status_code in _WAIT or error.status_code >= _SERVER_ERROR:
        return Unavailable(
            service=SERVICE,
            problem=f"{operation} answered {error.status_code}: {problem}",
            retry_after_s=_retry_after(error),
            answers=True,
        )
    if error.code in ACCOUNT_CODES:
        return Unavailable(service=SERVICE, problem=f"{operation}: {problem}", answers=True)
    return RequestRefused(operation=operation, status=error.status_code, problem=problem)


def message_of(error: openai.APIStatusError) -> str:
    """What the server says, in one line, and without the key."""
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    said = " ".join(str(text or error.message).split()).rstrip(".")
    return said.replace(_key_of(error), _HIDDEN)


def _key_of(error: openai.APIStatusError) -> str:
    """The key that the request was sent with; a server may repeat it, and whoever logs the error would log the key."""
    return error.request.headers.get("authorization", "").removeprefix("Bearer ") or _NO_KEY


def reason_of(error: Exception) -> str:
    """Why a call had no answer, in one line."""
    cause = error.__cause__ or error
    return " ".join(str(cause).split()).rstrip(".") or type(cause).__name__


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        return float(error.response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
