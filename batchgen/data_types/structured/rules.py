"""Rules that a structured answer is held to beyond its form: told to the model in words, checked without one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from batchgen.data_types.structured.facts import NUMBER, as_text
from batchgen.data_types.tabular import is_missing

_DATE = r"\d{1,2}\.\d{1,2}\.\d{4}(?!\d)"
_LIST = r"\d+(?:,\d+){2,}(?!\.?\d)"
"""Or thousands."""
_NUMBER = re.compile(rf"{_DATE}|{_LIST}|" r"\d+(?:[.,\u00a0\u2009\u202f' ]\d{3})*(?:[.,]\d+)?")
_SIGNS = {"\u066b": ".", "\u066c": ",", "\u2019": "'"}
"""Arabic's decimal point and comma of thousands, and the apostrophe that parts thousands in Switzerland."""
_JOINED = re.compile("[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
"""Letters of scripts that write words together, or endings to them: Thai, Chinese, Japanese, Korean and others."""
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
                for wanted in texts(source.get(column)):
                    if not is_missing(wanted) and not _is_mentioned(wanted, whole):
                        yield Violation("not_mentioned", f"{name}: it does not mention {column} ({wanted})")

    def _of_text(self, name: str, text: str, source: dict[str, Any]) -> Iterator[Violation]:
        for value in self.forbidden:
            found = _pattern(value).search(unicodedata.normalize("NFC", text))
            if found:
                yield Violation("forbidden_word", f"{name}: it says {found[0]!r}")
        held = self.numbers_from_source
        if held is True or (held and name in held):
            known = {form for value in source.values() for other in texts(value) for form in _numbers(other)}
            for number in _NUMBER.findall(_plain_digits(text)):
                parts = _parts(number)
                if not known & _forms(number) and not all(known & _forms(part) for part in parts):
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
    """Return what the numbers of a text may mean, and where one may be several, what these may."""
    found = _NUMBER.findall(_plain_digits(text))
    return {form for number in found for each in (number, *_parts(number)) for form in _forms(each)}


def _parts(number: str) -> list[str]:
    """Return the numbers of a date or a list, or those that a blank may part: `6 250 ml` may be six of 250 ml."""
    if re.fullmatch(_DATE, number):
        return number.split(".")
    return number.split("," if re.fullmatch(_LIST, number) else " ")


def _plain_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(each)) if each.isdecimal() else _SIGNS.get(each, each) for each in text)


def _is_mentioned(wanted: str, whole: str) -> bool:
    """Tell whether a folded text holds a value: a number as a number, however it is written."""
    if NUMBER.fullmatch(wanted.strip()):
        return _trimmed(wanted.strip().lstrip("+-")) in _numbers(whole)
    return _folded(wanted) in whole


def _forms(number: str) -> set[str]:
    """Return what a number may mean, as plain decimals: `1,250` is 1250 or 1.25."""
    plain = re.sub(r"[\u00a0\u2009\u202f' ]", "", number)
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
    """Compile a forbidden word; raises ValueError for one that every text would hold, or an expression that is none."""
    value = unicodedata.normalize("NFC", value.strip())
    if not value:
        raise ValueError("a forbidden word is blank")
    if not _is_expression(value):
        inner = r"\s+".join(re.escape(part) for part in value.split())
        start = r"(?<!\w)" if _bounds(value[0]) else ""
        return re.compile(f"{start}{inner}" + (r"(?!\w)" if _bounds(value[-1]) else ""), re.IGNORECASE)
    try:
        pattern = re.compile(value[1:-1], re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{value} is no regular expression ({error})") from None
    if pattern.search(""):
        raise ValueError(f"{value} is found in every text, even an empty one")
    return pattern


def _bounds(letter: str) -> bool:
    """Tell whether a word ends where this letter does: `art` is no word of `party`."""
    return letter.isalnum() and not _JOINED.match(letter)
