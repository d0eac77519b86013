"""Counts as people read them."""

from __future__ import annotations


def some(count: int, what: str) -> str:
    """Return `1 test`, or `1,200 tests`."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")
