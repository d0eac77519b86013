"""Turns what the Redis client raises into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from batchgen.errors import AccessDenied, Unavailable

SERVICE = "Redis"
_BUSY = (
    exceptions.OutOfMemoryError,
    exceptions.MasterDownError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
    exceptions.ReadOnlyError,
)
_BUSY_CODES = ("MISCONF", "BUSY ")
"""Codes for which the client has no class of its own; for the others it takes the code off the message."""


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise Unavailable where waiting can help, AccessDenied where it cannot."""
    try:
        yield
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        raise AccessDenied(service=SERVICE, problem=str(error), variable="REDIS_URL") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
        raise Unavailable(service=SERVICE, problem=_one_line(error)) from error
    except _BUSY as error:
        raise Unavailable(service=SERVICE, problem=_one_line(error), answers=True) from error
    except exceptions.ResponseError as error:
        if str(error).startswith(_BUSY_CODES):
            raise Unavailable(service=SERVICE, problem=_one_line(error), answers=True) from error
        raise


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
