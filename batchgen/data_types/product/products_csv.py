"""The accepted products as a CSV that spreadsheets open: for people; results.jsonl is for programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from batchgen.data_types.contract import Result
from batchgen.data_types.product.facts import DEFAULT_FACTS
from batchgen.data_types.product.options import ProductOptions
from batchgen.data_types.structured.tables import cell


def write_products(results: Iterable[Result], path: Path, options: ProductOptions) -> None:
    """Write a row for each result: its id, the facts, the fields; lists with one item a line."""
    facts = options.facts if options.facts is not None else DEFAULT_FACTS
    columns = [*facts, *(spec.name for spec in options.fields if spec.name not in facts)]
    # With a byte order mark: without one Excel takes UTF-8 for the machine's old code page.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["record_id", *columns])
        for result in results:
            rows.writerow([result.record.record_id, *cells(result.output, columns)])


def cells(output: dict[str, Any], columns: list[str]) -> list[Any]:
    """Return the output's values in the order of the columns; the default facts may be spelled in another case."""
    by_name = {name.lower(): value for name, value in output.items()} | output
    return [cell(by_name.get(column)) for column in columns]
