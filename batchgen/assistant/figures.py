"""Figures in texts: whether each number that a model writes stands in the facts that it was given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

_NUMBER = re.compile(r"(?<![\w.,])[-+]?\$?(\d[\d,]*(?:\.\d+)?)(\s?(?:%|percent\b))?", re.ASCII)
_IN_NAMES = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_ENUMERATION = re.compile(r"^\s*(?:#+\s*)?\d{1,2}[.)]\s", re.MULTILINE)
_WORDS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|"
    r"half|halves|thirds?|quarters?|twice|doubled?|tripled?)\b",
    re.IGNORECASE,
)
_MOST_NAME = 200


class Facts:
    """The numbers and names in facts: JSON values, and texts of the person who asks."""

    def __init__(self, *values: Any) -> None:
        self._numbers: set[Decimal] = set()
        self._names: set[str] = set()
        for value in values:
            self.add(value)

    def add(self, value: Any) -> None:
        """Take more facts."""
        for leaf in _leaves(value):
            if isinstance(leaf, str):
                self._numbers.update(_numbers_of(leaf))
                if len(leaf) <= _MOST_NAME and any(map(str.isdigit, leaf)):
                    self._names.add(leaf)
            else:
                self._numbers.add(_decimal(leaf))

    def unsupported(self, text: str) -> list[str]:
        """Return the numbers of a text that stand in no fact, not even rounded, each once."""
        for name in sorted(self._names, key=len, reverse=True):
            if not _NUMBER.fullmatch(name):
                text = text.replace(name, " ")
        text = _ENUMERATION.sub(" ", text)
        found = (match for match in _NUMBER.finditer(text) if not self._supports(match[1], percent=bool(match[2])))
        return [*dict.fromkeys(match[0].strip() for match in found), *_odd_numerals(text)]

    def _supports(self, written: str, *, percent: bool) -> bool:
        value = _decimal(written.replace(",", ""))
        step = Decimal(1).scaleb(-len(written.partition(".")[2]))
        facts = {abs(fact) for fact in self._numbers if fact.is_finite()}
        if percent:  # of a share: 1 is as good as never one
            facts |= {100 * fact for fact in facts if fact % 1}
        return any(_rounded(fact, step) == value for fact in facts)


def figures_in_words(text: str, names: Collection[str] = ()) -> list[str]:
    """Return every figure that a text states by itself: digits of any script, and English words for numbers."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    digits = re.findall(r"\S*\d\S*", text)
    return list(dict.fromkeys([*digits, *_odd_numerals(text), *(match[0] for match in _WORDS.finditer(text))]))


def _odd_numerals(text: str) -> list[str]:
    """Numerals that are no ASCII digits: ½, Ⅷ, ٣."""
    return list(
        dict.fromkeys(each for each in text if not each.isascii() and unicodedata.category(each) in {"Nd", "Nl", "No"})
    )


def _leaves(value: Any) -> Iterator[str | int | float | Decimal]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            pending += item
            pending.append(len(item))  # "three jobs" may be counted
        elif isinstance(item, str) or (isinstance(item, int | float | Decimal) and not isinstance(item, bool)):
            yield item


def _numbers_of(text: str) -> Iterable[Decimal]:
    yield from (_decimal(match[1].replace(",", "")) for match in _NUMBER.finditer(text))
    yield from map(_decimal, _IN_NAMES.findall(text))


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")


def _rounded(value: Decimal, step: Decimal) -> Decimal | None:
    try:
        return value.quantize(step)
    except InvalidOperation:  # no number, or one with too many digits
        return None
