"""Small source trees on disk, and what the data type makes of them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from batchgen.data_types.contract import BadRow, Record
from batchgen.data_types.test_code import TEST_CODE
from batchgen.sources.opened import OpenedSource


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    """Write files by their paths below the folder, and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return folder


def fetch(path: Path, **options: Any) -> list[Record | BadRow]:
    """Return all rows of a source."""
    parsed = TEST_CODE.options_type.model_validate(options)
    return list(TEST_CODE.fetcher().fetch(OpenedSource(str(path), path), parsed))


def records(path: Path, **options: Any) -> list[Record]:
    """Return the records of a source that has no bad rows."""
    rows = fetch(path, **options)
    assert not [row for row in rows if isinstance(row, BadRow)]
    return [row for row in rows if isinstance(row, Record)]


def record_of(code: str, folder: Path, **options: Any) -> dict[str, Record]:
    """Return the records of a module `shop`, by qualified name."""
    tree = write_tree(folder, {"shop.py": code})
    return {record.record_id.partition(":")[2]: record for record in records(tree, **options)}
