"""The products that ship with the package: hard enough, and every one comes through unharmed."""

import orjson
import pytest
from products import ANSWER, body, judge, options

from batchgen.data import DEMO_PRODUCTS
from batchgen.data_types.contract import Accepted, Record
from batchgen.data_types.product import PRODUCT
from batchgen.sources import open_source


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    with open_source(DEMO_PRODUCTS, work_dir=tmp_path_factory.mktemp("work"), s3=None) as source:
        found = list(PRODUCT.fetcher().fetch(source, options()))
    assert all(isinstance(record, Record) for record in found)
    return [record for record in found if isinstance(record, Record)]


def test_there_are_enough_and_each_has_its_own_sku(products: list[Record]) -> None:
    assert len({record.record_id for record in products}) == len(products) >= 60


@pytest.mark.parametrize("script", ["é", "ß", "タ", "用", "한", "ع", "🚂", '"', ",", "\n"])
def test_they_hold_what_breaks_careless_readers(script: str, products: list[Record]) -> None:
    assert any(script in str(value) for record in products for value in record.data.values())


@pytest.mark.parametrize("column", ["price", "brand"])
def test_some_facts_are_missing(column: str, products: list[Record]) -> None:
    assert any(record.data[column] is None for record in products)


def test_their_facts_come_back_as_they_are_in_the_source(products: list[Record]) -> None:
    for record in products:
        sent = orjson.loads(body(record.data)["messages"][1]["content"])
        facts = {name: sent[name] for name in ("sku", "price", "brand")}
        accepted = judge({**ANSWER, **facts, "title": sent["name"]}, record.data)
        assert isinstance(accepted, Accepted)
        assert accepted.output.items() >= facts.items()
        assert accepted.output["title"] == record.data["name"]
