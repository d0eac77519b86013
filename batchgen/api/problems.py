"""Errors as answers: each has a code, a message and a remedy, whatever raised it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from structlog.stdlib import get_logger

from batchgen.api.gen_ai.documents import ProblemResponse
from batchgen.errors import (
    AccessDenied,
    BatchgenError,
    BatchNotFound,
    BucketMissing,
    InputError,
    JobNotFound,
    ModelNonsense,
    RequestRefused,
    StateLost,
    Unavailable,
    UnknownService,
)

log = get_logger(__name__)

_STATUS: tuple[tuple[type[BatchgenError], HTTPStatus], ...] = (
    (JobNotFound, HTTPStatus.NOT_FOUND),
    (BatchNotFound, HTTPStatus.NOT_FOUND),
    (UnknownService, HTTPStatus.NOT_FOUND),
    (ModelNonsense, HTTPStatus.BAD_GATEWAY),
    (RequestRefused, HTTPStatus.BAD_GATEWAY),
    (AccessDenied, HTTPStatus.BAD_GATEWAY),
    (BucketMissing, HTTPStatus.SERVICE_UNAVAILABLE),
    (StateLost, HTTPStatus.SERVICE_UNAVAILABLE),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (InputError, HTTPStatus.BAD_REQUEST),
)
"""The first that fits; what is not here is a defect of ours."""
_MEANING = {
    400: "It cannot be carried out as it was asked: a model that is not allowed, for example.",
    401: "The API key is missing or wrong.",
    404: "There is no such job, batch or service.",
    413: "The request is too large.",
    422: "The request is not of the form that is asked for.",
    429: "Too many requests; the header Retry-After says when to come again.",
    502: "OpenAI refused the request, or the model's answer could not be used.",
    503: "A service is away; come again.",
}
_SHOWN_ERRORS = 5
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "content_too_large",
    429: "too_many_requests",
}
_REMEDIES = {
    401: "Send one of BATCHGEN_API_KEYS: Authorization: Bearer KEY, or X-API-Key: KEY.",
    429: "Come again when the header Retry-After says.",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the OpenAPI document describes these answers."""
    return {status: {"model": ProblemResponse, "description": _MEANING[status]} for status in statuses}


def problem(
    status: int, code: str, message: str, remedy: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """An answer that is no success."""
    return JSONResponse({"error": {"code": code, "message": message, "remedy": remedy}}, status, headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Have every error be told in the same form."""

    @app.exception_handler(BatchgenError)
    async def of_ours(_: Request, error: BatchgenError) -> JSONResponse:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
        if status is None:
            log.error("request_failed", problem=str(error), exc_info=error)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
        wait = getattr(error, "retry_after_s", None)
        headers = {"Retry-After": str(max(1, round(wait)))} if wait else None
        return problem(status, error.code, error.message, error.remedy, headers)

    @app.exception_handler(Exception)
    async def of_a_defect(_: Request, __: Exception) -> JSONResponse:
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "That is a defect here; the log has it.")

    @app.exception_handler(RequestValidationError)
    async def of_the_form(_: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found[:_SHOWN_ERRORS])
        told = told.encode("utf-8", "replace").decode()
        return problem(422, "invalid_request", told, "Correct the request; /openapi.json has its form.")

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, f"http_{error.status_code}")
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, code, str(error.detail), _REMEDIES.get(error.status_code, ""), headers)
