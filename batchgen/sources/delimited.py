"""CSV and TSV by the standard library's reader, strictly: a row that does not fit the header is named, not guessed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator

from batchgen.errors import SourceEmpty, SourceUnreadable
from batchgen.sources.dialect import Dialect
from batchgen.sources.opened import OpenedSource
from batchgen.sources.row import BadLine, Row
from batchgen.sources.text import codec_name, wrong_encoding

MAX_CELL_CHARACTERS = 1 << 24
"""The csv module's own limit, 131,072, is less than a long prompt; none at all lets an open quote eat the file."""

PROBLEMS = {
    "unexpected end": "the quote that opens a cell is never closed",
    "expected after": "text follows a closing quote (a quote inside a quoted cell is written twice)",
    "field larger": f"a cell is longer than {MAX_CELL_CHARACTERS:,} characters, or its closing quote is missing",
}
NUL_PROBLEM = "it holds a NUL character"


def read_delimited(source: OpenedSource, dialect: Dialect, *, named: str | None = None) -> Iterator[Row | BadLine]:
    """Yield the rows below the header; `named` is the encoding if a user named it. Raises SourceUnreadable."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    try:
        with source.path.open(encoding=dialect.encoding, newline="") as file:
            yield from read_rows(source, file, dialect)
    except UnicodeError as error:
        raise wrong_encoding(source, named or codec_name(dialect.encoding)) from error


def read_rows(source: OpenedSource, file: Iterable[str], dialect: Dialect) -> Iterator[Row | BadLine]:
    """Yield the rows of an open file. After a broken row the reader goes on at the next line."""
    with_nul: list[str] = []
    lines = watch_for_nul(file, with_nul)
    if dialect.escape is None:
        reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
    else:
        reader = csv.reader(
            lines,
            delimiter=dialect.delimiter,
            quotechar=dialect.quote,
            escapechar=dialect.escape,
            doublequote=False,
            strict=True,
        )
    try:
        header = checked_header(source, next((cells for cells in reader if cells), None), damaged=bool(with_nul))
    except csv.Error as error:
        raise bad_header(source, in_words(error)) from error
    width = len(header)
    number, last = 0, reader.line_num
    while True:
        try:
            for cells in reader:
                line, last = last + 1, reader.line_num
                if not cells:
                    continue
                number += 1
                if with_nul:
                    with_nul.clear()
                    yield BadLine(number, line, NUL_PROBLEM, last)
                elif len(cells) != width:
                    yield BadLine(number, line, f"it has {len(cells)} cells and the header {width}", last)
                else:
                    yield Row(number, line, dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            number += 1
            yield BadLine(number, last + 1, in_words(error), reader.line_num)
            last = reader.line_num
        else:
            return


def watch_for_nul(lines: Iterable[str], found: list[str]) -> Iterator[str]:
    """Pass lines on; those with a NUL, which is damage or UTF-16 read as UTF-8, are noted in `found`."""
    for line in lines:
        if "\0" in line:
            found.append(line)
        yield line


def checked_header(source: OpenedSource, cells: list[str] | None, *, damaged: bool) -> list[str]:
    """Return the column names, trimmed; each must be there and be another one."""
    if cells is None:
        raise SourceEmpty(source=source.location)
    if damaged:
        raise bad_header(source, NUL_PROBLEM, "It may be UTF-16: try --option encoding=utf-16-le.")
    header = [cell.strip() for cell in cells]
    for position, name in enumerate(header, 1):
        if not name:
            raise bad_header(source, f"column {position} has no name")
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise bad_header(source, f"the column {twice[0]!r} stands in it twice")
    return header


def bad_header(
    source: OpenedSource, problem: str, advice: str = "The first line names the columns, each by another name."
) -> SourceUnreadable:
    """Make the error for a header that cannot be used."""
    return SourceUnreadable(source=source.location, problem=f"its header cannot be used, {problem}", advice=advice)


def in_words(error: csv.Error) -> str:
    """Say what the csv module found."""
    return next((words for sign, words in PROBLEMS.items() if sign in str(error)), str(error))
