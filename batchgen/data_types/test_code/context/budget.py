"""Room in a prompt, in tokens; a text of few tokens for its length counts by its length, which keeps records small."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import orjson

from batchgen.openai_client.tokens import count_tokens

BYTES = 8
"""Of a text's JSON that a token may stand for: Python has four or five, a run of blanks or of one letter hundreds."""
CUT = "# … "
"""What the comment begins with that stands for lines that were cut off."""
_REMEMBERED = 1_000
"""Characters: signatures of that length are shown with many targets."""
_LEAST = 3
"""Tokens below which nothing fits that says anything."""


def cost(text: str) -> int:
    """Return what a text takes of a budget."""
    return _short_cost(text) if len(text) <= _REMEMBERED else _cost(text)


def _cost(text: str) -> int:
    return max(count_tokens(text), _least_cost(text))


_short_cost = lru_cache(maxsize=8_192)(_cost)


def _least_cost(text: str) -> int:
    return -(-len(orjson.dumps(text)) // BYTES)


def fits(text: str, limit: int) -> bool:
    """Tell whether a text is within a budget; one that is far beyond it is not counted."""
    return _least_cost(text) <= limit and cost(text) <= limit


def clip(text: str, limit: int, each_line: int = 0) -> str:
    """Return the leading lines that fit into `limit` tokens, and a comment that says how many are missing.

    `each_line` is what a line will take beside its text.
    """
    lines = text.split("\n")
    if fits(text, limit - each_line * len(lines)):
        return text
    kept: list[str] = []
    left = limit
    for line in lines:
        left -= each_line
        if not fits(f"{line}\n", left):
            break
        left -= cost(f"{line}\n")
        kept.append(line)
    if not kept:
        return f"{text[: limit // 4]} # … cut"  # no character takes more than four tokens
    return "\n".join([*kept, f"{CUT}{len(lines) - len(kept)} more lines"])


def fitting(pieces: Iterable[str], limit: int) -> list[str]:
    """Return the pieces, most wanted first, that fit into `limit` tokens together; a smaller one may follow a miss."""
    kept: list[str] = []
    for piece in pieces:
        if limit < _LEAST:
            break
        if fits(piece, limit):
            kept.append(piece)
            limit -= cost(piece)
    return kept


class Budget:
    """Tokens that the parts of a record share, spent in the order in which they are asked for."""

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens
        self._left = tokens

    def room(self, share: float) -> int:
        """Return the tokens that a part may take: a share of all, or what is left."""
        return max(0, min(self._left, int(self._tokens * share)))

    def spend(self, *texts: str, each_line: int = 0) -> None:
        """Note what was taken."""
        for text in texts:
            self._left -= cost(text) + each_line * (text.count("\n") + 1)

    def take(self, pieces: Iterable[str], share: float) -> list[str]:
        """Return the pieces that fit into a share, and spend them."""
        kept = fitting(pieces, self.room(share))
        self.spend(*kept)
        return kept
