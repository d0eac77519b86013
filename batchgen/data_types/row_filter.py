"""Which rows of a table are taken: an expression over their columns, and what has changed since a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.environment import TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

from batchgen.row_template import FAILURES, names_of


class NotComparable(Exception):
    """A row's value cannot be used by the filter."""


def check_expression(text: str) -> str:
    """Return an expression that can be evaluated; raises ValueError."""
    try:
        expression(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"it is no expression ({error.message})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return text


@lru_cache(maxsize=32)
def expression(text: str) -> TemplateExpression:
    """Compile an expression of Jinja2, in its sandbox: columns are names, `row[...]` gives those with blanks."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    tests: dict[str, Any] = environment.tests
    for name in ("none", "true", "false", "boolean", "integer", "float", "number", "string", "mapping", "sequence"):
        tests[name] = _of_what_is_there(tests[name])
    return environment.compile_expression(text, undefined_to_none=False)


def _of_what_is_there(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The same test, which is an error for a name that is not there: `stars is none` would just not hold."""

    def asked(value: Any) -> bool:
        if isinstance(value, StrictUndefined):
            str(value)  # raises UndefinedError with the name
        return test(value)

    return asked


def holds(text: str, values: Mapping[str, Any]) -> bool:
    """Tell whether an expression is true of a row; raises NotComparable."""
    try:
        result = expression(text)(names_of(values))
        if isinstance(result, StrictUndefined):
            raise NotComparable(f"where: it names a column that is not there: {text}")
    except FAILURES as error:
        raise NotComparable(f"where: {error}") from None
    return bool(result)


def moment(value: Any) -> datetime:
    """Return a date or time (ISO 8601, or seconds since 1970) as one; without a zone it is UTC. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    found = datetime.fromisoformat(str(value).strip())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def changed_since(since: str, value: Any) -> bool:
    """Tell whether a row's moment lies after `since`; raises NotComparable."""
    try:
        return moment(value) > moment(since)
    except (ValueError, OverflowError, OSError):
        raise NotComparable(f"since: {str(value)[:50]!r} is no date or time") from None
