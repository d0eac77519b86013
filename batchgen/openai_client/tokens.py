"""Token counts, offline: the vocabularies come with the package bpe-openai."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpe_openai import Encoding

_OLDER = ("gpt-4-", "gpt-3.5")
REQUEST_OVERHEAD = 16
"""Tokens a request may cost beyond its text: the frame of messages and roles."""


def counter_for(model: str) -> Callable[[bytes], int]:
    """A function that counts a request line's tokens: a little more than OpenAI does, since it counts the JSON too."""
    name = "cl100k_base" if model.startswith(_OLDER) or model == "gpt-4" else "o200k_base"

    def count(line: bytes) -> int:
        return len(_encoding(name).encode_ordinary(line.decode("utf-8"))) + REQUEST_OVERHEAD

    return count


@cache
def _encoding(name: str) -> Encoding:
    from bpe_openai import get_encoding  # noqa: PLC0415 - a second that only those who count pay

    return get_encoding(name)
