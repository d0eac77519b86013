import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import read, values

from batchgen.errors import SourceEmpty, SourceUnreadable
from batchgen.sources.delimited import MAX_CELL_CHARACTERS
from batchgen.sources.rows import BadLine, Row

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(TEXT.map(str.strip).filter(bool), min_size=width, max_size=width, unique=True),
        st.lists(st.lists(TEXT, min_size=width, max_size=width)),
    )
)


# With "\n" as line end the writer leaves a lone "\r" unquoted unless it quotes all.
DIALECTS = [{"lineterminator": "\r\n"}, {"lineterminator": "\n", "quoting": csv.QUOTE_ALL}]


@settings(deadline=None)
@given(TABLES, st.sampled_from(DIALECTS), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_any_table_is_read_as_it_was_written(
    table: tuple[list[str], list[list[str]]], dialect: dict[str, Any], encoding: str
) -> None:
    header, cells = table
    text = io.StringIO()
    csv.writer(text, **dialect).writerows([header, *cells])
    option = {"encoding": encoding} if encoding == "utf-16" else {}
    with TemporaryDirectory() as folder:
        found = read(Path(folder), "table.csv", text.getvalue().encode(encoding), **option)
    assert values(found) == [dict(zip(header, row, strict=True)) for row in cells]


def test_quotes_and_line_breaks_stand_in_cells(tmp_path: Path) -> None:
    found = read(tmp_path, "t.csv", 'id,note\n1,"a ""b"",\nc"\n2,d\n')
    assert found == [Row(1, 2, {"id": "1", "note": 'a "b",\nc'}), Row(2, 4, {"id": "2", "note": "d"})]


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "t.csv", "id,note\n") == []


def test_blank_lines_are_no_rows_and_count_as_lines(tmp_path: Path) -> None:
    assert read(tmp_path, "t.csv", "\nid\n\n7\n\n") == [Row(1, 4, {"id": "7"})]


@pytest.mark.parametrize("line", ["2", "2,b,c"])
def test_a_row_that_does_not_fit_the_header_is_bad(line: str, tmp_path: Path) -> None:
    found = read(tmp_path, "t.csv", f"id,note\n1,a\n{line}\n3,c\n")
    assert [type(row) for row in found] == [Row, BadLine, Row]
    assert (found[1].place, found[1].number) == ("line 3", 2)


def test_a_badly_quoted_row_is_bad_and_reading_goes_on(tmp_path: Path) -> None:
    found = read(tmp_path, "t.csv", 'id,note\n1,"a" b\n2,c\n')
    assert isinstance(found[0], BadLine)
    assert "closing quote" in found[0].problem
    assert found[1] == Row(2, 3, {"id": "2", "note": "c"})


def test_an_open_quote_is_named_with_the_lines_it_swallows(tmp_path: Path) -> None:
    [found] = read(tmp_path, "t.csv", 'id,note\n1,"a\n2,b\n3,c\n')
    assert (found.place, getattr(found, "problem", "")) == (
        "lines 2 to 4",
        "the quote that opens a cell is never closed",
    )


def test_a_cell_may_be_longer_than_the_csv_modules_own_limit(tmp_path: Path) -> None:
    [found] = read(tmp_path, "t.csv", "id\n" + "x" * 200_000 + "\n")
    assert len(values([found])[0]["id"]) == 200_000  # type: ignore[arg-type]  # a text


def test_a_cell_without_end_is_bad(tmp_path: Path) -> None:
    [found] = read(tmp_path, "t.csv", 'id\n"' + "x" * (MAX_CELL_CHARACTERS + 1))
    assert isinstance(found, BadLine)
    assert "longer than 16,777,216" in found.problem


def test_a_nul_is_bad(tmp_path: Path) -> None:
    found = read(tmp_path, "t.csv", "id\na\0b\nc\n")
    assert found == [BadLine(1, 2, "it holds a NUL character", 2), Row(2, 3, {"id": "c"})]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("id,,note", "column 2 has no name"),
        ("id,note, id", "the column 'id' stands in it twice"),
        ('"id" x,note', "closing quote"),
        ("i\0d\0", "NUL"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(header: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=problem):
        read(tmp_path, "t.csv", f"{header}\n1,2,3\n")


def test_blank_lines_alone_are_empty(tmp_path: Path) -> None:
    with pytest.raises(SourceEmpty):
        read(tmp_path, "t.csv", "\n\n")


@pytest.mark.parametrize(
    ("name", "option", "separator"), [("t.tsv", {}, "\t"), ("t.csv", {"delimiter": ";"}, ";"), ("t.csv", {}, ",")]
)
def test_the_delimiter_is_the_endings_or_the_given_one(
    name: str, option: dict[str, str], separator: str, tmp_path: Path
) -> None:
    found = read(tmp_path, name, f"a{separator}b\n1{separator}2\n", **option)
    assert values(found) == [{"a": "1", "b": "2"}]


def test_another_encoding_is_named_with_its_first_line(tmp_path: Path) -> None:
    content = "id,note\n" + "1,plain\n" * 200_000 + "2,Müller\n3,Göbel\n"
    with pytest.raises(SourceUnreadable, match=r"line 200002 is not UTF-8.*--option encoding="):
        read(tmp_path, "t.csv", content.encode("latin-1"))
    found = read(tmp_path, "t.csv", content.encode("latin-1"), encoding="latin-1")
    assert values(found)[-1]["note"] == "Göbel"


def test_a_file_that_ends_within_a_character_is_named_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="line 2 is not UTF-8"):
        read(tmp_path, "t.csv", "id\nü".encode()[:-1])


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_a_wrong_encoding_option_is_refused(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=f"line [12] is not {encoding}"):
        read(tmp_path, "t.csv", "id\nü\n", encoding=encoding)
