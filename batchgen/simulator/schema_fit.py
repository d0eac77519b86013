"""Whether a value fits a JSON schema: only what the simulator needs to echo a fact, and cheap."""

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def fits(value: Any, node: Any, root: dict[str, Any]) -> bool:
    if not isinstance(node, dict):
        return node is not False
    if "$ref" in node:
        return fits(value, _referred(node["$ref"], root), root)
    return _chosen(value, node, root) and _typed(value, node) and _within(value, node) and _holds(value, node, root)


def _referred(reference: str, root: dict[str, Any]) -> Any:
    target: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        target = target[step] if step else target
    return target


def _chosen(value: Any, node: dict[str, Any], root: dict[str, Any]) -> bool:
    """``const``, ``enum`` and ``anyOf``."""
    if "const" in node and value != node["const"]:
        return False
    if "enum" in node and value not in node["enum"]:
        return False
    branches = node.get("anyOf") or node.get("oneOf")
    return not branches or any(fits(value, branch, root) for branch in branches)


def _typed(value: Any, node: dict[str, Any]) -> bool:
    kinds = node.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return not kinds or any(_is(value, kind) for kind in kinds)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES.get(kind, (object,)))


def _within(value: Any, node: dict[str, Any]) -> bool:
    """Lengths, bounds and patterns."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, str):
        longest = node.get("maxLength", len(value))
        return (
            node.get("minLength", 0) <= len(value) <= longest and re.search(node.get("pattern", ""), value) is not None
        )
    if isinstance(value, int | float):
        step = node.get("multipleOf")
        if step is not None and value % step:
            return False
        low, high = node.get("minimum", value), node.get("maximum", value)
        return bool(low <= value <= high) and node.get("exclusiveMinimum", value - 1) < value < node.get(
            "exclusiveMaximum", value + 1
        )
    if isinstance(value, list):
        return bool(node.get("minItems", 0) <= len(value) <= node.get("maxItems", len(value)))
    return True


def _holds(value: Any, node: dict[str, Any], root: dict[str, Any]) -> bool:
    """What is inside a list or an object fits too."""
    if isinstance(value, list):
        return all(fits(item, node.get("items", {}), root) for item in value)
    if not isinstance(value, dict):
        return True
    properties = node.get("properties", {})
    if node.get("additionalProperties") is False and not set(value) <= set(properties):
        return False
    if not set(node.get("required", ())) <= set(value):
        return False
    return all(fits(item, properties.get(key, {}), root) for key, item in value.items())
