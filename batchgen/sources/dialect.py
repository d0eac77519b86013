"""How a text table is written, told from its beginning: encoding, delimiter, quotes. What a user names is held to."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass

from structlog.stdlib import get_logger

from batchgen.errors import SourceEmpty
from batchgen.sources.opened import OpenedSource
from batchgen.sources.text import check_text

log = get_logger(__name__)

_SAMPLE_BYTES = 1 << 18
_SAMPLE_ROWS = 50
_DELIMITERS = (",", ";", "\t", "|")
_DAMAGED = 0.1
"""Where so much of what is not ASCII is good UTF-8, or more, the rest is damage and no other encoding."""
_ASCII = 0x7F
_ENOUGH = 32
"""Bytes that are not ASCII: from fewer no encoding can be told."""
_COMMON = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp949", "cp932", "gb18030", "big5")
WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks of encodings whose text holds NULs."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a delimited file."""

    encoding: str
    delimiter: str
    quote: str = '"'
    escape: str | None = None
    """What stands before a quote inside a quoted cell; None: it is written twice."""


def detect(
    source: OpenedSource,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    usual: str | None = None,
) -> Dialect:
    """Return the dialect of a file; `usual` is the delimiter that its ending stands for, where that is to be said.

    Raises SourceEmpty, and SourceUnreadable for what its first line shows.
    """
    usual = usual or ("\t" if source.suffix == ".tsv" else ",")
    codec = detect_encoding(source, encoding)
    with source.path.open("rb") as file:
        raw = file.read(_SAMPLE_BYTES)
    try:
        text = codecs.getincrementaldecoder(codec)(errors="replace").decode(raw, final=False)
    except UnicodeError:  # UTF-16 without its mark: reading tells where
        text = ""
    if len(raw) == _SAMPLE_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    found_quote = quote or _quote(text)
    found = delimiter or _delimiter(text, usual, found_quote)
    escape = "\\" if f"\\{found_quote}" in text and not _parses(text, Dialect(codec, found, found_quote)) else None
    dialect = Dialect(codec, found, found_quote, escape)
    if (found, found_quote, escape) != (delimiter or usual, quote or '"', None):
        log.info("dialect_detected", source=source.location, delimiter=found, quote=found_quote, escape=escape)
    return dialect


def detect_encoding(source: OpenedSource, encoding: str | None, *, guess: bool = True) -> str:
    """Return the codec of a text: the named one, that of its byte order mark, UTF-8, or with `guess` the likeliest.

    Where too little of it is not ASCII to tell, it stays UTF-8, and reading will say which line is not.
    """
    if encoding is not None:
        return check_text(source, encoding)
    with source.path.open("rb") as file:
        raw = file.read(_SAMPLE_BYTES)
    if not raw:
        raise SourceEmpty(source=source.location)
    for mark, name in WIDE_MARKS:
        if raw.startswith(mark):
            log.info("encoding_detected", source=source.location, encoding=name)
            return name
    codec = check_text(source, None)
    guessed = _guess(raw) if guess and not _is_utf8(raw) else None
    if guessed is None:
        return codec
    log.warning(
        "encoding_detected", source=source.location, encoding=guessed, remedy="--option encoding=… names another"
    )
    return guessed


def _is_utf8(raw: bytes) -> bool:
    """Tell whether a sample is UTF-8, if perhaps damaged, or cut in its last character."""
    text = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(raw, final=False)
    bad = text.count("\ufffd")
    good = sum(not character.isascii() for character in text) - bad
    return bad == 0 or bad <= _DAMAGED * good


def _guess(raw: bytes) -> str | None:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - 0.1 s, and few files need it

    if sum(byte > _ASCII for byte in raw) < _ENOUGH:
        return None
    best = from_bytes(raw[: 1 << 16], cp_isolation=list(_COMMON)).best()
    return None if best is None else best.encoding


def _quote(text: str) -> str:
    """Tell whether cells stand in single quotes: in most rows some begin, and as many end, and none in double ones."""
    lines = [line for line in text.split("\n")[:_SAMPLE_ROWS] if line.strip()]
    cells = [cell.strip() for line in lines for cell in _split(line)]
    begin = sum(cell.startswith("'") for cell in cells)
    end = sum(cell.endswith("'") for cell in cells)
    double = any(cell.startswith('"') for cell in cells)
    return "'" if begin == end and 2 * begin >= len(lines) > 1 and not double else '"'


def _split(line: str) -> list[str]:
    for delimiter in _DELIMITERS:
        line = line.replace(delimiter, "\0")
    return line.split("\0")


def _delimiter(text: str, usual: str, quote: str) -> str:
    """Return the usual delimiter where it parts nearly all rows into as many cells, else the one that does."""
    widths = {delimiter: _width(text, delimiter, quote) for delimiter in (usual, *_DELIMITERS)}
    if widths[usual] > 1:
        return usual
    best = max(widths, key=lambda delimiter: widths[delimiter])
    return best if widths[best] > 1 else usual


def _width(text: str, delimiter: str, quote: str) -> int:
    """Return how many cells the header has, where nine rows in ten have as many; else 1."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    widths: Counter[int] = Counter()
    header = 0
    try:
        for cells in reader:
            if not cells:
                continue
            header = header or len(cells)
            widths[len(cells)] += 1
            if widths.total() == _SAMPLE_ROWS:
                break
    except csv.Error:
        return 1
    return header if widths and widths[header] * 10 >= widths.total() * 9 else 1


def _parses(text: str, dialect: Dialect) -> bool:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True
    )
    try:
        for _ in zip(range(_SAMPLE_ROWS), reader, strict=False):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)  # the sample may end within a cell
    return True
