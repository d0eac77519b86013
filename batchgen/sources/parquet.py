"""Parquet in small batches of rows. Values become what JSON has: decimals, dates and times as text, bytes as text or
base64, NaN and infinities as null.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource
from batchgen.sources.row import Row

if TYPE_CHECKING:
    from pyarrow import DataType

BATCH_ROWS = 1_000
BUFFER_BYTES = 1 << 16


def read_parquet(source: OpenedSource) -> Iterator[Row]:
    """Yield the rows; raises SourceUnreadable for a file that is no Parquet, or names a column twice."""
    from pyarrow import ArrowException, schema  # noqa: PLC0415 - 60 MB and 0.2 s that only Parquet needs
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - as above

    number = 0
    try:
        # Buffered and not pre-buffered: else a whole row group, often the whole file, is held in memory.
        with ParquetFile(source.path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            check_columns(source, file.schema_arrow.names)
            columns = schema([column.with_type(microseconds(column.type)) for column in file.schema_arrow])
            for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
                for values in batch.cast(columns, safe=False).to_pylist():
                    number += 1
                    yield Row(number, None, {name: jsonable(value) for name, value in values.items()})
    # Arrow raises OSError for damage; ValueError and OverflowError stand for times that Python does not have.
    except (ArrowException, OSError, ValueError, OverflowError) as error:
        problem = f"it is not intact Parquet ({str(error).splitlines()[0].rstrip('.')})"
        advice = "Check the file; its ending says Parquet."
        raise SourceUnreadable(source=source.location, problem=problem, advice=advice) from error


def microseconds(type_: DataType) -> DataType:
    """Return a time type at the resolution that Python's have; others as they are. Nested types are left alone."""
    from pyarrow import duration, time64, timestamp, types  # noqa: PLC0415 - as above

    if types.is_timestamp(type_) and type_.unit == "ns":
        return timestamp("us", type_.tz)
    if types.is_time64(type_):
        return time64("us")
    return duration("us") if types.is_duration(type_) and type_.unit == "ns" else type_


def check_columns(source: OpenedSource, names: list[str]) -> None:
    """Refuse a table with two columns of one name: a row could hold only one of them."""
    for name, times in Counter(names).items():
        if times > 1:
            problem, advice = f"the column {name!r} stands in it twice", "Give each column another name."
            raise SourceUnreadable(source=source.location, problem=problem, advice=advice)


def jsonable(value: Any) -> Any:  # noqa: PLR0911 - a table of types reads best as one
    """Turn a value of any Arrow type into one that JSON has."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal() | timedelta():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return text_of(value)
        case dict():
            return {str(name): jsonable(inner) for name, inner in value.items()}
        case list() | tuple():  # a tuple: the entry of a map
            return [jsonable(inner) for inner in value]
        case _:
            return str(value)


def text_of(value: bytes) -> str:
    """Return the text that the bytes are (older writers mark text so), or their base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return b64encode(value).decode()
