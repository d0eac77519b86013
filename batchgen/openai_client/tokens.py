"""The input tokens of a whole request: its texts, what a chat adds around them, tools, schemas, images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from batchgen.openai_client.vocabulary import count_tokens, encoding_name

__all__ = ["RequestCounter", "TokenCount", "count_tokens", "counter_for"]

_MESSAGE, _NAME, _REPLY = 3, 1, 3
"""Tokens around each message, for its name, and before the answer (OpenAI cookbook, How to count tokens)."""
_MESSAGE_AT_MOST, _REQUEST_AT_MOST = 6, 16
"""The same in the bound: models that reason frame messages otherwise, and nowhere is written how."""
_FORM_AT_MOST, _TOOL_AT_MOST = 64, 16
"""What may be said around a schema, and around each tool."""
_IMAGE = 1_105
"""Tokens of an image of 2048 x 4096 pixels in detail (OpenAI, Images and vision guide)."""
_IMAGE_AT_MOST = 50_000
"""More than the dearest: GPT-4o mini takes 2,833 and 5,667 for each of up to eight tiles (the same guide)."""
_BYTES_A_TOKEN = 4
_REMEMBERED, _REMEMBERED_LENGTH = 64, 50_000
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_IMAGE_PARTS = frozenset({"image_url", "input_image"})


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Input tokens of one request."""

    estimate: int
    """What OpenAI will count, nearly."""
    at_most: int
    """What it will not count more than."""


@dataclass(slots=True)
class _Parts:
    """What a request is made of."""

    texts: list[str]
    messages: int = 0
    names: int = 0
    images: int = 0
    forms: list[Any] | None = None
    tools: list[Any] | None = None


def counter_for(model: str) -> Callable[[bytes], int]:
    """A function that says how many input tokens a request line has at most, for the limit on what is enqueued.

    Never less than a byte in four of the line: servers that refuse a file before they read it go by its size.
    """
    counter = RequestCounter(model)
    return lambda line: max(counter.at_most(line), -(-len(line) // _BYTES_A_TOKEN))


class RequestCounter:
    """Counts the request lines of one model. Texts and schemas that come again and again are counted once."""

    def __init__(self, model: str) -> None:
        """Take the model, which decides on the vocabulary."""
        self._encoding = encoding_name(model)
        self._known: dict[str, int] = {}

    def at_most(self, line: bytes) -> int:
        """How many input tokens a line of a batch file has at most."""
        return self.count(line).at_most

    def count(self, line: bytes) -> TokenCount:
        """Count a line of a batch file; anything else is taken for plain text."""
        try:
            request = orjson.loads(line)
            body = request["body"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            body = {"input": line.decode("utf-8", "replace")}
        return self.count_body(body) if isinstance(body, dict) else TokenCount(0, 0)

    def count_body(self, body: dict[str, Any]) -> TokenCount:
        """Count a request body of either endpoint, or one for embeddings."""
        parts = _parts(body)
        texts = sum(map(self._tokens, parts.texts))
        size = sum(len(text.encode()) + 1 for text in parts.texts)
        forms = [self._form(form) for form in parts.forms or ()]
        tools = [self._form(tool) for tool in parts.tools or ()]
        estimate = (
            texts
            + parts.messages * (_MESSAGE + 1)  # the role is one
            + parts.names * _NAME
            + (_REPLY if parts.messages else 0)
            + parts.images * _IMAGE
            + sum(compact for compact, _ in (*forms, *tools))
        )
        # Servers with vocabularies of their own count otherwise; none is known to take more than one for four bytes of
        # plain text where OpenAI's takes less.
        at_most = (
            max(texts, -(-size // _BYTES_A_TOKEN))
            + parts.messages * _MESSAGE_AT_MOST
            + _REQUEST_AT_MOST
            + parts.images * _IMAGE_AT_MOST
            + sum(spread + _FORM_AT_MOST for _, spread in forms)
            + sum(spread + _TOOL_AT_MOST for _, spread in tools)
        )
        return TokenCount(estimate, at_most)

    def _tokens(self, text: str) -> int:
        found = self._known.get(text)
        if found is None:
            found = count_tokens(text, self._encoding)
            if (
                len(self._known) < _REMEMBERED and len(text) < _REMEMBERED_LENGTH
            ):  # the first texts of a batch hold those that all its requests share
                self._known[text] = found
        return found

    def _form(self, form: Any) -> tuple[int, int]:
        """Tokens of a schema or tool as compact JSON, and as the longest that it is usually written."""
        compact, spread = orjson.dumps(form).decode(), orjson.dumps(form, option=orjson.OPT_INDENT_2).decode()
        shortest = self._tokens(compact)
        return shortest, max(shortest, self._tokens(spread))


def _parts(body: dict[str, Any]) -> _Parts:
    parts = _Parts([])
    asked = body.get("messages", body.get("input"))
    if isinstance(body.get("instructions"), str):
        _add_message({"content": body["instructions"]}, parts)
    for item in asked if isinstance(asked, list) else [asked]:
        _add_message(item, parts)
    parts.forms = [form for form in (body.get("response_format"), _format(body)) if form]
    parts.tools = [tool for key in ("tools", "functions") for tool in _list(body.get(key))]
    return parts


def _add_message(item: Any, parts: _Parts) -> None:
    parts.messages += 1
    if not isinstance(item, dict):
        parts.texts.append(item if isinstance(item, str) else orjson.dumps(item).decode())
        return
    if isinstance(item.get("name"), str):
        parts.names += 1
        parts.texts.append(item["name"])
    content = item.get("content")
    for part in content if isinstance(content, list) else [content]:
        _add_content(part, parts)
    parts.texts.extend(_spoken(item))


def _add_content(part: Any, parts: _Parts) -> None:
    if part is None:
        return
    if isinstance(part, str):
        parts.texts.append(part)
        return
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in _TEXT_PARTS and isinstance(part.get("text"), str):
        parts.texts.append(part["text"])
    elif kind in _IMAGE_PARTS:
        parts.images += 1
    else:
        parts.texts.append(orjson.dumps(part).decode())


def _spoken(item: dict[str, Any]) -> Iterator[str]:
    """What else of a message the model reads: calls of tools and their results, refusals."""
    for key, value in item.items():
        if key not in {"role", "content", "name", "type", "id", "status"} and value:
            yield value if isinstance(value, str) else orjson.dumps(value).decode()


def _format(body: dict[str, Any]) -> Any:
    text = body.get("text")
    return text.get("format") if isinstance(text, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
