"""Columns under other names, rows that a filter takes, rows that have changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from batchgen.data_types.contract import BadRow, Record
from batchgen.data_types.declared.generator import PromptTemplate
from batchgen.data_types.row_filter import holds
from batchgen.data_types.tabular import TabularOptions, records
from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource

TABLE = """\
id,Product title,Preis,brand,updated_at
a,Mug,2.50,Acme,2026-11-01
b,Jug,10,Other,2026-11-20T10:00:00+01:00
c,Pot,12,Acme,
d,Pan,cheap,Acme,2026-11-21
"""


def found(folder: Path, **values: Any) -> list[Record | BadRow]:
    path = folder / "t.csv"
    path.write_text(TABLE, encoding="utf-8")
    return list(records(OpenedSource("t.csv", path), TabularOptions(**values), lambda row: row))


def ids(folder: Path, **values: Any) -> list[str]:
    return [row.record_id for row in found(folder, **values) if isinstance(row, Record)]


@pytest.mark.parametrize("columns", ["title=Product title, price=Preis", {"title": "Product title", "price": "Preis"}])
def test_columns_come_under_other_names(tmp_path: Path, columns: Any) -> None:
    first = found(tmp_path, columns=columns)[0]
    assert isinstance(first, Record)
    assert first.data == {"id": "a", "title": "Mug", "price": "2.50", "brand": "Acme", "updated_at": "2026-11-01"}


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"no column 'Title'.*Product title"):
        found(tmp_path, columns="title=Title")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("brand == 'Acme'", ["a", "c", "d"]),
        ("Preis|float > 5 and brand != 'Acme'", ["b"]),
        ("row['Product title'] in ('Mug', 'Pan')", ["a", "d"]),
        ("not updated_at", ["c"]),
    ],
)
def test_a_filter_takes_rows(tmp_path: Path, where: str, expected: list[str]) -> None:
    assert ids(tmp_path, where=where) == expected


def test_a_filter_sees_the_new_names(tmp_path: Path) -> None:
    assert ids(tmp_path, columns="price=Preis", where="price|float >= 10") == ["b", "c"]


def renamed(folder: Path, content: str, columns: str) -> list[Any]:
    path = folder / "t.csv"
    path.write_text(content, encoding="utf-8")
    options = TabularOptions.model_validate({"columns": columns})
    rows = records(OpenedSource("t.csv", path), options, lambda row: row)
    return [row.data for row in rows if isinstance(row, Record)]


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        ("Product title,title\nnew,old\n", "title=Product title", {"title": "new"}),
        ("title,Product title\nold,new\n", "title=Product title", {"title": "new"}),
        ("a,b\n1,2\n", "a=b,b=a", {"a": "2", "b": "1"}),
        ("name\nMug\n", "title=name,label=name", {"title": "Mug", "label": "Mug"}),
        ("NAME,x\nMug,1\n", "title=name", {"title": "Mug", "x": "1"}),
    ],
)
def test_a_name_that_is_given_means_the_column_it_was_given(
    tmp_path: Path, content: str, columns: str, expected: dict[str, str]
) -> None:
    assert renamed(tmp_path, content, columns) == [expected]


def test_a_column_that_is_not_there_is_told_after_a_bad_line_too(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="no column 'zzz'"):
        renamed(tmp_path, "a,b\n1\n2,3\n", "title=zzz")


@pytest.mark.parametrize("column", ["row", "self", "price"])
def test_a_column_may_have_any_name(column: str) -> None:
    assert holds(f"row['{column}']|int > 1", {column: "5"})
    assert PromptTemplate(f"{{{{ row['{column}'] }}}}").render({column: "5"}) == "5"


@pytest.mark.parametrize(
    "where",
    ["colour == 'red'", "brand + 1", "brand.__class__.__mro__", "brand|map('none')|list", "1.5|round(method='x')"],
)
def test_what_a_filter_cannot_tell_of_a_row_makes_it_a_bad_row(tmp_path: Path, where: str) -> None:
    rows = found(tmp_path, where=where)
    assert all(isinstance(row, BadRow) and row.problem.startswith("where:") for row in rows)
    assert len(rows) == 4


def test_rows_that_changed_since_a_moment(tmp_path: Path) -> None:
    assert ids(tmp_path, since="2026-11-20") == ["b", "d"]
    assert ids(tmp_path, since="2026-11-20T09:30:00+00:00") == ["d"]
    with pytest.raises(SourceUnreadable, match="no column 'changed'"):
        ids(tmp_path, since="2026-11-20", since_column="changed")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("where", "price >", "no expression"),
        ("since", "yesterday", "no date or time"),
        ("columns", "title", "name=source column"),
        ("quote", "ab", "one character"),
    ],
)
def test_options_that_cannot_be_used_are_refused(name: str, value: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TabularOptions(**{name: value})
