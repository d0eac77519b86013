"""Writes a batch's output and error lines and its ledger, one processed request after the other."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from batchgen.simulator.answers import Answer
from batchgen.simulator.api_errors import ApiError, kind_of_status
from batchgen.simulator.endpoints import Built, Usage, build_body

UNFINISHED = {
    "batch_expired": "This request could not be executed before the completion window expired.",
    "batch_cancelled": "This request was not executed because the batch was cancelled.",
}


class ResultFiles:
    """Used in ``with``; written from the start each time, so that a batch resumed after a restart begins anew."""

    def __init__(
        self, *, output: Path, error: Path, ledger: Path, unique: str, missing: int = 0, duplicates: int = 0
    ) -> None:
        self._paths = (output, error, ledger)
        self._unique = unique
        self._missing_until = missing
        self._duplicates_until = missing + duplicates
        self._open = ExitStack()
        self.written = 0
        self.completed = 0
        self.failed = 0
        self.usage = Usage()

    def __enter__(self) -> Self:
        self._output, self._error, self._ledger = (self._open.enter_context(path.open("wb")) for path in self._paths)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def next_id(self) -> str:
        """For the line that is written next; unique over all batches."""
        return f"{self._unique}{self.written:06x}"

    def answered(self, custom_id: str, answer: Answer, built: Built, digest: int) -> None:
        """HTTP 200: into the output file, and billed."""
        unique = self.next_id()
        body = orjson.dumps(built.body).decode() if answer.body_as_string else built.body
        self.completed += 1
        self.usage.add(built.usage)
        self._ledger.write(
            orjson.dumps([custom_id, 1, built.usage.input_tokens, built.usage.output_tokens, digest]) + b"\n"
        )
        self._write(self._output, _http_line(unique, custom_id, 200, body), answer)

    def refused(self, custom_id: str, refusal: ApiError, answer: Answer, digest: int) -> None:
        """HTTP 400 and above: into the error file, with ``error`` null, as OpenAI does."""
        line = _http_line(self.next_id(), custom_id, refusal.status, refusal.body())
        self._fail(custom_id, line, answer, digest)

    def broke(self, custom_id: str, code: str, answer: Answer, digest: int) -> None:
        """No HTTP answer at all: ``response`` null and ``error.code``."""
        line = _error_line(self.next_id(), custom_id, code, answer.error_message)
        self._fail(custom_id, line, answer, digest)

    def unfinished(self, custom_id: str, code: str) -> None:
        """Never asked, since the batch expired or was cancelled."""
        self._write(self._error, _error_line(self.next_id(), custom_id, code, UNFINISHED[code]), None)

    def unknown(self, endpoint: str, model: str, count: int) -> None:
        """Lines that nobody asked for, unbilled."""
        for number in range(count):
            built = build_body(endpoint, {"model": model, "input": []}, Answer("nobody asked"), f"unknown{number}")
            line = _http_line(self.next_id(), f"unknown-{number + 1}", 200, built.body)
            self._output.write(orjson.dumps(line) + b"\n")
            self.written += 1

    def flush(self) -> None:
        for opened in (self._output, self._error, self._ledger):
            opened.flush()

    def _fail(self, custom_id: str, line: dict[str, Any], answer: Answer, digest: int) -> None:
        self.failed += 1
        self._ledger.write(orjson.dumps([custom_id, 0, 0, 0, digest]) + b"\n")
        self._write(self._error, line, answer)

    def _write(self, target: BinaryIO, line: dict[str, Any], answer: Answer | None) -> None:
        number = self.written
        self.written += 1
        missing = number < self._missing_until or (answer is not None and answer.missing)
        if missing:
            return
        raw = orjson.dumps(line) + b"\n"
        extra = 0 if answer is None else answer.duplicates
        if number < self._duplicates_until:
            extra += 1
        target.write(raw * (1 + extra) if extra else raw)


def failure_of(answer: Answer) -> ApiError:
    """The HTTP error that a script asked for."""
    return ApiError(answer.status, answer.error_message, kind=kind_of_status(answer.status), code=answer.error_code)


def _http_line(unique: str, custom_id: str, status: int, body: Any) -> dict[str, Any]:
    response = {"status_code": status, "request_id": unique, "body": body}
    return {"id": f"batch_req_{unique}", "custom_id": custom_id, "response": response, "error": None}


def _error_line(unique: str, custom_id: str, code: str, message: str) -> dict[str, Any]:
    error = {"code": code, "message": message}
    return {"id": f"batch_req_{unique}", "custom_id": custom_id, "response": None, "error": error}
