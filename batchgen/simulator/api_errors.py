"""OpenAI's error answers: one exception that knows its HTTP status and its JSON body."""

from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """The request is refused with ``status`` and OpenAI's error body; ``retry_after`` (s) becomes a header."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


class ControlError(ValueError):
    """The control endpoint was told something it does not know; the message says what, and what it knows."""


def kind_of_status(status: int) -> str:
    """OpenAI's ``error.type`` for a status that a script or a fault asks for."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
