"""Room in a record: measured in bytes of the JSON it becomes, so that no source can blow a record up."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

_WORST = 6
"""Bytes that one character can take in JSON (a control character: \\u0001)."""


def size(text: str) -> int:
    """Return the bytes of a text in JSON, quotes included."""
    return len(orjson.dumps(text))


def clip(text: str, limit: int) -> str:
    """Return the leading lines that fit into `limit` bytes, and a comment that says how many are missing."""
    if size(text) <= limit:
        return text
    lines = text.split("\n")
    kept: list[str] = []
    left = limit
    for line in lines:
        left -= size(line)
        if left < 0:
            break
        kept.append(line)
    if not kept:
        return f"{text[: limit // _WORST]} # … cut"
    return "\n".join([*kept, f"# … {len(lines) - len(kept)} more lines"])


def fitting(pieces: Iterable[str], limit: int) -> list[str]:
    """Return the pieces, most wanted first, that fit into `limit` bytes together; a smaller one may follow a miss."""
    kept: list[str] = []
    for piece in pieces:
        needed = size(piece)
        if needed <= limit:
            kept.append(piece)
            limit -= needed
    return kept
