from pathlib import Path

import pytest
from source_files import read

from batchgen.errors import SourceEmpty, SourceNotFound, SourceUnreadable
from batchgen.sources.opened import OpenedSource
from batchgen.sources.rows import rows


@pytest.mark.parametrize("name", ["table.xlsx", "table.json", "table"])
def test_an_unknown_ending_names_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"\.csv, \.tsv, \.jsonl, \.ndjson, \.parquet"):
        read(tmp_path, name, "x")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="a file is needed"):
        list(rows(OpenedSource("here", tmp_path)))


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_a_file_without_content_is_empty(name: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceEmpty):
        read(tmp_path, name, content)


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl"])
def test_utf16_is_recognised_by_its_mark(name: str, tmp_path: Path) -> None:
    assert len(read(tmp_path, name, '{"a": 1}\n{"a": 2}\n'.encode("utf-16"))) == (2 if name.endswith("jsonl") else 1)


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl"])
def test_a_file_in_one_endless_line_is_refused_before_it_fills_memory(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="longer than 64 MiB"):
        read(tmp_path, name, b"x" * ((64 << 20) + 1))
