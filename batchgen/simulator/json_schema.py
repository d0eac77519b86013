"""Makes a value that satisfies a JSON schema, from what the prompt says where names and types allow it.

A property that the prompt's facts hold under the same name gets that very value, if it fits. The rest is filled by
type and by what the name suggests (``wording.py``).
"""

import math
from typing import Any

from batchgen.simulator.prompt_facts import PromptFacts, normal_key
from batchgen.simulator.schema_fit import fits
from batchgen.simulator.wording import Place, wording

DEEP = 6
USUAL_ITEMS = 3
MERGED = ("properties", "$defs")


class SchemaAnswer:
    """One answer to one prompt; the same prompt and schema always give the same."""

    def __init__(self, schema: dict[str, Any], facts: PromptFacts) -> None:
        self._root = schema
        self._facts = facts

    def value(self) -> Any:
        return self._value(self._root, Place())

    def _value(self, node: Any, place: Place) -> Any:
        if not isinstance(node, dict):
            return None
        node = self._resolved(node)
        if "const" in node:
            return node["const"]
        known = _NOTHING if place.is_pair else self._facts.values.get(normal_key(place.name), _NOTHING)
        if known is not _NOTHING and fits(known, node, self._root):
            return known
        if "enum" in node:
            return self._choice(node["enum"], place)
        branches = node.get("anyOf") or node.get("oneOf")
        if branches:
            return self._value(self._branch(branches, place), place)
        return self._typed(node, place)

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """``$ref`` followed and ``allOf`` merged."""
        while "$ref" in node:
            target: Any = self._root
            for step in node["$ref"].removeprefix("#").strip("/").split("/"):
                target = target[step] if step else target
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        for part in node.get("allOf", ()):
            extra = self._resolved(part)
            shared = {key: {**node.get(key, {}), **extra[key]} for key in MERGED if key in extra}
            required = [*node.get("required", ()), *extra.get("required", ())]
            node = {**extra, **node, **shared, "required": required}
        return node

    def _choice(self, options: list[Any], place: Place) -> Any:
        """A member that the prompt mentions, else any; null only where there is nothing else."""
        usable = [option for option in options if option is not None] or options
        said = self._facts.prompt.lower() if all(isinstance(option, str) for option in usable) else ""
        told = {value.lower() for _, value in self._facts.details}
        for option in usable:
            if isinstance(option, str) and option.lower() in told:
                return option
        mentioned = [option for option in usable if said and said.count(str(option).lower()) > 1]
        options = mentioned or usable
        return options[self._facts.below(len(options), place.path)]

    def _branch(self, branches: list[Any], place: Place) -> Any:
        resolved = [self._resolved(branch) for branch in branches]
        plain = [branch for branch in resolved if branch.get("type") != "null"]
        if len(plain) < len(resolved) and (place.depth > DEEP or not plain):
            return {"type": "null"}
        if place.depth > DEEP:  # a recursive schema: take the way that ends
            plain.sort(key=lambda branch: branch.get("type") in {"object", "array", None})
        return plain[0]

    def _typed(self, node: dict[str, Any], place: Place) -> Any:
        kind = _kind(node)
        if kind == "object":
            return self._object(node, place)
        if kind == "array":
            return self._array(node, place)
        if kind in {"integer", "number"}:
            return self._number(node, place, whole=kind == "integer")
        if kind == "boolean":
            return bool(self._facts.below(2, place.path))
        return None if kind == "null" else wording(node, place, self._facts)

    def _object(self, node: dict[str, Any], place: Place) -> dict[str, Any]:
        properties = node.get("properties", {})
        required = node.get("required", properties)
        wanted = [name for name in properties if name in required or place.depth <= DEEP]
        return {name: self._value(properties[name], place.inside(name, siblings=properties)) for name in wanted}

    def _array(self, node: dict[str, Any], place: Place) -> list[Any]:
        least = node.get("minItems", 0)
        usual = least if place.depth > DEEP else USUAL_ITEMS + self._facts.below(3, place.path)
        length = min(max(least, usual), node.get("maxItems", max(least, usual)))
        prefix = node.get("prefixItems", [])
        made = []
        for index in range(length):
            schema = prefix[index] if index < len(prefix) else node.get("items", {"type": "string"})
            made.append(self._value(schema, place.item(index)))
        return made

    def _number(self, node: dict[str, Any], place: Place, *, whole: bool) -> float:
        step = node.get("multipleOf") or (1 if whole else 0.01)
        low, high = _bounds(node, step)
        least, most = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        chosen = (least + self._facts.below(max(1, most - least + 1), place.path)) * step
        if whole:
            return int(chosen)
        rounded = round(chosen, 6)
        return rounded if low <= rounded <= high else low


def _kind(node: dict[str, Any]) -> str:
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in node else "array" if "items" in node else "string"
    return str(kind)


def _bounds(node: dict[str, Any], step: float) -> tuple[float, float]:
    low, high = node.get("minimum"), node.get("maximum")
    if "exclusiveMinimum" in node:
        low = max(node["exclusiveMinimum"] + step, -math.inf if low is None else low)
    if "exclusiveMaximum" in node:
        high = min(node["exclusiveMaximum"] - step, math.inf if high is None else high)
    if low is None:
        low = min(0, high - 100) if high is not None else 0
    return low, low + 100 if high is None else high


_NOTHING = object()
