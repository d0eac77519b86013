"""OpenAI's strict JSON schemas from pydantic models.

Strict mode wants every property required and no others allowed, and refuses what it does not know, lengths among it
(https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

_NOT_PERMITTED = (
    "allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties",
    "propertyNames", "minProperties", "maxProperties", "unevaluatedItems", "unevaluatedProperties", "contains",
    "uniqueItems",
)  # fmt: skip
_MOST_LEVELS = 10
_MOST_PROPERTIES = 5_000
KEPT = ("type", "description", "enum", "const", "required", "additionalProperties")


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the model's schema with only what strict mode knows, references written out.

    The model forbids extra fields and gives no defaults; models that refer to themselves are not supported.
    """
    whole = model.model_json_schema(by_alias=True)
    return strict_node(whole, whole.get("$defs", {}))


def strict_node(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return one node of the schema and those below it."""
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    strict = {key: node[key] for key in KEPT if key in node}
    if "properties" in node:
        strict["properties"] = {name: strict_node(below, definitions) for name, below in node["properties"].items()}
    if "items" in node:
        strict["items"] = strict_node(node["items"], definitions)
    if "anyOf" in node:
        strict["anyOf"] = [strict_node(below, definitions) for below in node["anyOf"]]
    return strict


def strict_problem(schema: dict[str, Any]) -> str | None:
    """Say why OpenAI would refuse a schema in strict mode, and where in it; None where it would take it."""
    if schema.get("type") != "object":
        return "at the top: its type must be object"
    if "anyOf" in schema:
        return "at the top: anyOf is not permitted there"
    properties = 0
    for place, node in _nodes(schema):
        problem = _problem(node)
        if problem is not None:
            return f"at {'.'.join(place) or 'the top'}: {problem}"
        properties += len(node.get("properties") or ())
        if place.count("properties") > _MOST_LEVELS:
            return f"it is nested deeper than {_MOST_LEVELS} levels"
    return f"it has more than {_MOST_PROPERTIES:,} properties" if properties > _MOST_PROPERTIES else None


def _problem(node: dict[str, Any]) -> str | None:
    unknown = next((word for word in _NOT_PERMITTED if word in node), None)
    if unknown is not None:
        return f"{unknown} is not permitted"
    kinds = node.get("type")
    if "properties" not in node and "object" not in (kinds if isinstance(kinds, list) else [kinds]):
        return None
    if node.get("additionalProperties") is not False:
        return "additionalProperties must be false"
    required = node.get("required")
    missing = [name for name in node.get("properties") or () if not isinstance(required, list) or name not in required]
    return f"every property must stand in required, and {missing[0]!r} does not" if missing else None


def _nodes(schema: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every schema inside a schema with its place, itself first."""
    pending: list[tuple[tuple[str, ...], Any]] = [((), schema)]
    while pending:
        place, node = pending.pop()
        if not isinstance(node, dict):
            continue
        yield place, node
        for group in ("$defs", "definitions", "properties"):
            children = node.get(group)
            if isinstance(children, dict):
                pending.extend(((*place, group, name), child) for name, child in reversed(children.items()))
        pending.append(((*place, "items"), node.get("items")))
        choices = node.get("anyOf")
        if isinstance(choices, list):
            pending.extend(((*place, "anyOf", str(at)), child) for at, child in enumerate(choices))
