"""Sources for the tests here: a file of a given name and content, read by the door that data types use."""

from pathlib import Path

from batchgen.sources.opened import OpenedSource
from batchgen.sources.rows import BadLine, Row, rows


def write(folder: Path, name: str, content: bytes | str) -> OpenedSource:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return OpenedSource(name, path)


def read(folder: Path, name: str, content: bytes | str, **options: str) -> list[Row | BadLine]:
    return list(rows(write(folder, name, content), **options))


def values(found: list[Row | BadLine]) -> list[dict[str, object]]:
    assert all(isinstance(row, Row) for row in found), found
    return [row.values for row in found if isinstance(row, Row)]
