from pathlib import Path

import pytest
from products import fetch

from batchgen.data_types.contract import BadRow, Record
from batchgen.errors import SourceUnreadable


def test_every_cell_that_holds_something_is_kept(tmp_path: Path) -> None:
    content = 'sku,name,color,note\nK-1,"Mug ""Morning"", sand",, \nK-2,"컵,\n파란색",蓝,🐝\n'
    assert fetch(tmp_path, "t.csv", content) == [
        Record("K-1", {"sku": "K-1", "name": 'Mug "Morning", sand'}),
        Record("K-2", {"sku": "K-2", "name": "컵,\n파란색", "color": "蓝", "note": "🐝"}),
    ]


def test_a_missing_fact_is_kept_as_null(tmp_path: Path) -> None:
    assert fetch(tmp_path, "t.csv", "SKU,Price,Brand,x\nK-1,,,y\n") == [
        Record("K-1", {"SKU": "K-1", "x": "y", "Price": None, "Brand": None})
    ]


def test_values_of_jsonl_keep_their_types(tmp_path: Path) -> None:
    [record] = fetch(tmp_path, "t.jsonl", '{"sku": 7, "price": 19.9, "sizes": ["S", "M"]}')
    assert record == Record("7", {"sku": 7, "price": 19.9, "sizes": ["S", "M"]})


@pytest.mark.parametrize(
    ("line", "problem"),
    [("{}", "every cell is empty"), ('{"brand": {"name": "x"}, "a": 1}', "brand: a fact is a single value")],
)
def test_a_row_that_is_no_product_is_bad(line: str, problem: str, tmp_path: Path) -> None:
    [bad] = fetch(tmp_path, "t.jsonl", line)
    assert isinstance(bad, BadRow)
    assert problem in bad.problem


def test_facts_that_are_named_must_be_columns(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"no column 'ean'.*Its columns: sku, name\."):
        fetch(tmp_path, "t.csv", "sku,name\nK-1,Mug\n", facts="sku,ean")


def test_facts_that_are_named_are_found_in_any_case(tmp_path: Path) -> None:
    [record] = fetch(tmp_path, "t.csv", "EAN,name\n,Mug\n", facts=["ean"])
    assert record == Record("1", {"name": "Mug", "ean": None})
