"""OpenAI's rules for a strict JSON schema, with its words of refusal.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas. The verdict on a schema is
remembered, since all lines of a batch usually carry the same one.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from batchgen.simulator.api_errors import ApiError

NOT_PERMITTED = (
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "uniqueItems",
)
MAX_DEPTH = 10
MAX_PROPERTIES = 5_000

Context = tuple[str, ...]


def check_strict(schema: Any, *, name: str, param: str) -> None:
    """Raises the ApiError OpenAI would answer; ``param`` is ``response_format`` or ``text.format``."""
    problem = _verdict(orjson.dumps(schema)) if isinstance(schema, dict) else "the schema is not an object."
    if problem is not None:
        code = "invalid_json_schema" if param == "text.format" else None
        raise ApiError(400, f"Invalid schema for {param} '{name}': {problem}", param=param, code=code)


@lru_cache(maxsize=256)
def _verdict(raw: bytes) -> str | None:
    schema = orjson.loads(raw)
    if schema.get("type") != "object":
        found = schema.get("type")
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{found}\"'."
    if "anyOf" in schema:
        return "In context=(), 'anyOf' is not permitted at the root."
    properties = 0
    for context, node in _nodes(schema, ()):
        problem = _problem(node)
        if problem:
            return f"In context={context}, {problem}"
        properties += len(node.get("properties", ()))
        if context.count("properties") > MAX_DEPTH:
            return f"{MAX_DEPTH} levels of nesting exceeded."
    if properties > MAX_PROPERTIES:
        return f"{properties} properties exceed the limit of {MAX_PROPERTIES}."
    return None


def _problem(node: dict[str, Any]) -> str | None:
    for keyword in NOT_PERMITTED:
        if keyword in node:
            return f"'{keyword}' is not permitted."
    if "properties" not in node and "object" not in _types(node):
        return None
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required = node.get("required")
    for key in node.get("properties", {}):
        if not isinstance(required, list) or key not in required:
            wanted = "'required' is required to be supplied and to be an array including every key in properties."
            return f"{wanted} Missing '{key}'."
    return None


def _types(node: dict[str, Any]) -> list[Any]:
    found = node.get("type")
    return found if isinstance(found, list) else [found]


def _nodes(node: Any, context: Context) -> Iterator[tuple[Context, dict[str, Any]]]:
    """Every schema inside ``node``, itself first, with the path OpenAI prints."""
    if not isinstance(node, dict):
        return
    yield context, node
    for group in ("properties", "$defs", "definitions"):
        for key, child in (node.get(group) or {}).items():
            yield from _nodes(child, (*context, group, key))
    yield from _nodes(node.get("items"), (*context, "items"))
    for index, child in enumerate(node.get("anyOf") or ()):
        yield from _nodes(child, (*context, "anyOf", str(index)))
