"""JSON schemas that users give: checked once when they are read, then used to judge answers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from batchgen.data_types.strict_schema import strict_problem

NO_DOCUMENTS: Registry[Any] = Registry()
"""A `$ref` may point within its own schema only: nothing is fetched from the network."""


def as_schema(value: Any) -> Any:
    """Return a JSON schema, given as such or as JSON text, and None for None; raises ValueError for what is none."""
    if value is None or isinstance(value, str):
        return None if value is None else checked(value)
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - pydantic reports ValueError, not TypeError
    return checked(orjson.dumps(value))


# A check takes a millisecond, and the rows of a table mostly share a few schemas.
@lru_cache(maxsize=256)
def checked(text: str | bytes) -> dict[str, Any]:
    """Return the schema in the text; raises ValueError."""
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg})") from None
    if not isinstance(schema, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - as above
    try:
        Draft202012Validator.check_schema(schema)
        check_references(schema)
    except SchemaError as error:
        raise ValueError(f"it is not a JSON schema ({error.json_path}: {brief(error.message)})") from None
    except Unresolvable as error:
        raise ValueError(f"its $ref {error.ref!r} points to nothing within it") from None
    if (problem := strict_problem(schema)) is not None:
        raise ValueError(f"OpenAI refuses it in strict mode, {problem}")
    return schema


def check_references(schema: dict[str, Any]) -> None:
    """Raise Unresolvable for a `$ref` that leads out of the schema or nowhere."""
    resolver = NO_DOCUMENTS.with_resource("", DRAFT202012.create_resource(schema)).resolver()
    pending: list[Any] = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                resolver.lookup(reference)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


class AnswerSchema:
    """A schema that answers are judged by."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.validator = Draft202012Validator(schema, registry=NO_DOCUMENTS)

    @classmethod
    def of(cls, schema: dict[str, Any]) -> AnswerSchema:
        """Return the judge of a schema; records that share one share it."""
        return judge_of(orjson.dumps(schema))

    def violation(self, answer: Any) -> str | None:
        """Say where and how the answer breaks the schema, or None where it holds."""
        try:
            found = best_match(self.validator.iter_errors(answer))
        except (RecursionError, Unresolvable) as error:
            return f"The schema itself cannot be followed: {brief(str(error))}"
        return None if found is None else f"{found.json_path}: {brief(found.message)}"


@lru_cache(maxsize=256)
def judge_of(schema: bytes) -> AnswerSchema:
    """Compile a schema."""
    return AnswerSchema(orjson.loads(schema))


def brief(message: str, limit: int = 300) -> str:
    """Cut a message short: jsonschema quotes the whole value."""
    return message if len(message) <= limit else f"{message[: limit // 2]} … {message[-limit // 2 :]}"
