"""Lines of output and error files, read leniently: servers differ in keys they leave out and in how they nest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from batchgen.models import Endpoint, Usage

SIMULATOR_FINGERPRINT = "fp_simulator"
_CHAT_TOKENS = ("prompt_tokens", "prompt_tokens_details", "completion_tokens", "completion_tokens_details")
_RESPONSES_TOKENS = ("input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details")
_OK = 200
_QUOTA = 429
TOKEN_LIMIT = "token_limit_exceeded"  # noqa: S105 - an error code
"""The account has as many tokens enqueued as it may: the batch waits."""
ACCOUNT_CODES = frozenset({TOKEN_LIMIT, "billing_hard_limit_reached", "insufficient_quota"})
"""The account may not have more now, whatever is asked: no record is to blame."""
_STATED_LIMIT = re.compile(r"limit:?\s*(\d[\d,]*)\s*enqueued tokens", re.IGNORECASE)
UNANSWERED_CODES = frozenset({"batch_expired", "batch_cancelled", "request_timeout"})
"""Error codes of lines that OpenAI never worked on: the record's own count of failed tries stays."""


def stated_limit(message: str) -> int | None:
    """The enqueued-token limit that a refusal states ("Limit: 90,000 enqueued tokens"), or None."""
    found = _STATED_LIMIT.search(message)
    return int(found[1].replace(",", "")) if found else None


@dataclass(slots=True)
class Answer:
    """What a model said: its text, or why there is none that can be judged."""

    text: str
    problem: str | None
    """A reason code: model_refusal, content_filter, truncated, empty_answer."""
    detail: str
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    simulated: bool
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def usage(self) -> Usage:
        """Its tokens."""
        return Usage(
            input_tokens=self.input_tokens,
            cached_input_tokens=self.cached_input_tokens,
            output_tokens=self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
            cache_write_tokens=self.cache_write_tokens,
        )


@dataclass(slots=True)
class Failure:
    """A request that OpenAI could not answer; `own` tells whether it counts as a failed try of the record."""

    code: str
    message: str
    own: bool
    usage: Usage | None = None
    """What an answer cost that cannot be read."""


def leading_number(prefix: str) -> re.Pattern[bytes]:
    """Matches a line that begins with the custom id `<prefix><number>`, as OpenAI's lines do; the group is the number.

    Further on in a line the key could be the answer's own: such a line has to be parsed.
    """
    return re.compile(
        rb'\{\s*(?:"id"\s*:\s*"[^"\\]*"\s*,\s*)?"custom_id"\s*:\s*"' + re.escape(prefix.encode()) + rb'(\d{1,9})"'
    )


def custom_id_of(line: bytes) -> str | None:
    """The custom id of a line."""
    return read_line(line, Endpoint.CHAT)[0]


def read_line(line: bytes, endpoint: Endpoint) -> tuple[str | None, Answer | Failure]:
    """The custom id and what stands for it; a line that is no JSON object is (None, Failure)."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as unreadable:
        return None, Failure("unreadable_line", str(unreadable), own=True)
    if not isinstance(row, dict):
        return None, Failure("unreadable_line", "not an object", own=True)
    custom_id = row.get("custom_id")
    return custom_id if isinstance(custom_id, str) else None, _outcome(row, endpoint)


def _outcome(row: dict[str, Any], endpoint: Endpoint) -> Answer | Failure:
    response = row.get("response")
    if not isinstance(response, dict):
        error = row.get("error")
        if not isinstance(error, dict):
            return Failure("no_response", "the line holds neither a response nor an error", own=True)
        code = str(error.get("code") or "request_failed")
        return Failure(code, str(error.get("message") or ""), own=code not in UNANSWERED_CODES)
    body = _body(response)
    if body is None:
        return Failure("unreadable_response", "the response body is no JSON object", own=True)
    status = response.get("status_code", _OK)
    if isinstance(status, int) and status >= 400:  # noqa: PLR2004 - HTTP status codes
        return _failure(status, body)
    return read_body(body, endpoint)


def read_body(body: dict[str, Any], endpoint: Endpoint) -> Answer | Failure:
    """The answer in a response body of either endpoint."""
    try:
        return _chat(body) if endpoint is Endpoint.CHAT else _responses(body)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        names = _CHAT_TOKENS if endpoint is Endpoint.CHAT else _RESPONSES_TOKENS
        used = _usage(body, names)
        return Failure(
            "unreadable_response",
            f"the response body has no {error}",
            own=True,
            usage=None if used == Usage() else used,
        )


def usage_of(body: dict[str, Any], endpoint: Endpoint) -> Usage:
    """The tokens that a response body states, whether its answer can be read or not; none stated are none."""
    return _usage(body, _CHAT_TOKENS if endpoint is Endpoint.CHAT else _RESPONSES_TOKENS)


def is_simulated(body: dict[str, Any]) -> bool:
    """Whether a response body is the simulator's."""
    fingerprint = body.get("system_fingerprint")
    return isinstance(fingerprint, str) and fingerprint.startswith(SIMULATOR_FINGERPRINT)


def _body(response: dict[str, Any]) -> dict[str, Any] | None:
    body = response.get("body")
    if isinstance(body, str):  # some servers nest it as text
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
    return body if isinstance(body, dict) else None


def _failure(status: int, body: dict[str, Any]) -> Failure:
    error = body.get("error")
    found = error if isinstance(error, dict) else body
    message = str(found.get("message") or f"HTTP {status}")
    return Failure(str(found.get("code") or f"http_{status}"), message, own=status != _QUOTA)


def _chat(body: dict[str, Any]) -> Answer:
    choice = body["choices"][0]
    message = choice["message"]
    text = message.get("content")
    if isinstance(text, list):  # content parts, as some servers send them
        text = "".join(part.get("text") or "" for part in text)
    return _answer(body, text, message.get("refusal"), choice.get("finish_reason"), _CHAT_TOKENS)


def _responses(body: dict[str, Any]) -> Answer:
    parts = [part for item in body["output"] if item.get("type") == "message" for part in item["content"]]
    text = "".join(part.get("text") or "" for part in parts if part.get("type") == "output_text")
    refusal = next((part.get("refusal") for part in parts if part.get("type") == "refusal"), None)
    return _answer(body, text, refusal, _object(body, "incomplete_details").get("reason"), _RESPONSES_TOKENS)


_TokenNames = tuple[str, str, str, str]
"""The names under `usage` of the input tokens, their details, the output tokens, and theirs."""


def _answer(body: dict[str, Any], text: Any, refusal: Any, finish: Any, tokens: _TokenNames) -> Answer:
    said = text if isinstance(text, str) else ""
    problem, detail = _verdict(said, refusal, finish)
    usage = _object(body, "usage")
    of_input, input_details, of_output, output_details = tokens
    return Answer(
        said,
        problem,
        detail,
        _count(usage, of_input),
        _count(_object(usage, input_details), "cached_tokens"),
        _count(usage, of_output),
        is_simulated(body),
        _count(_object(usage, output_details), "reasoning_tokens"),
        _count(_object(usage, input_details), "cache_write_tokens"),
    )


def _usage(body: dict[str, Any], tokens: _TokenNames) -> Usage:
    usage = _object(body, "usage")
    of_input, input_details, of_output, output_details = tokens
    return Usage(
        input_tokens=_count(usage, of_input),
        cached_input_tokens=_count(_object(usage, input_details), "cached_tokens"),
        output_tokens=_count(usage, of_output),
        reasoning_tokens=_count(_object(usage, output_details), "reasoning_tokens"),
        cache_write_tokens=_count(_object(usage, input_details), "cache_write_tokens"),
    )


def _verdict(text: str, refusal: Any, finish: Any) -> tuple[str | None, str]:
    if refusal:
        return "model_refusal", str(refusal)
    if finish in {"length", "max_output_tokens"}:
        return "truncated", "the answer was cut off at the output token limit"
    if finish == "content_filter":
        return "content_filter", "the content filter stopped the answer"
    if not text:
        return "empty_answer", "the answer holds no text"
    return None, ""


def _object(holder: dict[str, Any], key: str) -> dict[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def _count(usage: dict[str, Any], key: str) -> int:
    value = usage.get(key)
    return value if type(value) is int and value > 0 else 0
