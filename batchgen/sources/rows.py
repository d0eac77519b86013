"""Reads a table row by row, whatever its format: CSV, JSON lines, Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from batchgen.errors import SourceNotFound, SourceUnreadable
from batchgen.sources.delimited import read_delimited
from batchgen.sources.jsonl import read_jsonl
from batchgen.sources.opened import OpenedSource
from batchgen.sources.parquet import read_parquet
from batchgen.sources.row import BadLine, Row


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How the text of a file is to be read; None: UTF-8, and the delimiter that its ending stands for."""

    encoding: str | None = None
    delimiter: str | None = None


Reader = Callable[[OpenedSource, TextFormat], Iterator[Row | BadLine]]

READERS: dict[str, Reader] = {
    ".csv": lambda source, text: read_delimited(source, text.encoding, text.delimiter or ","),
    ".tsv": lambda source, text: read_delimited(source, text.encoding, text.delimiter or "\t"),
    ".jsonl": lambda source, text: read_jsonl(source, text.encoding),
    ".ndjson": lambda source, text: read_jsonl(source, text.encoding),
    ".parquet": lambda source, _: read_parquet(source),
}


def rows(source: OpenedSource, *, encoding: str | None = None, delimiter: str | None = None) -> Iterator[Row | BadLine]:
    """Yield every row in the source's order, and every line that is none.

    Raises SourceUnreadable (unknown ending, wrong encoding, a header that cannot be used), SourceEmpty (no byte of
    content) and SourceNotFound (a folder).
    """
    if source.path.is_dir():
        raise SourceNotFound(source=source.location, problem="it is a folder, and a file is needed")
    reader = READERS.get(source.suffix)
    if reader is None:
        problem = f"the ending {source.suffix!r} is not known" if source.suffix else "its name has no ending"
        advice = f"Known endings: {', '.join(READERS)}."
        raise SourceUnreadable(source=source.location, problem=problem, advice=advice)
    return reader(source, TextFormat(encoding, delimiter))


__all__ = ["BadLine", "Row", "rows"]
