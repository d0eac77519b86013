"""Types of the flows' parameters, as the forms in the Prefect UI show them.

What may be left out is "" (a text), {} or []: a form then has one field and no switch for None. A number has no such
value: it has a switch, whose two sides say what they mean. Calls from Python may give None for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from batchgen.data_types import DATA_TYPES
from batchgen.data_types.declared.declaration import declared_names
from batchgen.errors import InvalidSetting
from batchgen.settings import Settings
from batchgen.stages.intake import JOB_NAME


def either(schema: dict[str, Any], title: str, otherwise: str) -> WithJsonSchema:
    """A value or None, with a title for each side of the switch."""
    return WithJsonSchema({"anyOf": [{**schema, "title": title}, {"type": "null", "title": otherwise}]})


def _number(minimum: int, otherwise: str) -> WithJsonSchema:
    return either({"type": "integer", "minimum": minimum}, "number", otherwise)


class _KnownTypes:
    """Makes a menu of the data types there are when the flow is deployed: batchgen's own, and declared ones."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        with suppress(InvalidSetting):
            schema["enum"] = [*DATA_TYPES, *declared_names(Settings.load().types_dir)]
        return schema


DataTypeName = Annotated[str, _KnownTypes()]
JobName = Annotated[str | None, WithJsonSchema({"type": "string", "pattern": f"^({JOB_NAME.pattern})?$"})]
Text = Annotated[str | None, WithJsonSchema({"type": "string"})]
Limit = Annotated[int | None, Field(ge=1), _number(1, "all")]
MaxRetries = Annotated[int | None, Field(ge=0), _number(0, "the type's own")]
MaxOutputTokens = Annotated[int | None, Field(ge=1), _number(1, "as the type and the record say")]
MaxCost = Annotated[
    Decimal | None, Field(gt=0), either({"type": "number", "exclusiveMinimum": 0}, "US dollars", "no cap")
]
IterationNumber = Annotated[int | None, Field(ge=1), _number(1, "the present one")]
Options = Annotated[dict[str, Any] | None, WithJsonSchema({"type": "object", "additionalProperties": True})]
RecordIds = Annotated[Sequence[str] | None, WithJsonSchema({"type": "array", "items": {"type": "string"}})]
