"""OpenAI's strict JSON schemas from pydantic models.

Strict mode wants every property required and no others allowed, and refuses what it does not know, lengths among it
(https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

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
