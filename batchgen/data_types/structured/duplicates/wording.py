"""A text as it is compared: its words in small letters, without marks that do not change what is said."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_SYMBOL = "\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
"""Arrows, signs, emoji: words where there are no others."""
_WORDS = re.compile(rf"[^\W_]+|[{_SYMBOL}]")
_TATWEEL = "\u0640"


def plain(text: str) -> str:
    """Return the words of a text, composed, in small letters, parted by single blanks."""
    if not text.isascii():
        text = _marks().sub("", unicodedata.normalize("NFKC", text))
    return " ".join(_WORDS.findall(text.casefold()))


@cache
def _marks() -> re.Pattern[str]:
    """Marks that stand alone once the text is composed: vowels of Arabic and Hebrew, joiners, emoji styles."""
    found = [chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in {"Mn", "Cf"}]
    return re.compile(f"[{re.escape(''.join(found))}{_TATWEEL}]")
