"""The tables of a job hold the rows of results.jsonl, compared by value, whatever stands in them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchgen.data_types.contract import Record, Result
from batchgen.data_types.structured.fields import FieldSpec, FieldType
from batchgen.data_types.structured.tables import write_tables

SPECS = [
    FieldSpec(name="text"),
    FieldSpec(name="list", type=FieldType.LIST),
    FieldSpec(name="number", type=FieldType.NUMBER),
    FieldSpec(name="integer", type=FieldType.INTEGER),
    FieldSpec(name="boolean", type=FieldType.BOOLEAN),
    FieldSpec(name="attributes", type=FieldType.ATTRIBUTES),
]
ODD = [
    "",
    " ",
    "=1+1",
    "a,b",
    'say "x"',
    "two\nlines",
    "cr\r\n",
    "\ttab",
    "파란 운동화",
    "靴下",
    "كوب",
    "🎉👩‍👩‍👧",
    "ﬁ",
    "null",
    "1e5",
]
texts = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
outputs = st.fixed_dictionaries(
    {
        "price": st.none() | st.floats(0, 1e6).map(lambda value: round(value, 2)),
        "text": st.none() | texts,
        "list": st.none() | st.lists(texts, max_size=3),
        "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "integer": st.none() | st.integers(-(2**63), 2**63 - 1),
        "boolean": st.none() | st.booleans(),
        "attributes": st.none() | st.lists(st.fixed_dictionaries({"name": texts, "value": texts}), max_size=2),
    }
)


def as_cell(value: Any) -> str:
    """What a cell of the CSV holds for a value."""
    if isinstance(value, list):
        return "\n".join(each if isinstance(each, str) else f"{each['name']}: {each['value']}" for each in value)
    return "" if value is None else str(value)


@given(st.lists(outputs, max_size=5))
@example([{**dict.fromkeys(("price", *(spec.name for spec in SPECS))), "text": each, "list": [each]} for each in ODD])
@settings(max_examples=60, deadline=None)
def test_every_table_holds_the_same_rows(rows: Sequence[dict[str, Any]]) -> None:
    results = [Result(Record(f"r{at}", {}), row, 1) for at, row in enumerate(rows)]
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(lambda: iter(results), ["price"], SPECS, folder)
        lines = [orjson.loads(orjson.dumps({"record_id": each.record.record_id, **each.output})) for each in results]
        assert pq.read_table(folder / "results.parquet").to_pylist() == lines
        with (folder / "results.csv").open(encoding="utf-8-sig", newline="") as file:
            read = list(csv.DictReader(file))
    assert [row["record_id"] for row in read] == [line["record_id"] for line in lines]
    for row, line in zip(read, lines, strict=True):
        for spec in SPECS:
            found, given_value = row[spec.name], line[spec.name]
            if isinstance(given_value, float):
                assert float(found) == given_value
            else:
                assert found == as_cell(given_value)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([2**63 + 1, 1], ["9223372036854775809", "1"]),
        ([2**53 + 1, 1.5], ["9007199254740993", "1.5"]),
        ([2**53 + 1, 7], [2**53 + 1, 7]),
        ([3, 1.5, None], [3.0, 1.5, None]),
        ([True, 1], ["true", "1"]),
        ([None, None], [None, None]),
    ],
)
def test_a_fact_that_no_number_of_a_table_can_hold_keeps_its_digits(
    tmp_path: Path, facts: list[Any], expected: list[Any]
) -> None:
    results = [Result(Record(f"r{at}", {}), {"gtin": fact}, 1) for at, fact in enumerate(facts)]
    write_tables(lambda: iter(results), ["gtin"], [], tmp_path)
    assert pq.read_table(tmp_path / "results.parquet").column("gtin").to_pylist() == expected


def test_whole_numbers_in_a_field_of_numbers_keep_their_value(tmp_path: Path) -> None:
    values = [2**63, -(2**53), 1.5, None]
    results = [Result(Record(f"r{at}", {}), {"number": value}, 1) for at, value in enumerate(values)]
    write_tables(lambda: iter(results), [], [FieldSpec(name="number", type=FieldType.NUMBER)], tmp_path)
    assert pq.read_table(tmp_path / "results.parquet").column("number").to_pylist() == values
