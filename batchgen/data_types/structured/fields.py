"""An output field: its type, its limits, what the model is told of it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from batchgen.data_types.structured.language import language_code

RECORD_ID = "record_id"
"""The first column of every table of results."""


class FieldType(StrEnum):
    """The kinds of value a field can have."""

    TEXT = "text"
    LIST = "list"
    """Several texts."""
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ATTRIBUTES = "attributes"
    """Pairs of name and value: OpenAI's strict schemas have no objects with free keys."""


def free_name(name: str) -> str:
    """Return the name of a field or a fact; raises ValueError for one that tables could not have."""
    if name == RECORD_ID:
        raise ValueError(f"{RECORD_ID} is the column of the record's own id in the tables; choose another name")
    if not name.strip() or any(unicodedata.category(each) in {"Cc", "Cs"} for each in name):
        raise ValueError(f"{name!r} cannot be the name of a field: it is blank, or holds a control character")
    return name


class FieldSpec(BaseModel):
    """One field of the output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(free_name)] = Field(min_length=1, max_length=64)
    type: FieldType = FieldType.TEXT
    description: str = ""
    """Tells the model what belongs into the field."""
    max_length: int | None = Field(None, ge=1)
    """Most characters of a text, or of each text of a list."""
    min_length: int | None = Field(None, ge=1)
    """Least characters of a text, or of each text of a list."""
    max_items: int | None = Field(None, ge=1)
    """Most items of a list."""
    min_items: int | None = Field(None, ge=1)
    """Least items of a list."""
    language: str | None = None
    """Language of the text, by its ISO 639-1 code or its English name."""
    choices: tuple[str, ...] | None = Field(None, min_length=1)
    """The only texts allowed."""
    required: bool = True
    """False: null is allowed, and nothing written is no fault."""

    @model_validator(mode="after")
    def limits_fit_the_type(self) -> Self:
        """Refuse a limit that could not hold for this type."""
        texts = self.type in {FieldType.TEXT, FieldType.LIST}
        lists = self.type in {FieldType.LIST, FieldType.ATTRIBUTES}
        limits = {"max_length": texts, "min_length": texts, "choices": texts, "language": texts}
        for limit, fits in (limits | {"max_items": lists, "min_items": lists}).items():
            if getattr(self, limit) is not None and not fits:
                raise ValueError(f"{limit} has no meaning for the type {self.type}")
        for least, most in ((self.min_length, self.max_length), (self.min_items, self.max_items)):
            if least is not None and most is not None and least > most:
                raise ValueError(f"at least {least} and at most {most} contradict each other")
        if self.language is not None:
            language_code(self.language)
        return self

    @property
    def guidance(self) -> str:
        """The description with the limits: strict schemas do not carry lengths, so the model is told in words."""
        each = " each" if self.type is FieldType.LIST else ""
        bounds = (
            (self.min_items, self.max_items, "items"),
            (self.min_length, self.max_length, f"characters{each}"),
        )
        limits = [_in_words(least, most, what) for least, most, what in bounds if least or most]
        if self.language is not None:
            limits.append(f"in {self.language}")
        return " ".join(filter(None, (self.description, f"({', '.join(limits)})" if limits else "")))


def _in_words(least: int | None, most: int | None, what: str) -> str:
    if least is None:
        return f"at most {most} {what}"
    return f"at least {least} {what}" if most is None else f"{least} to {most} {what}"


def each_once(fields: tuple[FieldSpec, ...]) -> tuple[FieldSpec, ...]:
    """Refuse two fields of one name; raises ValueError."""
    for name, times in Counter(field.name for field in fields).items():
        if times > 1:
            raise ValueError(f"the field {name!r} is named twice")
    return fields
