"""What data types over tables share: the options of reading, the id of a record, and rows turned into records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from batchgen.data_types.contract import BadRow, Record, TypeOptions
from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource
from batchgen.sources.rows import BadLine, rows

ID_COLUMNS = ("id", "sku")
TABS = {"\\t", "tab"}


def known_encoding(value: Any) -> Any:
    """Refuse an encoding that Python cannot read text in."""
    if isinstance(value, str):
        try:
            "".encode(value)
        except (LookupError, ValueError):
            raise ValueError(f"there is no text encoding {value!r}") from None
    return value


def one_delimiter(value: Any) -> Any:
    """Let a tab be written as a shell lets it be, and refuse what cannot separate cells."""
    if value in TABS:
        return "\t"
    if isinstance(value, str) and (len(value) != 1 or value in '"\r\n\0'):
        raise ValueError("a delimiter is one character, and no quote or line end")
    return value


class TabularOptions(TypeOptions):
    """How a table is read; every data type over tables has these options."""

    encoding: Annotated[str | None, BeforeValidator(known_encoding)] = Field(
        None, description="Encoding of a CSV or JSONL source, for example cp1252 or utf-16. Default: UTF-8."
    )
    delimiter: Annotated[str | None, BeforeValidator(one_delimiter)] = Field(
        None, description="What separates the cells of a CSV. Default: comma, in .tsv tab."
    )
    id_column: str | None = Field(
        None, description="Column whose value becomes the record id. Default: id, else sku, else the row number."
    )


class RowProblem(Exception):
    """Why a row cannot be a record."""


PickData = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a row's values, gives the record's data; raises RowProblem."""


def records(
    source: OpenedSource,
    options: TabularOptions,
    pick: PickData,
    *,
    names: Sequence[str] = (),
    required: Sequence[str] = (),
) -> Iterator[Record | BadRow]:
    """Yield a record, or a bad row, for each row of the source.

    `names` are the columns that `pick` looks up: they reach it in this spelling, whatever case the source has.
    `required` ones must be in the first row, else SourceUnreadable names those that are there.
    """
    columns: tuple[str, ...] | None = None
    id_column: str | None = None
    renamed: dict[str, str] = {}
    for row in rows(source, encoding=options.encoding, delimiter=options.delimiter):
        if isinstance(row, BadLine):
            yield BadRow(str(row.number), row.place, row.problem)
            continue
        values = row.values
        found = tuple(values)
        if found != columns:  # once in a CSV; in JSON lines each row may have its own keys
            if columns is None:
                check_required(source, row.place, found, [*required, options.id_column or ""])
            columns, id_column, renamed = found, find_id_column(found, options), renames(found, names)
        record_id = (id_column is not None and as_id(values[id_column])) or str(row.number)
        if renamed:
            values = {renamed.get(name, name): value for name, value in values.items()}
        try:
            data = pick(values)
        except RowProblem as problem:
            yield BadRow(record_id, row.place, str(problem))
        else:
            yield Record(record_id, data)


def find_column(columns: Sequence[str], name: str) -> str | None:
    """Return the column of this name: spelled so, else in another case."""
    if name in columns:
        return name
    return next((column for column in columns if column.lower() == name.lower()), None)


def find_id_column(columns: Sequence[str], options: TabularOptions) -> str | None:
    """Return the column that holds the record id, if there is one."""
    names = [options.id_column] if options.id_column else ID_COLUMNS
    return next((column for name in names if (column := find_column(columns, name)) is not None), None)


def as_id(value: Any) -> str:
    """Return the value as an id, or nothing where it cannot be one."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def renames(columns: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Map columns that differ from a name only by case to that name."""
    found = ((find_column(columns, name), name) for name in names)
    return {column: name for column, name in found if column is not None and column != name}


def check_required(source: OpenedSource, place: str, columns: Sequence[str], required: Sequence[str]) -> None:
    """Refuse a source that lacks a column it was said to have."""
    for name in required:
        if name and find_column(columns, name) is None:
            problem = f"it has no column {name!r} (at {place})"
            advice = f"Its columns: {', '.join(columns)}."
            raise SourceUnreadable(source=source.location, problem=problem, advice=advice)


def is_missing(value: Any) -> bool:
    """Tell whether a cell holds nothing: null, or text of blanks only."""
    return value is None or (isinstance(value, str) and not value.strip())
