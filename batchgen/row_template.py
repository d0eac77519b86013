"""A Jinja2 template over the columns of a row. It imports little: a process is started for one alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROW = "row"
"""In a template, the row as an object: for columns whose names are no Python names, and for loops."""
FAILURES = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RuntimeError,
    MemoryError,
)
"""What a template or an expression may raise that is sound and does not suit its row."""


class CannotRender(Exception):
    """A sound template makes no prompt of a row; the message says why."""


def environment() -> ImmutableSandboxedEnvironment:
    """Where templates are rendered: sandboxed, and a column that is not there is an error."""
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)
    made.filters["tojson"] = _as_json
    return made


def _as_json(value: Any, indent: int | None = None) -> str:
    """JSON as people write it: Jinja's own is for web pages, with escapes for ü and &, and sorts the keys."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def names_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template or an expression knows of a row: its columns as names, and the whole of it."""
    return {name: value for name, value in values.items() if name.isidentifier()} | {ROW: values}


class RowTemplate:
    """A template that is known to be one."""

    def __init__(self, text: str) -> None:
        self._template = environment().from_string(text)

    def render(self, values: dict[str, Any]) -> str:
        """Return the text of a row; raises CannotRender."""
        try:
            text = self._template.render(names_of(values))
        except FAILURES as error:
            raise CannotRender(f"the prompt cannot be made from it: {str(error) or type(error).__name__}") from None
        if not text.strip():
            raise CannotRender("its prompt is empty")
        return text
