"""Rows of a database: a query is read through a cursor of the server, a thousand rows at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from batchgen.errors import MissingPackage, SourceNotFound, SourceUnreadable, Unavailable
from batchgen.sources.opened import OpenedSource
from batchgen.sources.row import Row

SCHEMES = ("sqlite", "postgresql", "mysql", "mariadb", "mssql", "oracle")
_ROWS = 1_000


def is_database(location: str) -> bool:
    """Tell whether an address is a SQLAlchemy URL of a database that is known."""
    return location.partition("://")[0].partition("+")[0].lower() in SCHEMES and "://" in location


def opened_database(location: str) -> OpenedSource:
    """Return the source behind a SQLAlchemy URL; its password stands in no message. Raises SourceNotFound."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - 0.2 s, database sources alone need it
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        url = make_url(location)
    except ArgumentError:
        raise SourceNotFound(source="the database", problem="its URL cannot be read") from None
    return OpenedSource.of_database(url.render_as_string(hide_password=True), location)


def read_query(source: OpenedSource, query: str | None) -> Iterator[Row]:
    """Yield the rows of a query; values become text, numbers, booleans or null.

    Raises SourceUnreadable for a query that fails, Unavailable where the database does not answer.
    """
    from sqlalchemy import create_engine, select, table, text  # noqa: PLC0415 - as above
    from sqlalchemy.exc import DBAPIError, InterfaceError, NoSuchModuleError, OperationalError, SQLAlchemyError  # noqa: PLC0415

    if not query:
        advice = "Name it: --option query='SELECT …', or a table with --option query=TABLE."
        raise SourceUnreadable(source=source.location, problem="a database needs a query", advice=advice)
    try:
        engine = create_engine(source.database or "")
    except ModuleNotFoundError as error:
        raise MissingPackage(what=f"a database of this kind ({source.location})", package=str(error.name)) from error
    except NoSuchModuleError as error:
        raise SourceNotFound(source=source.location, problem="there is no driver of this name") from error
    try:
        with engine.connect() as connection:
            streaming = connection.execution_options(stream_results=True, yield_per=_ROWS)
            result = streaming.execute(
                text(query) if len(query.split()) > 1 else select(text("*")).select_from(table(query))
            )
            columns = list(result.keys())
            if len(set(columns)) < len(columns):
                advice = "Give each column of the query a name of its own (AS)."
                raise SourceUnreadable(source=source.location, problem="two columns have one name", advice=advice)
            for number, values in enumerate(result, 1):
                yield Row(number, None, dict(zip(columns, map(plain, values), strict=True)))
    except (OperationalError, InterfaceError) as error:
        if error.connection_invalidated or "connect" in str(error.orig).lower():
            raise Unavailable(service="The database", problem=_said(error)) from None
        raise _failed(source, error) from None
    except (DBAPIError, SQLAlchemyError) as error:
        raise _failed(source, error) from None
    finally:
        engine.dispose()


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; a decimal keeps its digits as text."""
    match value:
        case None | str() | int() | float():
            found: Any = value
        case dt.datetime() | dt.date() | dt.time():
            found = value.isoformat()
        case bytes() | memoryview():
            found = bytes(value).decode("utf-8", "replace")
        case list() | tuple():
            found = [plain(each) for each in value]
        case dict():
            found = {str(name): plain(each) for name, each in value.items()}
        case _:
            found = str(value)
    return found


def _failed(source: OpenedSource, error: Exception) -> SourceUnreadable:
    return SourceUnreadable(source=source.location, problem=f"its query fails ({_said(error)})", advice="Correct it.")


def _said(error: Exception) -> str:
    """The driver's own words, without the statement and its parameters."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
