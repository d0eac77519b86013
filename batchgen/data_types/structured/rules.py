"""Rules that a structured answer is held to beyond its form: told to the model in words, checked without one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from batchgen.data_types.structured.facts import as_text
from batchgen.data_types.tabular import is_missing

_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f' ]\d{3})*(?:[.,]\d+)?")
_COPIED = 40
"""Characters from which a text that stands in the source counts as copied."""


class Violation(NamedTuple):
    """A rule that an answer breaks: a reason code, and where and how in words."""

    reason: str
    detail: str


class Rules(BaseModel):
    """What must hold of the texts of an answer. Columns are those of the source, fields those of the output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forbidden: tuple[str, ...] = ()
    """Words and phrases that no text may hold, in any case of letters; between slashes a regular expression."""
    numbers_from_source: bool | tuple[str, ...] = False
    """Fields whose numbers must all stand in the source; true: all fields."""
    mentions: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Columns whose value must stand in a field, by field."""
    not_copied: tuple[str, ...] = ()
    """Fields that must not be a longer text of the source."""

    @field_validator("forbidden")
    @classmethod
    def _compiles(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            _pattern(value)
        return values

    def in_words(self) -> list[str]:
        """Return the rules as a model is told them, a line each."""
        lines = []
        if plain := [value for value in self.forbidden if not _is_expression(value)]:
            lines.append(f"Never use these words: {', '.join(plain)}.")
        if self.numbers_from_source:
            named = () if isinstance(self.numbers_from_source, bool) else self.numbers_from_source
            where = f" in {', '.join(named)}" if named else ""
            lines.append(f"Use no number{where} that does not stand in the data.")
        lines += [f"Mention in {field} the value of: {', '.join(columns)}." for field, columns in self.mentions.items()]
        if self.not_copied:
            lines.append(f"Write in your own words, and copy no text of the data, in: {', '.join(self.not_copied)}.")
        return lines

    def fields(self) -> set[str]:
        """Return the output fields that the rules name."""
        numbers = () if isinstance(self.numbers_from_source, bool) else self.numbers_from_source
        return {*numbers, *self.mentions, *self.not_copied}

    def columns(self) -> set[str]:
        """Return the columns that the rules name."""
        return {column for columns in self.mentions.values() for column in columns}

    def violations(self, answer: dict[str, Any], source: dict[str, Any]) -> Iterator[Violation]:
        """Yield what an answer, without its facts, breaks."""
        for name, value in answer.items():
            for text in texts(value):
                yield from self._of_text(name, text, source)
        for name, columns in self.mentions.items():
            whole = _folded(" ".join(texts(answer.get(name))))
            for column in columns:
                wanted = source.get(column)
                if not is_missing(wanted) and _folded(as_text(wanted)) not in whole:
                    yield Violation("not_mentioned", f"{name}: it does not mention {column} ({as_text(wanted)})")

    def _of_text(self, name: str, text: str, source: dict[str, Any]) -> Iterator[Violation]:
        for value in self.forbidden:
            found = _pattern(value).search(text)
            if found:
                yield Violation("forbidden_word", f"{name}: it says {found[0]!r}")
        held = self.numbers_from_source
        if held is True or (held and name in held):
            known = {form for value in source.values() for other in texts(value) for form in _numbers(other)}
            for number in _NUMBER.findall(text):
                if not known & _forms(number):
                    yield Violation("unknown_number", f"{name}: the number {number} does not stand in the source")
        if name in self.not_copied and len(text) >= _COPIED:
            folded = _folded(text)
            if any(folded in _folded(other) for value in source.values() for other in texts(value)):
                yield Violation("copied_input", f"{name}: it is copied from the source")


def as_object(value: Any) -> Any:
    """Let an object be written as JSON on a command line."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg})") from None


def texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value, numbers as text too; names of objects are none."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list | tuple):
            pending.extend(reversed(item))
        elif isinstance(item, dict):
            pending.extend(reversed(list(item.values())))
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield as_text(item)


def _numbers(text: str) -> set[str]:
    return {form for number in _NUMBER.findall(text) for form in _forms(number)}


def _forms(number: str) -> set[str]:
    """Return what a number may mean, as plain decimals: `1,250` is 1250 or 1.25."""
    plain = re.sub(r"[\u00a0\u202f' ]", "", number)
    readings = {plain.replace(",", ""), plain.replace(".", "").replace(",", ".")}
    if plain.count(".") <= 1 and "," not in plain:
        readings.add(plain)
    return {_trimmed(reading) for reading in readings if reading.count(".") <= 1}


def _trimmed(number: str) -> str:
    whole, _, part = number.partition(".")
    part = part.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{part}" if part else whole


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _is_expression(value: str) -> bool:
    return len(value) > 2 and value[0] == value[-1] == "/"  # noqa: PLR2004 - two slashes and what is between


@lru_cache(maxsize=512)
def _pattern(value: str) -> re.Pattern[str]:
    """Compile a forbidden word; raises ValueError for an expression that is none."""
    if not _is_expression(value):
        inner = r"\s+".join(re.escape(part) for part in value.split())
        start = r"(?<!\w)" if value[:1].isalnum() else ""
        return re.compile(f"{start}{inner}" + (r"(?!\w)" if value[-1:].isalnum() else ""), re.IGNORECASE)
    try:
        return re.compile(value[1:-1], re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{value} is no regular expression ({error})") from None
