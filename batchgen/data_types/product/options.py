"""Options of the data type `product`: what to write, in which voice, and what must not change."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

from batchgen.data_types.product.fields import DEFAULT_FIELDS, KNOWN_FIELDS, as_field
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec
from batchgen.data_types.structured.fields import FieldSpec, each_once, free_name
from batchgen.data_types.structured.rules import Rules, as_object
from batchgen.data_types.tabular import TabularOptions


def as_list(value: Any) -> Any:
    """Let a list be written on a command line: as JSON, or its items parted by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"it is not JSON ({error.msg})") from None
    return [item.strip() for item in value.split(",") if item.strip()]


class ProductOptions(TabularOptions):
    """What to write for each product."""

    fields: Annotated[
        tuple[Annotated[FieldSpec, BeforeValidator(as_field)], ...], BeforeValidator(as_list), AfterValidator(each_once)
    ] = Field(
        default=tuple(KNOWN_FIELDS[name] for name in DEFAULT_FIELDS),
        min_length=1,
        description="Output fields: names of known ones, or objects with name, type, description, max_length, ….",
    )
    facts: Annotated[tuple[Annotated[str, AfterValidator(free_name)], ...] | None, BeforeValidator(as_list)] = Field(
        None,
        description="Columns whose values must come back unchanged. Default: those of sku, price, brand there are.",
    )
    rules: Annotated[Rules, BeforeValidator(as_object)] = Field(
        Rules(), description="What texts must hold and must not: forbidden, numbers_from_source, mentions, not_copied."
    )
    duplicates: DuplicateSpec = Field(
        DuplicateSpec(),
        description="What is done with products whose texts are nearly the same: report, refuse, ignore; or an object.",
    )
    language: str | None = Field(
        None, description="Language to write in, for example Korean. Default: that of the product's own texts."
    )
    tone: str | None = Field(None, description="Voice of the texts, for example sober, or playful.")
    instructions: str | None = Field(None, description="More to tell the model, in your own words.")
    max_output_tokens: int | None = Field(None, ge=1, description="Most tokens that an answer may have.")
