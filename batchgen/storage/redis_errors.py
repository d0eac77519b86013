"""Turns what the Redis client raises into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from batchgen.errors import AccessDenied, Unavailable

SERVICE = "Redis"


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise Unavailable where waiting can help, AccessDenied where it cannot."""
    try:
        yield
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        raise AccessDenied(service=SERVICE, problem=str(error), variable="REDIS_URL") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError) as error:
        raise Unavailable(service=SERVICE, problem=_one_line(error)) from error
    except exceptions.OutOfMemoryError as error:
        raise Unavailable(service=SERVICE, problem=f"it is full: {_one_line(error)}", answers=True) from error
    except exceptions.ResponseError as error:
        if str(error).startswith(("LOADING", "OOM", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY ")):
            raise Unavailable(service=SERVICE, problem=_one_line(error), answers=True) from error
        if str(error).startswith(("NOAUTH", "WRONGPASS")):
            raise AccessDenied(service=SERVICE, problem=str(error), variable="REDIS_URL") from error
        raise


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
