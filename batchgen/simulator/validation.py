"""Validates a batch's input file line by line, as OpenAI does before it runs (and bills) anything.

The codes are OpenAI's; one bad line fails the whole batch. What is wrong inside a request body is not found here: as
at OpenAI, that request alone fails later, with HTTP 400 in the error file.
"""

from array import array
from collections.abc import Container
from typing import Any

import orjson

MESSAGES = {
    "invalid_json_line": "This line is not parseable as valid JSON.",
    "invalid_request": "This line is not a JSON object.",
    "missing_required_parameter": "Missing required parameter: '{0}'.",
    "duplicate_custom_id": "The custom_id '{0}' for this request is a duplicate of another request. "
    "The custom_id parameter must be unique for each request in a batch.",
    "invalid_custom_id": "The custom_id of this request must be a non-empty string of at most 512 characters.",
    "invalid_method": "The method '{0}' is not supported. It must be 'POST'.",
    "invalid_url": "The URL provided for this request does not match the batch endpoint.",
    "model_not_found": "The provided model '{0}' is not supported by the Batch API.",
    "mismatched_model": "The provided model '{0}' does not match the model of the first request, '{1}'.",
    "empty_file": "The batch input file is empty. Please ensure that the batch contains at least one request.",
    "too_many_tasks": "The number of requests in the input file exceeds the maximum of {0}.",
    "file_too_large": "The batch input file is {0} bytes. The maximum is {1} bytes.",
    "token_limit_exceeded": "Enqueued token limit reached for {0} in organization org-simulator. "
    "Limit: {1:,} enqueued tokens. Please try again once some in_progress batches have been completed.",
}
MAX_CUSTOM_ID = 512


def batch_error(code: str, *values: Any, line: int | None = None, param: str | None = None) -> dict[str, Any]:
    """One entry of a failed batch's ``errors.data``."""
    return {"code": code, "line": line, "message": MESSAGES[code].format(*values), "param": param}


class InputCheck:
    """Fed with each line of a file in turn: collects the errors, and where the good lines stand in the file."""

    def __init__(self, *, endpoint: str, models: Container[str], max_requests: int, max_errors: int) -> None:
        self.errors: list[dict[str, Any]] = []
        self.model: str | None = None
        self.starts = array("Q")
        self.ends = array("Q")
        self._endpoint = endpoint
        self._models = models
        self._max_requests = max_requests
        self._max_errors = max_errors
        self._seen: set[str] = set()
        self._blank: list[int] = []
        self._number = 0
        self._offset = 0

    @property
    def done(self) -> bool:
        """Nothing more is worth looking at."""
        return len(self.errors) >= self._max_errors

    def feed(self, raw: bytes) -> None:
        self._number += 1
        start, self._offset = self._offset, self._offset + len(raw)
        if not raw.strip():
            self._blank.append(self._number)  # harmless at the end of the file, an error where more lines follow
            return
        for number in self._blank:
            self.errors.append(batch_error("invalid_json_line", line=number))
        self._blank.clear()
        self.starts.append(start)
        self.ends.append(self._offset)
        error = self._check(raw)
        if error is not None:
            error["line"] = self._number
            self.errors.append(error)
        elif len(self.starts) > self._max_requests:
            self.errors = [batch_error("too_many_tasks", self._max_requests)]
            self._max_errors = 0

    def finish(self) -> None:
        """The end of the file has been reached."""
        if not self.starts and not self.errors:
            self.errors.append(batch_error("empty_file"))

    def _check(self, raw: bytes) -> dict[str, Any] | None:
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return batch_error("invalid_json_line")
        if not isinstance(line, dict):
            return batch_error("invalid_request")
        return self._check_presence(line) or self._check_envelope(line) or self._check_model(line["body"])

    def _check_presence(self, line: dict[str, Any]) -> dict[str, Any] | None:
        for name in ("custom_id", "method", "url", "body"):
            if name not in line:
                return batch_error("missing_required_parameter", name, param=name)
        if not isinstance(line["body"], dict):
            return batch_error("missing_required_parameter", "body", param="body")
        return None

    def _check_envelope(self, line: dict[str, Any]) -> dict[str, Any] | None:
        custom_id = line["custom_id"]
        if not isinstance(custom_id, str) or not 0 < len(custom_id) <= MAX_CUSTOM_ID:
            return batch_error("invalid_custom_id", param="custom_id")
        if custom_id in self._seen:
            return batch_error("duplicate_custom_id", custom_id, param="custom_id")
        self._seen.add(custom_id)
        if line["method"] != "POST":
            return batch_error("invalid_method", line["method"], param="method")
        if line["url"] != self._endpoint:
            return batch_error("invalid_url", param="url")
        return None

    def _check_model(self, body: dict[str, Any]) -> dict[str, Any] | None:
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return batch_error("missing_required_parameter", "model", param="body.model")
        if model not in self._models:
            return batch_error("model_not_found", model, param="body.model")
        if self.model is None:
            self.model = model
        if model != self.model:
            return batch_error("mismatched_model", model, self.model, param="body.model")
        return None
