from pathlib import Path
from typing import Any

import pytest

from batchgen.data_types.contract import Record
from batchgen.data_types.tabular import TabularOptions, records
from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource


def ids(folder: Path, name: str, content: str, **values: Any) -> list[str]:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    found = records(OpenedSource(name, path), TabularOptions(**values), lambda row: row)
    return [record.record_id for record in found]


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("name\na\nb\n", {}, ["1", "2"]),
        ("name,id\na,x\nb,y\n", {}, ["x", "y"]),
        ("name,SKU\na,x\nb,y\n", {}, ["x", "y"]),
        ("sku,Id\na,x\nb,y\n", {}, ["x", "y"]),
        ("id,name\na,x\nb,y\n", {"id_column": "name"}, ["x", "y"]),
        ("id,name\na,x\nb,y\n", {"id_column": "NAME"}, ["x", "y"]),
        ("id\nx\nx\n", {}, ["x", "x"]),
        ("id,name\n x ,a\n ,b\n,c\n", {}, ["x", "2", "3"]),
        ("id,name\na,x,too many\nb,y\n", {"id_column": "id"}, ["1", "b"]),
    ],
)
def test_the_id_is_the_sources_own_or_the_row_number(
    content: str, options: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    assert ids(tmp_path, "t.csv", content, **options) == expected


def test_every_line_of_jsonl_is_looked_at_for_itself(tmp_path: Path) -> None:
    content = '{"a": 1}\n{"id": 7, "a": 1}\n{"id": null}\n{"id": [1]}\n{"id": true}\n{"sku": "s"}\n'
    assert ids(tmp_path, "t.jsonl", content) == ["1", "7", "3", "4", "5", "s"]


@pytest.mark.parametrize(("name", "content"), [("t.csv", "a,b\n1,2\n"), ("t.jsonl", '{"a": 1, "b": 2}\n')])
def test_a_missing_id_column_names_those_there_are(name: str, content: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"no column 'nr'.*Its columns: a, b\."):
        ids(tmp_path, name, content, id_column="nr")


def test_names_reach_the_data_type_in_its_own_spelling(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("PROMPT,Other\nx,y\n")
    found = list(records(OpenedSource("t.csv", path), TabularOptions(), lambda row: row, names=["prompt"]))
    assert found == [Record("1", {"prompt": "x", "Other": "y"})]


@pytest.mark.parametrize("delimiter", ["\\t", "tab", "\t"])
def test_a_tab_can_be_written_on_a_command_line(delimiter: str) -> None:
    assert TabularOptions(delimiter=delimiter).delimiter == "\t"


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("delimiter", ";;", "one character"),
        ("delimiter", '"', "one character"),
        ("delimiter", "", "one character"),
        ("encoding", "utf-99", "no text encoding 'utf-99'"),
        ("encoding", "base64", "no text encoding 'base64'"),
    ],
)
def test_an_option_that_cannot_work_is_refused(option: str, value: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TabularOptions(**{option: value})
