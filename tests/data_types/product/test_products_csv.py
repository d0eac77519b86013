import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from batch_facts import batch_facts
from products import ANSWER, options

from batchgen.data_types.contract import Record, Result
from batchgen.data_types.product import PRODUCT
from batchgen.sources.opened import OpenedSource
from batchgen.sources.rows import Row, rows


def written(folder: Path, *outputs: dict[str, Any], **values: Any) -> Path:
    results = [Result(Record(f"r{number}", {}), output, 1) for number, output in enumerate(outputs, 1)]
    PRODUCT.result_strategy(options(**values)).write_objects(lambda: iter(results), batch_facts(), folder)
    return folder / "products.csv"


def test_a_product_is_a_row_that_our_own_reader_reads(tmp_path: Path) -> None:
    text = {"title": 'Mug "Morning", 컵 ☕', "description": "Two\nlines"}
    path = written(tmp_path, ANSWER | text)
    [row] = list(rows(OpenedSource(path.name, path)))
    assert isinstance(row, Row)
    assert row.values == {
        "record_id": "r1",
        "sku": "K-1",
        "price": "14.90",
        "brand": "Hafen",
        **text,
        "bullet_points": "Sand\nStoneware",
        "category": "Kitchen > Mugs",
        "attributes": "color: sand",
        "seo_keywords": "mug\ncoffee",
    }


def test_spreadsheets_are_told_that_it_is_utf8(tmp_path: Path) -> None:
    assert written(tmp_path, ANSWER).read_bytes().startswith(b"\xef\xbb\xbfrecord_id,")


def test_products_with_different_facts_share_the_columns(tmp_path: Path) -> None:
    path = written(tmp_path, {"SKU": "a", "title": "x"}, {"brand": "b", "title": None}, fields="title")
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.reader(file))
    assert found == [["record_id", "sku", "price", "brand", "title"], ["r1", "a", "", "", "x"], ["r2", "", "", "b", ""]]


def test_the_parquet_holds_the_same_rows_with_types(tmp_path: Path) -> None:
    outputs = [ANSWER, ANSWER | {"title": "컵 ☕", "bullet_points": ["a\nb", "ü"]}]
    written(tmp_path, *outputs)
    rows = pq.read_table(tmp_path / "products.parquet").to_pylist()
    assert [row.pop("record_id") for row in rows] == ["r1", "r2"]
    assert rows == outputs
