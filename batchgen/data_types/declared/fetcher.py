"""Reads rows for a declared type: the required columns must be there, and the prompt must be renderable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batchgen.data_types.contract import BadRow, DataFetcherStrategy, Record
from batchgen.data_types.declared.generator import PromptTemplate
from batchgen.data_types.declared.options import DeclaredOptions
from batchgen.data_types.tabular import RowProblem, is_missing, records
from batchgen.sources.opened import OpenedSource


class DeclaredFetcher(DataFetcherStrategy[DeclaredOptions]):
    """One record a row, with all its columns."""

    def fetch(self, source: OpenedSource, options: DeclaredOptions) -> Iterator[Record | BadRow]:
        """Yield a record for each row that the prompt can be made from."""
        declaration = options.declaration
        template = PromptTemplate(declaration.prompt)

        def pick(values: dict[str, Any]) -> dict[str, Any]:
            if all(map(is_missing, values.values())):
                raise RowProblem("every cell is empty")
            for name in declaration.unchanged:
                if isinstance(values.get(name), dict | list):
                    raise RowProblem(f"{name}: what must stay unchanged is a single value, not a list or an object")
            template.render(values)
            return values

        required = declaration.required_columns()
        return records(source, options, pick, names=required, required=required)
