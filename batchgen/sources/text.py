"""The encoding of a text source: UTF-8 with or without a byte order mark unless another one is named."""

from __future__ import annotations

import codecs

from batchgen.errors import SourceEmpty, SourceUnreadable
from batchgen.sources.opened import OpenedSource

UTF8 = {"utf-8", "utf8", "utf_8"}
CHUNK = 1 << 20
BUFFER = 1 << 18
MAX_LINE_BYTES = 1 << 26
"""A first line longer than this is no table, and reading it would take its length in memory."""


def check_text(source: OpenedSource, encoding: str | None) -> str:
    """Return the codec to read with; raises SourceEmpty, SourceUnreadable for what its first line shows."""
    with source.path.open("rb") as file:
        head = file.readline(MAX_LINE_BYTES + 1)
    if not head.removeprefix(codecs.BOM_UTF8):
        raise SourceEmpty(source=source.location)
    if encoding is None and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise not_decodable(source, 1, None, "--option encoding=utf-16")
    if len(head) > MAX_LINE_BYTES:
        problem = f"its first line is longer than {MAX_LINE_BYTES >> 20} MiB"
        advice = "Give a table with one record a line."
        raise SourceUnreadable(source=source.location, problem=problem, advice=advice)
    if encoding is None or encoding.lower() in UTF8:
        return "utf-8-sig"
    return encoding


def codec_name(codec: str) -> str | None:
    """Return a codec as a user would name it; None for UTF-8, which needs no name."""
    return None if codec in {*UTF8, "utf-8-sig"} else codec


def wrong_encoding(source: OpenedSource, encoding: str | None) -> SourceUnreadable:
    """Make the error for a text that cannot be decoded: it names the first line that cannot be."""
    return not_decodable(source, first_bad_line(source, encoding or "utf-8"), encoding)


def not_decodable(
    source: OpenedSource, line: int, encoding: str | None, option: str = "--option encoding=cp1252"
) -> SourceUnreadable:
    """Make the error for a line that is not in the encoding."""
    problem = f"line {line} is not {encoding or 'UTF-8'}"
    advice = f"Save it as UTF-8, or name its encoding, for example {option}."
    return SourceUnreadable(source=source.location, problem=problem, advice=advice)


def first_bad_line(source: OpenedSource, encoding: str) -> int:
    """Return the number of the first line that cannot be decoded, from 1."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with source.path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                line += decoder.decode(chunk).count("\n")
        except UnicodeDecodeError as error:
            good: bytes = error.object[: error.start]
            line += good.decode(encoding, errors="ignore").count("\n")
        except UnicodeError:  # UTF-16 without its mark
            pass
    return line  # at the end of the file: its last character is cut off
