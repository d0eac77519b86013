"""Judges a structured answer: JSON, its form, the source's facts, every text written, limits, language and rules."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import ValidationError

from batchgen.data_types.contract import Accepted, Refused
from batchgen.data_types.structured.answer import AnswerForm, in_words
from batchgen.data_types.structured.facts import is_unchanged
from batchgen.data_types.structured.fields import FieldSpec, FieldType
from batchgen.data_types.structured.language import is_in_language, language_code
from batchgen.data_types.structured.rules import Rules, Violation, texts
from batchgen.data_types.tabular import is_missing

REASONS = (
    "invalid_json",
    "schema_violation",
    "fact_changed",
    "empty_field",
    "too_short",
    "too_few_items",
    "wrong_language",
    "forbidden_word",
    "unknown_number",
    "not_mentioned",
    "copied_input",
)
"""Reason codes, in the order in which they are looked for."""
_TOLD = 6


def judge_structured(form: AnswerForm, text: str, source: dict[str, Any], rules: Rules) -> Accepted | Refused:
    """Accept the answer as an object, its facts spelled as in the source, or refuse it with all that is wrong."""
    try:
        answer = form.parse(text)
    except orjson.JSONDecodeError as error:
        return Refused("invalid_json", f"The answer is not JSON: {error}")
    except ValidationError as error:
        return Refused("schema_violation", in_words(error))
    given = {name: source.get(name) for name in form.facts}
    written = {spec.name: answer[spec.name] for spec in form.specs}
    found = [*_facts(given, answer), *_limits(form.specs, written), *rules.violations(written, source)]
    if not found:
        return Accepted(answer | given)
    found.sort(key=lambda each: REASONS.index(each.reason))
    told = list(dict.fromkeys(each.detail for each in found))
    more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return Refused(found[0].reason, "; ".join(told[:_TOLD]) + more)


def _facts(given: dict[str, Any], answer: dict[str, Any]) -> Iterator[Violation]:
    for name, value in given.items():
        if not is_unchanged(value, answer[name]):
            yield Violation("fact_changed", f"{name}: it is {value!r} in the source and {answer[name]!r} here")


def _limits(specs: tuple[FieldSpec, ...], answer: dict[str, Any]) -> Iterator[Violation]:
    for spec in specs:
        value = answer[spec.name]
        if is_empty(spec, value):
            if spec.required:
                yield Violation("empty_field", f"{spec.name}: nothing is written in it, or in one of its items")
            continue
        if spec.min_items is not None and len(value) < spec.min_items:
            yield Violation(
                "too_few_items", f"{spec.name}: it has {len(value)} items, at least {spec.min_items} are asked"
            )
        found = list(texts(value))
        for text in found:
            if spec.min_length is not None and len(text) < spec.min_length:
                detail = f"{spec.name}: it has {len(text)} characters, at least {spec.min_length} are asked"
                yield Violation("too_short", detail)
        if spec.language is not None and not is_in_language(" ".join(found), language_code(spec.language)):
            yield Violation("wrong_language", f"{spec.name}: it is not written in {spec.language}")


def is_empty(spec: FieldSpec, value: Any) -> bool:
    """Tell whether a text is missing. A list of attributes may be empty, but none may lack its name or value."""
    if spec.type is FieldType.ATTRIBUTES:
        return not all(_is_seen(each["name"]) and _is_seen(each["value"]) for each in value or ())
    if spec.type is FieldType.LIST:
        return not value or not all(map(_is_seen, value))
    return is_missing(value) or (isinstance(value, str) and not _is_seen(value))


def _is_seen(text: str) -> bool:
    """Tell whether a text has a character that is no blank, no control and no mark of layout."""
    return any(unicodedata.category(each)[0] not in "CZ" for each in text)
