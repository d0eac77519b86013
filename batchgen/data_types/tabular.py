"""What data types over tables share: the options of reading, the id of a record, and rows turned into records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from batchgen.data_types.contract import BadRow, Record, TypeOptions
from batchgen.data_types.row_filter import NotComparable, changed_since, check_expression, holds, moment
from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource
from batchgen.sources.rows import BadLine, Row, rows

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


def one_quote(value: Any) -> Any:
    """Refuse what cells cannot stand in."""
    if isinstance(value, str) and (len(value) != 1 or value.isalnum() or value in "\r\n\0 "):
        raise ValueError("a quote is one character, and no letter, digit, blank or line end")
    return value


def as_mapping(value: Any) -> Any:
    """Let a mapping be written on a command line: `name=Product title,price=Preis`."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() and source.strip() for name, _, source in pairs):
        raise ValueError("write name=source column, several with commas between")
    return {name.strip(): source.strip() for name, _, source in pairs}


def checked_where(value: str | None) -> str | None:
    """Refuse what is no expression."""
    return None if value is None else check_expression(value)


def checked_since(value: str | None) -> str | None:
    """Refuse what is no date or time."""
    if value is not None:
        try:
            moment(value)
        except ValueError:
            raise ValueError(f"{value!r} is no date or time; write 2026-11-21 or 2026-11-21T09:30:00+00:00") from None
    return value


class TabularOptions(TypeOptions):
    """How a table is read; every data type over tables has these options."""

    encoding: Annotated[str | None, BeforeValidator(known_encoding)] = Field(
        None,
        description="Encoding of a CSV or JSONL source, for example cp1252. Default: UTF-8, or what the file shows.",
    )
    delimiter: Annotated[str | None, BeforeValidator(one_delimiter)] = Field(
        None, description="What separates the cells of a CSV. Default: as the file shows."
    )
    quote: Annotated[str | None, BeforeValidator(one_quote)] = Field(
        None, description="What a cell of a CSV stands in where it holds the delimiter. Default: as the file shows."
    )
    query: str | None = Field(None, description="What to read of a database: SELECT …, or the name of a table.")
    columns: Annotated[dict[str, str], BeforeValidator(as_mapping)] = Field(
        default_factory=dict,
        description="Columns under other names: name=source column, several with commas between, or a JSON object.",
    )
    where: Annotated[str | None, AfterValidator(checked_where)] = Field(
        None, description="Only rows of which this expression is true, for example: price|float > 10 and brand == 'A'"
    )
    since: Annotated[str | None, AfterValidator(checked_since)] = Field(
        None, description="Only rows that changed after this date or time (ISO 8601)."
    )
    since_column: str = Field("updated_at", description="Column that says when a row changed.")
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
    for row in _rows(source, options):
        if isinstance(row, BadLine):
            yield BadRow(str(row.number), row.place, row.problem)
            continue
        values = row.values
        found = tuple(values)
        if found != columns:  # once in a CSV; in JSON lines each row may have its own keys
            if columns is None:
                check_required(source, row.place, found, [*required, options.id_column or "", *_used(options)])
            columns, id_column, renamed = found, find_id_column(found, options), renames(found, names)
        record_id = (id_column is not None and as_id(values[id_column])) or str(row.number)
        if renamed:
            values = {renamed.get(name, name): value for name, value in values.items()}
        try:
            if not _is_taken(values, options):
                continue
            data = pick(values)
        except (RowProblem, NotComparable) as problem:
            yield BadRow(record_id, row.place, str(problem))
        else:
            yield Record(record_id, data)


def _rows(source: OpenedSource, options: TabularOptions) -> Iterator[Row | BadLine]:
    """Yield the rows under the names that the options give their columns."""
    found = rows(
        source, encoding=options.encoding, delimiter=options.delimiter, quote=options.quote, query=options.query
    )
    if not options.columns:
        return found
    return _renamed(source, found, options.columns)


def _renamed(source: OpenedSource, found: Iterator[Row | BadLine], wanted: dict[str, str]) -> Iterator[Row | BadLine]:
    columns: tuple[str, ...] | None = None
    pairs: list[tuple[str, str]] = []
    for row in found:
        if isinstance(row, BadLine):
            yield row
            continue
        if tuple(row.values) != columns:
            if columns is None:
                check_required(source, row.place, tuple(row.values), list(wanted.values()))
            columns = tuple(row.values)
            pairs = _new_names(columns, wanted)
        yield replace(row, values={name: row.values[column] for name, column in pairs})


def _new_names(columns: tuple[str, ...], wanted: dict[str, str]) -> list[tuple[str, str]]:
    """Return each column with its name: one may get several, and one whose name another gets is left out."""
    sources = {name: find_column(columns, source_name) for name, source_name in wanted.items()}
    given = [(name, column) for name, column in sources.items() if column is not None]
    kept = set(columns).difference(wanted, sources.values())
    return [*given, *((column, column) for column in columns if column in kept)]


def _used(options: TabularOptions) -> list[str]:
    return [options.since_column] if options.since is not None else []


def _is_taken(values: dict[str, Any], options: TabularOptions) -> bool:
    """Tell whether a row is wanted; raises NotComparable where that cannot be told."""
    if options.since is not None:
        column = find_column(tuple(values), options.since_column)
        if column is None or is_missing(values[column]) or not changed_since(options.since, values[column]):
            return False
    return options.where is None or holds(options.where, values)


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
