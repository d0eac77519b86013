"""The form of an answer: one pydantic model per set of facts, which judges, and its strict JSON schema, which asks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from batchgen.data_types.strict_schema import strict_problem, strict_schema
from batchgen.data_types.structured.facts import Fact, is_exact
from batchgen.data_types.structured.fields import FieldSpec, FieldType

ANSWER_CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
NAMED_ERRORS = 5


class Attribute(BaseModel):
    """One property of a product."""

    model_config = ANSWER_CONFIG

    name: str
    value: str


class AnswerForm:
    """Facts and fields as a model and as a schema."""

    def __init__(self, facts: tuple[str, ...], specs: tuple[FieldSpec, ...]) -> None:
        self.facts = facts
        self.specs = tuple(spec for spec in specs if spec.name not in facts)
        # The names are aliases: a column may have a name that Python does not allow, or that pydantic uses itself.
        definitions: dict[str, Any] = {
            f"field_{position}": (type_, Field(alias=name, description=description))
            for position, (name, type_, description) in enumerate(self._definitions())
        }
        self.model: type[BaseModel] = create_model("ProductAnswer", __config__=ANSWER_CONFIG, **definitions)
        self.schema = strict_schema(self.model)
        problem = strict_problem(self.schema)
        if problem is not None:
            raise ValueError(f"OpenAI would refuse the schema of the fields: {problem}")

    def _definitions(self) -> list[tuple[str, Any, str]]:
        facts = [(name, Fact, "Copied unchanged; null where the product has none.") for name in self.facts]
        return [*facts, *((spec.name, type_of(spec), spec.guidance) for spec in self.specs)]

    def parse(self, text: str) -> dict[str, Any]:
        """Return the answer's values by name; raises orjson's JSONDecodeError and pydantic's ValidationError."""
        # Not pydantic's own parser: it takes NaN, and integers that cannot be written as JSON again.
        answer = orjson.loads(text)
        self.model.model_validate(answer)
        return {name: answer[name] for name in self.schema["properties"]}


def type_of(spec: FieldSpec) -> Any:
    """Return the Python type of a field's values."""
    text: Any = Annotated[str, Field(max_length=spec.max_length)]
    if spec.choices is not None:
        text = Literal[spec.choices]
    types: dict[FieldType, Any] = {
        FieldType.TEXT: text,
        FieldType.LIST: Annotated[list[text], Field(max_length=spec.max_items)],
        FieldType.NUMBER: Annotated[float, BeforeValidator(_as_it_is)],
        FieldType.INTEGER: Annotated[int, Field(ge=-(2**63), lt=2**63)],
        FieldType.BOOLEAN: bool,
        FieldType.ATTRIBUTES: Annotated[list[Attribute], Field(max_length=spec.max_items)],
    }
    return types[spec.type] if spec.required else types[spec.type] | None


def _as_it_is(value: Any) -> Any:
    """Refuse a whole number that no table could hold as a number."""
    if isinstance(value, int) and not isinstance(value, bool) and not is_exact(value):
        raise ValueError("it has more digits than a number can hold")
    return value


def in_words(error: ValidationError) -> str:
    """Name the fields that break the schema, and how."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    named = [": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in found[:NAMED_ERRORS]]
    more = f"; and {len(found) - NAMED_ERRORS} more" if len(found) > NAMED_ERRORS else ""
    return "; ".join(named) + more
