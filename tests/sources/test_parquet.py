from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_files import read, values

from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource
from batchgen.sources.rows import BadLine, Row, rows


def read_table(folder: Path, table: Any) -> list[Row | BadLine]:
    pq.write_table(table, folder / "t.parquet", row_group_size=700)
    return list(rows(OpenedSource("t.parquet", folder / "t.parquet")))


def test_rows_come_in_order_over_row_groups_and_are_named_by_number(tmp_path: Path) -> None:
    found = read_table(tmp_path, pa.table({"n": list(range(2_500))}))
    assert [row["n"] for row in values(found)] == list(range(2_500))
    assert (found[-1].number, found[-1].place) == (2_500, "row 2500")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (1.5, 1.5),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("19.90"), "19.90"),
        ("한국어 🐝", "한국어 🐝"),
        ("Zürich".encode(), "Zürich"),
        (b"\xff\x00", "/wA="),
        (date(2026, 2, 1), "2026-02-01"),
        (time(8, 30), "08:30:00"),
        (datetime(2026, 2, 1, 8, 30, tzinfo=UTC), "2026-02-01T08:30:00+00:00"),
        (timedelta(days=1, seconds=2), "1 day, 0:00:02"),
        ([Decimal("1.0"), None], ["1.0", None]),
        ({"inner": {"when": date(2026, 2, 1)}}, {"inner": {"when": "2026-02-01"}}),
    ],
)
def test_every_value_becomes_one_that_json_has(value: object, expected: object, tmp_path: Path) -> None:
    [found] = values(read_table(tmp_path, pa.table({"v": [value]})))
    assert found == {"v": expected}
    assert orjson.loads(orjson.dumps(found)) == found


def test_nanoseconds_are_read(tmp_path: Path) -> None:
    [found] = values(read_table(tmp_path, pa.table({"v": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))})))
    assert str(found["v"]).startswith("2023-11-14T22:13:20.123456")


def test_whole_columns_of_times_and_maps_are_read(tmp_path: Path) -> None:
    columns = {
        "clock": pa.array([1_001], pa.time64("ns")),
        "span": pa.array([1_001], pa.duration("ns")),
        "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    }
    [found] = values(read_table(tmp_path, pa.table(columns)))
    assert found == {"clock": "00:00:00.000001", "span": "0:00:00.000001", "map": [["a", 1]]}


def test_a_date_that_python_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable):
        read_table(tmp_path, pa.table({"v": pa.array([10_000_000], pa.date32())}))


def test_what_is_no_parquet_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="it is not intact Parquet") as raised:
        read(tmp_path, "t.parquet", "id,name\n" * 10)
    assert "\n" not in str(raised.value)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": ["some text", "more text"] * 500}), tmp_path / "whole.parquet")
    content = bytearray((tmp_path / "whole.parquet").read_bytes())
    content[4:40] = b"\xff" * 36
    with pytest.raises(SourceUnreadable, match="it is not intact Parquet"):
        read(tmp_path, "t.parquet", bytes(content))


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(SourceUnreadable, match="the column 'a' stands in it twice"):
        read_table(tmp_path, table)
