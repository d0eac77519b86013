"""What tells variants of a product apart in its texts: numbers, model numbers, sizes, colours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

_UNITS = frozenset(
    {
        *(
            "mm",
            "cm",
            "dm",
            "m",
            "km",
            "inch",
            "zoll",
            "ft",
            "yd",
            "ml",
            "cl",
            "dl",
            "l",
            "g",
            "kg",
            "mg",
            "oz",
            "lb",
            "lbs",
        ),
        *(
            "w",
            "kw",
            "v",
            "mah",
            "wh",
            "hz",
            "khz",
            "mhz",
            "ghz",
            "kb",
            "mb",
            "gb",
            "tb",
            "px",
            "mp",
            "dpi",
            "fps",
            "rpm",
        ),
    }
)
"""Those that may stand after a blank; `in` and `a` are words as well."""
_TOKEN = re.compile(r"[a-z]*\d[a-z\d]*(?:[.,]\d[a-z\d]*)*")
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)\s?([a-z]+)?")
_SIZE = re.compile(r"(?<![\w'\u2019])(?:X{0,4}S|M|X{0,4}L|[2-6]XL)(?![\w'\u2019])")


def marks(texts: Iterable[str]) -> tuple[frozenset[str], ...]:
    """Return what numbers, sizes and colours the texts name, a set each."""
    whole = unicodedata.normalize("NFKC", " \n ".join(texts))
    folded = _ascii_digits(whole.casefold())
    return frozenset(_numbers(folded)), frozenset(_SIZE.findall(whole)), frozenset(_colours(folded))


def differ(one: Iterable[Iterable[str]], other: Iterable[Iterable[str]]) -> bool:
    """Tell whether they name different things, or one of them more: a set of six is not the single piece."""
    return any(set(ours) != set(theirs) for ours, theirs in zip(one, other, strict=True))


def _numbers(text: str) -> Iterable[str]:
    """Yield numbers with their unit, and whatever is made of letters and digits, such as the number of a model."""
    for found in _TOKEN.finditer(text):
        number = _NUMBER.match(text, found.start())
        if number is None:  # it begins with letters
            yield found[0]
            continue
        unit = number[2] or ""
        if number.end() < found.end():
            yield found[0]
        elif unit in _UNITS:
            yield _same(number[1]) + unit
        else:
            attached = found[0][len(number[1]) :]
            yield _same(number[1]) + attached


def _same(number: str) -> str:
    """Return one spelling: `1,50` is `1.5`, and `1,250` stays what it is."""
    whole, parted, part = number.replace(",", ".").rpartition(".")
    if not parted or (len(part) == 3 and whole != "0"):  # noqa: PLR2004 - thousands, most likely
        return whole.replace(".", "") + part
    part = part.rstrip("0")
    return f"{whole}.{part}" if part else whole


def _ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(each)) if each.isdigit() and each > "9" else each for each in text)


def _colours(text: str) -> Iterable[str]:
    names, pattern = _colour_words()
    for found in pattern.finditer(text):
        yield names[found[0]]


@cache
def _colour_words() -> tuple[dict[str, str], re.Pattern[str]]:
    """Return colours by their words, and what finds the words."""
    colours = yaml.safe_load((Path(__file__).parent / "colours.yaml").read_text(encoding="utf-8"))
    names = {
        str(word).casefold(): colour for colour, kinds in colours.items() for words in kinds.values() for word in words
    }
    whole, inside = (
        "|".join(re.escape(str(word).casefold()) for kinds in colours.values() for word in kinds[kind])
        for kind in ("whole", "inside")
    )
    return names, re.compile(rf"(?<!\w)(?:{whole})(?!\w)|{inside}")
