"""Which texts of products are held against each other, and what makes two products variants."""

from __future__ import annotations

from batchgen.data_types.product.options import ProductOptions
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec
from batchgen.data_types.structured.fields import FieldType

COMPARED = ("title", "short_description", "description")


def compared_texts(options: ProductOptions) -> DuplicateSpec | None:
    """Return the option with what it leaves open: title and descriptions, attributes as guards; None: nothing."""
    spec = options.duplicates
    fields = spec.fields or tuple(each.name for each in options.fields if each.name in COMPARED)
    guards = spec.guards or tuple(each.name for each in options.fields if each.type is FieldType.ATTRIBUTES)
    return spec.model_copy(update={"fields": fields, "guards": guards}).over(options.fields)
