"""Reads products: every column that holds something, and the facts even where they hold nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batchgen.data_types.contract import BadRow, DataFetcherStrategy, Record
from batchgen.data_types.product.facts import fact_columns
from batchgen.data_types.product.options import ProductOptions
from batchgen.data_types.tabular import RowProblem, is_missing, records
from batchgen.sources.opened import OpenedSource


class ProductFetcher(DataFetcherStrategy[ProductOptions]):
    """One product a row; any columns."""

    def fetch(self, source: OpenedSource, options: ProductOptions) -> Iterator[Record | BadRow]:
        """Yield a record for each row; facts that the options name must be columns of the source."""

        def pick(values: dict[str, Any]) -> dict[str, Any]:
            return product_of(values, fact_columns(options, values))

        named = options.facts or ()
        return records(source, options, pick, names=named, required=named)


def product_of(values: dict[str, Any], facts: tuple[str, ...]) -> dict[str, Any]:
    """Return the cells that hold something, and each fact, null where it is missing."""
    product = {name: value for name, value in values.items() if not is_missing(value)}
    if not product:
        raise RowProblem("every cell is empty")
    for name in facts:
        if isinstance(product.setdefault(name, None), dict | list):
            raise RowProblem(f"{name}: a fact is a single value, not a list or an object")
    return product
