"""Options of the data type `prompt`: values for the rows that do not bring their own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from batchgen.data_types.json_schema import as_schema
from batchgen.data_types.tabular import TabularOptions


class PromptOptions(TabularOptions):
    """What holds for every row without a value of its own."""

    # `schema` is a method of pydantic's models: the field has another name and is read and written by its alias.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    answer_schema: Annotated[dict[str, Any] | None, BeforeValidator(as_schema)] = Field(
        None, alias="schema", description="JSON schema that every answer must satisfy."
    )
    system: str | None = Field(None, description="System message of every prompt.")
    max_output_tokens: int | None = Field(None, ge=1, description="Most tokens that an answer may have.")
