"""What can be written for a product: the fields that are known by name, and the form of one's own."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


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


class FieldSpec(BaseModel):
    """One field of the output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    type: FieldType = FieldType.TEXT
    description: str = ""
    """Tells the model what belongs into the field."""
    max_length: int | None = Field(None, ge=1)
    """Most characters of a text, or of each text of a list."""
    max_items: int | None = Field(None, ge=1)
    """Most items of a list."""
    choices: tuple[str, ...] | None = Field(None, min_length=1)
    """The only texts allowed."""
    required: bool = True
    """False: null is allowed, and nothing written is no fault."""

    @model_validator(mode="after")
    def limits_fit_the_type(self) -> Self:
        """Refuse a limit that could not hold for this type."""
        texts = self.type in {FieldType.TEXT, FieldType.LIST}
        lists = self.type in {FieldType.LIST, FieldType.ATTRIBUTES}
        for limit, fits in (("max_length", texts), ("choices", texts), ("max_items", lists)):
            if getattr(self, limit) is not None and not fits:
                raise ValueError(f"{limit} has no meaning for the type {self.type}")
        return self

    @property
    def guidance(self) -> str:
        """The description with the limits: strict schemas do not carry lengths, so the model is told in words."""
        limits = []
        if self.max_items is not None:
            limits.append(f"at most {self.max_items} items")
        if self.max_length is not None:
            each = " each" if self.type is FieldType.LIST else ""
            limits.append(f"at most {self.max_length} characters{each}")
        return " ".join(filter(None, (self.description, f"({', '.join(limits)})" if limits else "")))


KNOWN_FIELDS = {
    spec.name: spec
    for spec in (
        FieldSpec(name="title", description="Name of the product as a shop shows it.", max_length=150),
        FieldSpec(name="description", description="Two to four sentences for the product page.", max_length=2_000),
        FieldSpec(name="short_description", description="One sentence for lists and previews.", max_length=300),
        FieldSpec(
            name="bullet_points",
            type=FieldType.LIST,
            description="Three to five short selling points.",
            max_length=300,
            max_items=10,
        ),
        FieldSpec(name="category", description="Path of the category, from broad to narrow, parted by ' > '."),
        FieldSpec(
            name="attributes",
            type=FieldType.ATTRIBUTES,
            description="Properties that the facts state, such as color, material or size.",
            max_items=50,
        ),
        FieldSpec(
            name="seo_keywords",
            type=FieldType.LIST,
            description="Words and phrases that buyers search for.",
            max_length=80,
            max_items=20,
        ),
        FieldSpec(name="seo_title", description="Title for search engines.", max_length=70),
        FieldSpec(name="meta_description", description="Summary for search engines.", max_length=200),
    )
}
DEFAULT_FIELDS = ("title", "description", "bullet_points", "category", "attributes", "seo_keywords")


def as_field(value: Any) -> Any:
    """Return the known field of this name; what is no name is left to be checked as a spec."""
    if not isinstance(value, str):
        return value
    try:
        return KNOWN_FIELDS[value.strip()]
    except KeyError:
        known = ", ".join(KNOWN_FIELDS)
        raise ValueError(f"there is no field {value!r}; known: {known}; or give its name, type, description") from None
