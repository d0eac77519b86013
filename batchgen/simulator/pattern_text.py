"""A string that matches a regular expression, for the plain patterns that schemas use."""

import importlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

SAMPLES = "a0A_- .b1B"


@lru_cache(maxsize=256)
def matching(pattern: str) -> str | None:
    """None where the pattern is beyond this (look-arounds, back references)."""
    parser: Any = importlib.import_module("re._parser")
    try:
        text = "".join(_text(step) for step in parser.parse(pattern))
    except (re.error, KeyError, StopIteration):
        return None
    return text if re.search(pattern, text) else None


def _text(step: tuple[Any, Any]) -> str:
    kind, value = step
    return _MAKERS[str(kind)](value)


def _sequence(steps: Any) -> str:
    return "".join(_text(step) for step in steps)


def _one_of(members: list[tuple[Any, Any]]) -> str:
    if str(members[0][0]) == "NEGATE":
        excluded = [_text(member) for member in members[1:]]
        return next(sample for sample in SAMPLES if sample not in excluded)
    return _text(members[0])


def _repeated(value: Any) -> str:
    least, _, steps = value
    return _sequence(steps) * int(least)


_MAKERS: dict[str, Callable[[Any], str]] = {
    "LITERAL": chr,
    "NOT_LITERAL": lambda value: next(sample for sample in SAMPLES if ord(sample) != value),
    "ANY": lambda _: "a",
    "AT": lambda _: "",
    "IN": _one_of,
    "RANGE": lambda value: chr(value[0]),
    "CATEGORY": lambda value: {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}[str(value)],
    "SUBPATTERN": lambda value: _sequence(value[3]),
    "BRANCH": lambda value: _sequence(value[1][0]),
    "MAX_REPEAT": _repeated,
    "MIN_REPEAT": _repeated,
}
