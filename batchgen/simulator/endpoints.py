"""Response bodies in the shape of each endpoint, with token usage.

Tokens are counted as bytes of text / 4: cheap, the same on every run, and good enough for a simulator. From 1,024
input tokens on, half of them (in steps of 128) count as cached, and with the families whose cache writes are billed as
many as written; reasoning models report as many reasoning tokens as
their answer has, so that every kind of token shows up in costs.
"""

import base64
import hashlib
import math
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from batchgen.simulator.answers import Answer
from batchgen.simulator.models import CACHE_WRITING_FAMILIES, REASONING_FAMILIES
from batchgen.simulator.prompt_text import all_text

FINGERPRINT = "fp_simulator_1"
MIN_CACHED_PROMPT = 1_024
CACHE_STEP = 128
DIMENSIONS = {"text-embedding-3-large": 3_072}
DEFAULT_DIMENSIONS = 1_536


@dataclass(slots=True)
class Usage:
    """Tokens of one request, or summed up over a batch."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    written_tokens: int = 0

    def add(self, other: "Usage") -> None:
        self.input_tokens += other.input_tokens
        self.cached_tokens += other.cached_tokens
        self.output_tokens += other.output_tokens
        self.reasoning_tokens += other.reasoning_tokens
        self.written_tokens += other.written_tokens

    def as_response_usage(self) -> dict[str, Any]:
        """The shape of /v1/responses, which batches use for their totals too."""
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"cached_tokens": self.cached_tokens, "cache_write_tokens": self.written_tokens},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
            "total_tokens": self.input_tokens + self.output_tokens,
        }


@dataclass(frozen=True, slots=True)
class Built:
    """A response body and what it costs."""

    body: Any
    usage: Usage = field(default_factory=Usage)


def tokens_of(text: str) -> int:
    return (len(text.encode()) + 3) // 4


def is_reasoning_model(model: str) -> bool:
    return model.startswith(REASONING_FAMILIES)


def build_body(endpoint: str, body: dict[str, Any], answer: Answer, unique: str) -> Built:
    """The HTTP 200 body for ``answer``; ``unique`` makes its ids unique."""
    if answer.body is not None:
        return Built(answer.body, Usage(answer.input_tokens or 0, 0, answer.output_tokens or 0))
    return _BUILDERS[endpoint](body, answer, unique)


def _usage(body: dict[str, Any], answer: Answer, text: str) -> Usage:
    asked = tokens_of(all_text(body)) if answer.input_tokens is None else answer.input_tokens
    cached = asked // 2 // CACHE_STEP * CACHE_STEP if asked >= MIN_CACHED_PROMPT else 0
    written = cached if body["model"].startswith(CACHE_WRITING_FAMILIES) else 0
    said = tokens_of(text) if answer.output_tokens is None else answer.output_tokens
    if is_reasoning_model(body["model"]):
        return Usage(asked, cached, 2 * said, said, written)
    return Usage(asked, cached, said, 0)


def _cut(text: str, limit: Any) -> tuple[str, bool]:
    """The text within ``limit`` tokens, and whether anything was cut off."""
    if not isinstance(limit, int) or tokens_of(text) <= limit:
        return text, False
    return text.encode()[: limit * 4].decode(errors="ignore"), True


def _chat_completion(body: dict[str, Any], answer: Answer, unique: str) -> Built:
    text, cut = _cut(answer.text, body.get("max_completion_tokens", body.get("max_tokens")))
    usage = _usage(body, answer, answer.refusal or "".join(map("".join, answer.tool_calls)) or text)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if answer.refusal is not None:
        message |= {"content": None, "refusal": answer.refusal}
    reason = "length" if cut else answer.finish_reason
    if answer.tool_calls:
        reason, calls = "tool_calls", enumerate(answer.tool_calls)
        message |= {"content": None, "tool_calls": [_tool_call(f"{unique}{at}", *call) for at, call in calls]}
    made: dict[str, Any] = {
        "id": f"chatcmpl-{unique}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
            "prompt_tokens_details": {
                "cached_tokens": usage.cached_tokens,
                "cache_write_tokens": usage.written_tokens,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": usage.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }
    return Built(made, usage)


def _tool_call(unique: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{unique}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _response(body: dict[str, Any], answer: Answer, unique: str) -> Built:
    text, cut = _cut(answer.text, body.get("max_output_tokens"))
    usage = _usage(body, answer, answer.refusal or text)
    reason = "length" if cut else answer.finish_reason
    incomplete = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reason)
    status = "incomplete" if incomplete else "completed"
    content: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if answer.refusal is not None:
        content = {"type": "refusal", "refusal": answer.refusal}
    output: list[dict[str, Any]] = [
        {"id": f"msg_{unique}", "type": "message", "status": status, "role": "assistant", "content": [content]}
    ]
    if is_reasoning_model(body["model"]):
        output.insert(0, {"id": f"rs_{unique}", "type": "reasoning", "summary": []})
    made = {
        "id": f"resp_{unique}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": body["model"],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage.as_response_usage(),
        "user": None,
        "system_fingerprint": FINGERPRINT,  # OpenAI sends none here; callers need it to know a simulated answer
    }
    return Built(made, usage)


def embedding_inputs(body: dict[str, Any]) -> list[Any]:
    """One item a vector: texts, or lists of token ids."""
    given = body["input"]
    if isinstance(given, str) or (given and isinstance(given[0], int)):
        return [given]
    return list(given)


def _embeddings(body: dict[str, Any], answer: Answer, _unique: str) -> Built:
    inputs = embedding_inputs(body)
    dimensions = body.get("dimensions") or DIMENSIONS.get(body["model"], DEFAULT_DIMENSIONS)
    encode = _as_base64 if body.get("encoding_format") == "base64" else list
    counted = sum(tokens_of(item) if isinstance(item, str) else len(item) for item in inputs)
    usage = Usage(counted if answer.input_tokens is None else answer.input_tokens)
    data = [
        {"object": "embedding", "index": index, "embedding": encode(_vector(str(item), dimensions))}
        for index, item in enumerate(inputs)
    ]
    made = {
        "object": "list",
        "data": data,
        "model": body["model"],
        "usage": {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens},
        "system_fingerprint": FINGERPRINT,
    }
    return Built(made, usage)


def _vector(text: str, dimensions: int) -> list[float]:
    """A unit vector that depends on the text alone."""
    raw = array("h", hashlib.shake_128(text.encode()).digest(2 * dimensions))
    norm = math.sqrt(sum(value * value for value in raw)) or 1.0
    return [value / norm for value in raw]


def _as_base64(vector: list[float]) -> str:
    return base64.b64encode(array("f", vector).tobytes()).decode()


_BUILDERS: dict[str, Callable[[dict[str, Any], Answer, str], Built]] = {
    "/v1/chat/completions": _chat_completion,
    "/v1/responses": _response,
    "/v1/embeddings": _embeddings,
}
ENDPOINTS = tuple(_BUILDERS)
