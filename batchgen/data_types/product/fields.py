"""What can be written for a product: the fields that are known by name."""

from __future__ import annotations

from typing import Any

from batchgen.data_types.structured.fields import FieldSpec, FieldType

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
