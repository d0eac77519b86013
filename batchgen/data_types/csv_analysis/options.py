"""Options of the data type `csv_analysis`: what to ask of each file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from batchgen.data_types.structured.language import language_code
from batchgen.data_types.structured.rules import as_object
from batchgen.data_types.tabular import TabularOptions


def as_questions(value: Any) -> Any:
    """Let one question be written as a text; several are a JSON list."""
    if isinstance(value, str):
        return as_object(value) if value.lstrip().startswith("[") else (value,)
    return value


def known_language(value: Any) -> Any:
    """Refuse a language that cannot be checked."""
    if isinstance(value, str):
        language_code(value)
    return value


class CsvAnalysisOptions(TabularOptions):
    """How a file is read, and what is asked."""

    questions: Annotated[tuple[str, ...], BeforeValidator(as_questions)] = Field(
        (), description="Questions to each file, one record each; without any, a general analysis."
    )
    language: Annotated[str | None, BeforeValidator(known_language)] = Field(
        None, description="Language to write in, by English name or code. Default: English."
    )
    sample_rows: int = Field(20, ge=0, le=200, description="Rows that are shown to the model beside the profile.")
    profile_time_s: float = Field(120.0, gt=0, le=3600, description="Seconds that the profile of a file may take.")
    max_output_tokens: int | None = Field(None, ge=1, description="Most tokens that an answer may have.")
