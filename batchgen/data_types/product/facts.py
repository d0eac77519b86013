"""Which columns of a product hold facts."""

from __future__ import annotations

from collections.abc import Iterable

from batchgen.data_types.product.options import ProductOptions

DEFAULT_FACTS = ("sku", "price", "brand")


def fact_columns(options: ProductOptions, columns: Iterable[str]) -> tuple[str, ...]:
    """Return which of the columns hold facts."""
    if options.facts is not None:
        return options.facts
    return tuple(column for column in columns if column.lower() in DEFAULT_FACTS)
