"""The tokens of a text, offline: the vocabularies come with the package bpe-openai."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpe_openai import Encoding

_OLDER = ("gpt-4-", "gpt-3.5", "text-embedding-")
_PART = 50_000
"""Characters: at most four tokens each, which is what the encoder takes at once."""
_NEW_WORD = re.compile(r"(?<=[a-z]) (?=[A-Za-z])")
"""Where a text can be cut without any token changing: every vocabulary takes the blank before a word with the word."""
_LOOK_BACK = 1_000


def encoding_name(model: str) -> str:
    """The vocabulary of a model: that of all since GPT-4o, or the one before."""
    name = model.removeprefix("ft:")
    return "cl100k_base" if name.startswith(_OLDER) or name == "gpt-4" else "o200k_base"


def count_tokens(text: str, encoding: str = "o200k_base") -> int:
    """Return how many tokens a text takes, in the vocabulary of all models since GPT-4o or another.

    Exact, save for texts of more than 50,000 characters that hold long passages without a word and a blank.
    """
    encode = _encoding(encoding).encode_ordinary
    if len(text) <= _PART:
        return len(encode(text))
    total, start = 0, 0
    while start < len(text):
        end = _cut(text, start)
        total += len(encode(text[start:end]))
        start = end
    return total


def _cut(text: str, start: int) -> int:
    """Where the part that begins at `start` ends: before a word, if there is one near its longest."""
    end = start + _PART
    if end >= len(text):
        return len(text)
    near = [found.start() for found in _NEW_WORD.finditer(text, end - _LOOK_BACK, end)]
    return near[-1] if near else end


@cache
def _encoding(name: str) -> Encoding:
    from bpe_openai import get_encoding  # noqa: PLC0415 - a second that only those who count pay

    return get_encoding(name)
