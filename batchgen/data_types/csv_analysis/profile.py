"""A table in numbers: columns with their types, gaps, ranges, outliers and commonest values, correlations, a few rows.

DuckDB reads the file as a stream, with bounded memory and time; the size of the profile does not depend on the file's.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen.errors import SourceEmpty, SourceUnreadable
from batchgen.sources.dialect import WIDE_MARKS, Dialect, detect
from batchgen.sources.opened import OpenedSource
from batchgen.sources.sql import plain

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_COLUMNS = 100
"""Of wider tables the first ones are profiled; the next `_MOST_NAMED` are named."""
_MOST_NAMED = 400
_CORRELATED = 12
_COMMON = 5
_CELL = 120
"""Characters of a value, or of a column's name, that are shown."""
_NUL_SAMPLE = 1 << 16
_MEMORY = "512MB"
_LONGEST_LINE = 16 << 20
_BUFFER = 2 * _LONGEST_LINE
"""Bytes read at once: else DuckDB takes sixteen of the longest lines, and two such buffers are all of its memory."""
_REJECTS = "store_rejects = true, rejects_limit = 1"
"""That a row was left out is noted, and no more: how many were is counted where any was."""
_NUMERIC = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER", "FLOAT", "DOUBLE"})


@dataclass(frozen=True, slots=True)
class ProfileLimits:
    """How much of the machine a profile may use."""

    time_s: float = 120.0
    sample_rows: int = 20


def profile_csv(source: OpenedSource, dialect: Dialect | None, limits: ProfileLimits) -> dict[str, Any]:
    """Return the profile of a CSV file as JSON-able values.

    Raises SourceEmpty for one without rows, SourceUnreadable for what is no table or takes too long.
    """
    _check_is_text(source, None if dialect is None else dialect.encoding)
    found = dialect or detect(source)
    with tempfile.TemporaryDirectory(prefix="batchgen-profile-") as folder:
        path = _as_utf8(source, found, Path(folder))
        with _database(source, limits.time_s, folder) as database:
            return _profiled(database, _reader(path, found), source, limits)


def _check_is_text(source: OpenedSource, encoding: str | None) -> None:
    with source.path.open("rb") as file:
        head = file.read(_NUL_SAMPLE)
    if not head.strip():
        raise SourceEmpty(source=source.location)
    marked = any(head.startswith(mark) for mark, _ in WIDE_MARKS)
    if b"\0" in head and not marked and "\0" in head.decode(encoding or "utf-8", errors="replace"):
        raise SourceUnreadable(source=source.location, problem="it is no text", advice="Give a CSV file.")


def _as_utf8(source: OpenedSource, dialect: Dialect, folder: Path) -> Path:
    """Return the file, or a copy of it in UTF-8, written as a stream."""
    if dialect.encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        return source.path
    path = folder / "utf8.csv"
    try:
        with (
            source.path.open(encoding=dialect.encoding, newline="") as file,
            path.open("w", encoding="utf-8", newline="") as copy,
        ):
            shutil.copyfileobj(file, copy, 1 << 20)
    except UnicodeError as error:
        problem = f"it is not {dialect.encoding.removesuffix('-sig')} text"
        raise SourceUnreadable(source=source.location, problem=problem, advice="Name its encoding.") from error
    return path


@contextmanager
def _database(source: OpenedSource, time_s: float, folder: str) -> Iterator[DuckDBPyConnection]:
    """A database in memory that is interrupted when its time is over."""
    import duckdb  # noqa: PLC0415 - 0.2 s, and profiles alone need it

    database = duckdb.connect(":memory:", config={"memory_limit": _MEMORY, "temp_directory": folder})
    over = threading.Event()

    def interrupt() -> None:
        over.set()
        database.interrupt()

    timer = threading.Timer(time_s, interrupt)
    timer.daemon = True
    timer.start()
    try:
        database.execute("SET enable_progress_bar = false")
        yield database
    except duckdb.Error as error:
        problem = f"its profile takes longer than {time_s:.0f} s" if over.is_set() else _first_line(error)
        advice = (
            "Raise the time limit, or give a part of it." if over.is_set() else "Give a CSV file with a header line."
        )
        raise SourceUnreadable(source=source.location, problem=problem, advice=advice) from None
    finally:
        timer.cancel()
        database.close()


def _first_line(error: Exception) -> str:
    return f"it cannot be read as a table ({' '.join(str(error).split())[:200]})"


def _profiled(database: DuckDBPyConnection, reader: str, source: OpenedSource, limits: ProfileLimits) -> dict[str, Any]:
    """Profile what a reader reads: in parallel, unless it turns out that quoted cells hold line ends."""
    from duckdb import Error  # noqa: PLC0415 - as above

    try:
        _open_table(database, reader)
        return _profile(database, source, limits)
    except Error as error:
        if "null_padding in conjunction with quoted new lines" not in str(error):
            raise
    _open_table(database, f"{reader}, parallel = false")
    return _profile(database, source, limits)


def _reader(path: Path, dialect: Dialect) -> str:
    """Return the beginning of the call that reads a file; a row whose values are of another type is left out."""
    options: dict[str, Any] = {
        "path": str(path),
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape or dialect.quote,
    }
    literals = {name: "'" + str(value).replace("'", "''") + "'" for name, value in options.items()}
    return (
        f"read_csv({literals['path']}, delim = {literals['delimiter']}, quote = {literals['quote']}, "
        f"escape = {literals['escape']}, header = true, sample_size = 20480, null_padding = true, "
        f"ignore_errors = true, max_line_size = {_LONGEST_LINE}, buffer_size = {_BUFFER}, strict_mode = false"
    )


def _open_table(database: DuckDBPyConnection, reader: str) -> None:
    """Show the file as the view `given`, its columns by names of bounded length; `raw` has every row, as text."""
    comma = f"{reader}, decimal_separator = ','"
    described = _described(database, reader)
    with_comma = _described(database, comma) if "delim = ','" not in reader else described
    if _count_numeric(with_comma) > _count_numeric(described):
        described, reader = with_comma, comma
    columns = ", ".join(map(_quoted, _bounded([name for name, _ in described])))
    database.execute(f"CREATE OR REPLACE VIEW given({columns}) AS SELECT * FROM {reader}, {_REJECTS})")  # noqa: S608 - quoted above
    database.execute(f"CREATE OR REPLACE VIEW raw AS SELECT * FROM {reader}, all_varchar = true)")  # noqa: S608 - as above


def _described(database: DuckDBPyConnection, reader: str) -> list[tuple[str, str]]:
    """Return the columns with their types."""
    found = database.execute(f"DESCRIBE SELECT * FROM {reader})").fetchall()  # noqa: S608 - as above
    return [(str(row[0]), str(row[1])) for row in found]


def _count_numeric(columns: list[tuple[str, str]]) -> int:
    return sum(_is_numeric(kind) for _, kind in columns)


def _is_numeric(kind: str) -> bool:
    return kind in _NUMERIC or kind.startswith("DECIMAL")


def _bounded(names: list[str]) -> list[str]:
    """Return the names, long ones cut short, each of them once without regard to capitals."""
    taken = {name.casefold() for name in names if len(name) <= _CELL}
    bounded = []
    for at, name in enumerate(names, 1):
        short = name
        if len(name) > _CELL:
            short = f"{name[:_CELL]}…"
            short = f"{short} ({at})" if short.casefold() in taken else short
            taken.add(short.casefold())
        bounded.append(short)
    return bounded


def _profile(database: DuckDBPyConnection, source: OpenedSource, limits: ProfileLimits) -> dict[str, Any]:
    names = [str(row[0]) for row in database.execute("DESCRIBE given").fetchall()]
    shown = names[:MOST_COLUMNS]
    chosen = ", ".join(map(_quoted, shown))
    summary = _rows(database, f"SUMMARIZE SELECT {chosen} FROM given")  # noqa: S608 - quoted names
    rows = int(summary[0]["count"]) if summary else 0
    if not rows:
        raise SourceEmpty(source=source.location)
    columns = [_column(each) for each in summary]
    numeric = [each["name"] for each in columns if _is_numeric(each["type"])]
    _add_counts(database, columns, numeric)
    left_out = _number_of(database, "SELECT count(*) FROM raw") - rows if _has_left_out(database) else 0
    unnamed = len(names) - MOST_COLUMNS - _MOST_NAMED
    _add_common(database, columns, numeric)
    return {
        "rows": rows,
        **({"rows_left_out": left_out} if left_out > 0 else {}),
        "columns": columns,
        "not_profiled": names[MOST_COLUMNS : MOST_COLUMNS + _MOST_NAMED],
        **({"not_named": unnamed} if unnamed > 0 else {}),
        "correlations": _correlations(database, numeric[:_CORRELATED]),
        "sample": _sample(database, chosen, limits.sample_rows),
    }


def _has_left_out(database: DuckDBPyConnection) -> bool:
    return _number_of(database, "SELECT count(*) FROM reject_errors") > 0


def _number_of(database: DuckDBPyConnection, query: str) -> int:
    (number,) = database.execute(query).fetchone() or (0,)
    return int(number)


def _column(summary: dict[str, Any]) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": summary["column_name"],
        "type": summary["column_type"],
        "missing": 0,
        "distinct": int(summary["approx_unique"] or 0),
        "min": _short(summary["min"]),
        "max": _short(summary["max"]),
    }
    for name, key in (("mean", "avg"), ("deviation", "std"), ("q25", "q25"), ("median", "q50"), ("q75", "q75")):
        if summary[key] is not None:
            column[name] = _number(summary[key])
    return column


def _add_counts(database: DuckDBPyConnection, columns: list[dict[str, Any]], numeric: list[str]) -> None:
    """Count missing values, for SUMMARIZE knows hundredths of a percent, and outliers."""
    fences = _fences(columns, numeric)
    counts = [f"count(*) FILTER ({_quoted(column['name'])} IS NULL)" for column in columns]
    counts += [
        f"count(*) FILTER ({_quoted(name)} < {low!r} OR {_quoted(name)} > {high!r})"
        for name, (low, high) in fences.items()
    ]
    found = database.execute(f"SELECT count(*), {', '.join(counts)} FROM given").fetchone() or ()  # noqa: S608 - quoted names
    rows, missing, outliers = found[0], found[1 : len(columns) + 1], found[len(columns) + 1 :]
    for column, count in zip(columns, missing, strict=True):
        column["missing"] = int(count)
        column["distinct"] = min(column["distinct"], rows - int(count))
    by_name = dict(zip(fences, outliers, strict=True))
    for column in columns:
        if column["name"] in by_name:
            column["outliers"] = int(by_name[column["name"]])


def _fences(columns: list[dict[str, Any]], numeric: list[str]) -> dict[str, tuple[float, float]]:
    """Return, by column, 1.5 times the quartiles' distance beyond them (Tukey's fences), where a double holds that."""
    fences = {}
    for column in columns:
        low, high = column.get("q25"), column.get("q75")
        if column["name"] in numeric and isinstance(low, int | float) and isinstance(high, int | float) and high > low:
            reach = 1.5 * (high - low)
            if math.isfinite(low - reach) and math.isfinite(high + reach):
                fences[column["name"]] = (low - reach, high + reach)
    return fences


def _add_common(database: DuckDBPyConnection, columns: list[dict[str, Any]], numeric: list[str]) -> None:
    """Add the commonest values of columns that are no numbers and repeat themselves."""
    texts = [each for each in columns if each["name"] not in numeric and 0 < each["distinct"] < max(2, _COMMON * 20)]
    if not texts:
        return
    tops = ", ".join(f"approx_top_k({_quoted(each['name'])}, {_COMMON})" for each in texts)
    found = database.execute(f"SELECT {tops} FROM given").fetchone() or ()  # noqa: S608 - quoted names
    for column, values in zip(texts, found, strict=True):
        column["common"] = [_short(value) for value in values or ()]


def _correlations(database: DuckDBPyConnection, names: list[str]) -> list[dict[str, Any]]:
    pairs = [(first, second) for at, first in enumerate(names) for second in names[at + 1 :]]
    if not pairs:
        return []
    wanted = ", ".join(f"corr({_quoted(first)}, {_quoted(second)})" for first, second in pairs)
    found = database.execute(f"SELECT {wanted} FROM given").fetchone() or ()  # noqa: S608 - quoted names
    strong = [
        {"columns": list(pair), "correlation": round(value, 3)}
        for pair, value in zip(pairs, found, strict=True)
        if value is not None and math.isfinite(value) and abs(value) >= 0.3  # noqa: PLR2004 - weaker says little
    ]
    return sorted(strong, key=lambda each: -abs(each["correlation"]))


def _sample(database: DuckDBPyConnection, chosen: str, count: int) -> list[dict[str, Any]]:
    query = f"SELECT {chosen} FROM given USING SAMPLE reservoir({count} ROWS) REPEATABLE (42)"  # noqa: S608 - quoted names
    return [{name: _short(value) for name, value in row.items()} for row in _rows(database, query)]


def _rows(database: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = database.execute(query)
    names = [str(each[0]) for each in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _short(value: Any) -> Any:
    found = plain(value)
    if isinstance(found, float) and not math.isfinite(found):
        return None
    return f"{found[:_CELL]}…" if isinstance(found, str) and len(found) > _CELL else found


def _number(value: Any) -> Any:
    """SUMMARIZE gives numbers as text; dates stay text."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return _short(value)
    return float(f"{number:.6g}") if math.isfinite(number) else None
