"""JSON lines: one object a line. What is no object is named by its line number."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

import orjson

from batchgen.sources.opened import OpenedSource
from batchgen.sources.row import BadLine, Row
from batchgen.sources.text import BUFFER, codec_name, wrong_encoding

NAMES = {list: "an array", str: "a text", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}


def read_jsonl(source: OpenedSource, codec: str, *, named: str | None = None) -> Iterator[Row | BadLine]:
    """Yield the objects; blank lines are skipped; `named` is the encoding if a user named it.

    Raises SourceUnreadable.
    """
    if codec == "utf-8-sig":
        with source.path.open("rb", buffering=BUFFER) as file:
            if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
                file.seek(0)
            yield from read_objects(file)
        return
    try:
        with source.path.open(encoding=codec, newline="\n") as text:
            yield from read_objects(text)
    except UnicodeError as error:
        raise wrong_encoding(source, named or codec_name(codec)) from error


def read_objects(lines: Iterable[bytes | str]) -> Iterator[Row | BadLine]:
    """Yield a row for each line that holds an object."""
    number = 0
    for line_number, line in enumerate(lines, 1):
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if not line.strip():
                continue
            number += 1
            yield BadLine(number, line_number, f"it is not JSON, {in_words(error)}")
            continue
        number += 1
        if values.__class__ is dict:
            yield Row(number, line_number, values)
        else:
            yield BadLine(number, line_number, f"it holds {NAMES[type(values)]}, not an object")


def in_words(error: orjson.JSONDecodeError) -> str:
    """Say what the parser found, and where in the line."""
    if "UTF-8" in error.msg or "utf-8" in error.msg:
        return "nor UTF-8 (--option encoding=cp1252 reads a file in another encoding)"
    return f"{error.msg.partition(': line')[0]} at character {error.colno}"
