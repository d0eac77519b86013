"""Facts: values of the source that an answer must repeat, and when they count as unchanged."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from batchgen.data_types.tabular import is_missing

# Without leading zeros: "00123" is an article number, and 123 another one.
NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?")

Fact = str | int | float | bool | None


def is_int64(value: int) -> bool:
    """Tell whether tables have a whole number as one."""
    return -(2**63) <= value < 2**63


def is_exact(value: int) -> bool:
    """Tell whether a double holds a whole number as it is, as all up to 2**53 are."""
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def is_unchanged(given: Fact, answered: Fact) -> bool:
    """Tell whether the answer repeats the source: equal as text, or as numbers; nothing for nothing."""
    if is_missing(given) or is_missing(answered):
        return is_missing(given) and is_missing(answered)
    text, other = as_text(given), as_text(answered)
    if text == other:
        return True
    return bool(NUMBER.fullmatch(text) and NUMBER.fullmatch(other)) and Decimal(text) == Decimal(other)


def as_text(value: Fact) -> str:
    """Return the value as text to compare: trimmed, composed characters, floats without exponent."""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return unicodedata.normalize("NFC", str(value).strip())
