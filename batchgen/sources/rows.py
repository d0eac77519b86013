"""Reads a table row by row, whatever its format: CSV, JSON lines, Parquet, a query, several files of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from batchgen.errors import SourceNotFound, SourceUnreadable
from batchgen.sources.delimited import read_delimited
from batchgen.sources.dialect import detect, detect_encoding
from batchgen.sources.jsonl import read_jsonl
from batchgen.sources.opened import OpenedSource
from batchgen.sources.parquet import read_parquet
from batchgen.sources.row import BadLine, Row
from batchgen.sources.sql import read_query


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How the text of a file is to be read; None: as its beginning shows."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None


Reader = Callable[[OpenedSource, TextFormat], Iterator[Row | BadLine]]


def _delimited(usual: str) -> Reader:
    def read(source: OpenedSource, text: TextFormat) -> Iterator[Row | BadLine]:
        dialect = detect(source, encoding=text.encoding, delimiter=text.delimiter, quote=text.quote, usual=usual)
        return read_delimited(source, dialect, named=text.encoding)

    return read


def _json_lines(source: OpenedSource, text: TextFormat) -> Iterator[Row | BadLine]:
    codec = detect_encoding(source, text.encoding, guess=False)  # JSON is UTF-8, RFC 8259
    return read_jsonl(source, codec, named=text.encoding)


READERS: dict[str, Reader] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": lambda source, _: read_parquet(source),
}


def is_table(name: str) -> bool:
    """Tell whether a file is a table by its ending."""
    return name.lower().endswith(tuple(READERS))


def rows(
    source: OpenedSource,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    query: str | None = None,
) -> Iterator[Row | BadLine]:
    """Yield every row in the source's order, and every line that is none.

    Raises SourceUnreadable (unknown ending, wrong encoding, a header or query that cannot be used), SourceEmpty (no
    byte of content) and SourceNotFound (a folder).
    """
    if source.database is not None:
        return read_query(source, query)
    text = TextFormat(encoding, delimiter, quote)
    return _read(source, text) if source.parts is None else _all_parts(source.parts(), text)


def _all_parts(parts: Iterator[OpenedSource], text: TextFormat) -> Iterator[Row | BadLine]:
    """Yield the rows of several files, numbered through."""
    before = 0
    for part in parts:
        number = 0
        for row in _read(part, text):
            number = row.number
            yield replace(row, number=before + number, file=part.location)
        before += number


def _read(source: OpenedSource, text: TextFormat) -> Iterator[Row | BadLine]:
    if source.path.is_dir():
        raise SourceNotFound(source=source.location, problem="it is a folder, and a file is needed")
    reader = READERS.get(source.suffix)
    if reader is None:
        problem = f"the ending {source.suffix!r} is not known" if source.suffix else "its name has no ending"
        advice = f"Known endings: {', '.join(READERS)}."
        raise SourceUnreadable(source=source.location, problem=problem, advice=advice)
    return reader(source, text)


__all__ = ["BadLine", "Row", "rows"]
