"""Token counts, offline: the vocabularies come with the package bpe-openai."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpe_openai import Encoding

_OLDER = ("gpt-4-", "gpt-3.5")
_PART = 50_000
"""Characters: at most four tokens each, which is what the encoder takes at once."""
REQUEST_OVERHEAD = 16
"""Tokens a request may cost beyond its text: the frame of messages and roles."""


def counter_for(model: str) -> Callable[[bytes], int]:
    """A function that counts a request line's tokens: a little more than OpenAI does, since it counts the JSON too."""
    name = "cl100k_base" if model.startswith(_OLDER) or model == "gpt-4" else "o200k_base"

    def count(line: bytes) -> int:
        return len(_encoding(name).encode_ordinary(line.decode("utf-8"))) + REQUEST_OVERHEAD

    return count


def count_tokens(text: str) -> int:
    """Return how many tokens a text takes, whatever the model: in the encoding of all since GPT-4o.

    Exact up to 50,000 characters; of longer texts each part of that length is counted for itself.
    """
    encoding = _encoding("o200k_base")
    return sum(len(encoding.encode_ordinary(text[at : at + _PART])) for at in range(0, len(text), _PART))


@cache
def _encoding(name: str) -> Encoding:
    from bpe_openai import get_encoding  # noqa: PLC0415 - a second that only those who count pay

    return get_encoding(name)
