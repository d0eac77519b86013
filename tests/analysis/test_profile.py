"""The profile of a table says what stands in it, however it is written, and stays small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from batchgen.data_types.csv_analysis.fetcher import profile_of
from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from batchgen.sources.opened import OpenedSource


def profile(folder: Path, content: str | bytes, name: str = "table.csv", **options: Any) -> dict[str, Any]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return profile_of(OpenedSource(name, path), CsvAnalysisOptions(**options))


def test_line_ends_in_quoted_cells_beside_short_rows(tmp_path: Path) -> None:
    found = profile(tmp_path, 'name,note\n"Mug\nMorning",heavy\nJug\n')
    assert found["rows"] == 2
    assert {"name": "Mug\nMorning", "note": "heavy"} in found["sample"]


def test_the_last_missing_value_of_a_large_table_is_counted(tmp_path: Path) -> None:
    rows = "".join(f"{at},{'' if at < 3 else at}\n" for at in range(100_000))
    _, second = profile(tmp_path, f"a,b\n{rows}")["columns"]
    assert second["missing"] == 3


def test_rows_that_are_left_out_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"{at},{at}\n" for at in range(50_000))
    found = profile(tmp_path, f"a,b\n{rows}unknown,1\nunknown,2\n")
    assert (found["rows"], found["rows_left_out"]) == (50_000, 2)
    assert "rows_left_out" not in profile(tmp_path, "a,b\n1,2\n")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("preis;menge\n9,5;1\n10,5;2\n", ("DOUBLE", "10.5")),
        ("price;count\n9.5;1\n10.5;2\n", ("DOUBLE", "10.5")),
        ("tags|count\nred,2|1\nblue,1|2\n", ("VARCHAR", "red,2")),
        ("price,count\n1e308,1\n-1e308,2\n1.5e308,3\n", ("DOUBLE", "1.5e+308")),
        ("price,count\n3,1\ninf,2\nnan,3\n", ("DOUBLE", "nan")),
    ],
)
def test_numbers_are_numbers(tmp_path: Path, content: str, expected: tuple[str, str]) -> None:
    found = profile(tmp_path, content)
    assert (found["columns"][0]["type"], found["columns"][0]["max"]) == expected
    orjson.dumps(found)


def test_in_a_tsv_a_comma_is_text(tmp_path: Path) -> None:
    found = profile(tmp_path, "name, first\tage\nDoe, John\t3\nRoe, Jane\t4\n", "people.tsv")
    assert [each["name"] for each in found["columns"]] == ["name, first", "age"]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a,b\n1,é\n".encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("a,b\n1,é\n".encode("utf-16"), {}),
        (b"\0\0\xfe\xff" + "a,b\n1,é\n".encode("utf-32-be"), {}),
    ],
)
def test_text_of_wide_characters_is_text(tmp_path: Path, content: bytes, options: dict[str, str]) -> None:
    assert profile(tmp_path, content, **options)["sample"] == [{"a": 1, "b": "é"}]


def test_names_of_columns_do_not_make_it_large(tmp_path: Path) -> None:
    long = "x" * 50_000
    found = profile(tmp_path, f"{long}1,{long}2,b\n1,2,3\n")
    assert len(orjson.dumps(found)) < 3_000
    first, second, third = (each["name"] for each in found["columns"])
    assert first != second
    assert third == "b"
    assert found["sample"] == [{first: 1, second: 2, third: 3}]
    names = [f"column_{at}" for at in range(5_000)]
    found = profile(tmp_path, f"{','.join(names)}\n{','.join('1' for _ in names)}\n")
    assert (len(found["columns"]), len(found["not_profiled"]), found["not_named"]) == (100, 400, 4_500)
