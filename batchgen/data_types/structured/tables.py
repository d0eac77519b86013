"""Accepted results as tables: CSV for people, Parquet with types for programs; the same rows as in results.jsonl."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types.contract import Outcome, Result
from batchgen.data_types.structured.facts import as_text, is_exact, is_int64
from batchgen.data_types.structured.fields import FieldSpec, FieldType

_GROUP = 5_000
"""Rows that are in memory at once, and in a row group."""


def write_tables(
    outcomes: Callable[[], Iterator[Outcome]], facts: Sequence[str], specs: Sequence[FieldSpec], folder: Path
) -> None:
    """Write results.csv and results.parquet: a row for each accepted record, its id, the facts, the fields.

    Facts are numbers in Parquet where all of them are, else text.
    """
    names = ["record_id", *facts, *(spec.name for spec in specs)]
    _write_csv((each for each in outcomes() if isinstance(each, Result)), names, folder / "results.csv")
    write_parquet(outcomes, facts, specs, folder / "results.parquet")


def write_parquet(
    outcomes: Callable[[], Iterator[Outcome]], facts: Sequence[str], specs: Sequence[FieldSpec], path: Path
) -> None:
    """Write the table for programs: a row for each accepted record, lists as lists, numbers as numbers."""
    kinds = {name: _kind(_values(outcomes, name)) for name in facts}
    _write_rows(outcomes, kinds, specs, path)


def fact_names(outcomes: Callable[[], Iterator[Outcome]], specs: Sequence[FieldSpec]) -> list[str]:
    """Return what accepted outputs hold beside the fields, as it is spelled, in the order in which it is met."""
    fields = {spec.name for spec in specs}
    found: dict[str, None] = {}
    for each in outcomes():
        if isinstance(each, Result):
            found.update(dict.fromkeys(name for name in each.output if name not in fields))
    return list(found)


def _values(outcomes: Callable[[], Iterator[Outcome]], name: str) -> Iterator[Any]:
    return (each.output.get(name) for each in outcomes() if isinstance(each, Result))


def _kind(values: Iterator[Any]) -> str:
    """Return int64, double, bool or string: what can hold all values of a fact as they are, nothing aside."""
    kinds = {"bool", "int64", "double"}
    is_there = False
    for value in values:
        if value is not None:
            is_there = True
            kinds &= _kinds_for(value)
    return next((kind for kind in ("bool", "int64", "double") if is_there and kind in kinds), "string")


def _kinds_for(value: Any) -> set[str]:
    match value:
        case bool():
            return {"bool"}
        case int():
            return {kind for kind, fits in (("int64", is_int64(value)), ("double", is_exact(value))) if fits}
        case float():
            return {"double"}
        case _:
            return set()


def _write_csv(results: Iterator[Result], names: list[str], path: Path) -> None:
    # With a byte order mark: without one Excel takes UTF-8 for the machine's old code page.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        for result in results:
            rows.writerow([result.record.record_id, *(cell(result.output.get(name)) for name in names[1:])])


def cell(value: Any) -> Any:
    """Return what stands in a cell: lists with one item a line, numbers without exponent."""
    if isinstance(value, list):
        return "\n".join(str(cell(each)) for each in value)
    if isinstance(value, dict):
        return f"{value['name']}: {value['value']}"
    return as_text(value) if isinstance(value, float) else value


def _write_rows(
    outcomes: Callable[[], Iterator[Outcome]], facts: dict[str, str], specs: Sequence[FieldSpec], path: Path
) -> None:
    import pyarrow as pa  # noqa: PLC0415 - 0.2 s and 60 MB, where tables are written alone
    import pyarrow.parquet as pq  # noqa: PLC0415

    types = {
        FieldType.TEXT: pa.string(),
        FieldType.LIST: pa.list_(pa.string()),
        FieldType.NUMBER: pa.float64(),
        FieldType.INTEGER: pa.int64(),
        FieldType.BOOLEAN: pa.bool_(),
        FieldType.ATTRIBUTES: pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())])),
    }
    columns = [pa.field("record_id", pa.string())]
    columns += [pa.field(name, pa.type_for_alias(kind)) for name, kind in facts.items()]
    columns += [pa.field(spec.name, types[spec.type]) for spec in specs]
    schema = pa.schema(columns)
    results = (each for each in outcomes() if isinstance(each, Result))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := list(islice(results, _GROUP)):
            arrays = [pa.array([row.record.record_id for row in rows], pa.string())]
            for column in columns[1:]:
                kind = facts.get(column.name)
                values = [row.output.get(column.name) for row in rows]
                values = [_as_fact(value, kind) for value in values] if kind is not None else values
                if column.type == pa.float64():
                    values = [None if value is None else float(value) for value in values]
                arrays.append(pa.array(values, column.type))
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _as_fact(value: Any, kind: str) -> Any:
    if value is None or kind != "string":
        return value
    return value if isinstance(value, str) else orjson.dumps(value).decode()
