"""The data type `product` on rows and answers given as Python values."""

from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types import parse_options
from batchgen.data_types.contract import Accepted, BadRow, Feedback, Record, Refused
from batchgen.data_types.product import PRODUCT
from batchgen.data_types.product.options import ProductOptions
from batchgen.models import Endpoint
from batchgen.sources.opened import OpenedSource

MUG = {"sku": "K-1", "name": 'Mug "Morning", sand', "price": "14.90", "brand": "Hafen"}
ANSWER: dict[str, Any] = {
    "sku": "K-1",
    "price": "14.90",
    "brand": "Hafen",
    "title": "Mug “Morning”",
    "description": "A mug for the morning.",
    "bullet_points": ["Sand", "Stoneware"],
    "category": "Kitchen > Mugs",
    "attributes": [{"name": "color", "value": "sand"}],
    "seo_keywords": ["mug", "coffee"],
}


def options(**values: Any) -> ProductOptions:
    parsed = parse_options(PRODUCT, values)
    assert isinstance(parsed, ProductOptions)
    return parsed


def fetch(folder: Path, name: str, content: str, **values: Any) -> list[Record | BadRow]:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return list(PRODUCT.fetcher().fetch(OpenedSource(name, path), options(**values)))


def body(data: dict[str, Any], feedback: Feedback | None = None, **values: Any) -> dict[str, Any]:
    """The request for a record of this data, as it is sent."""
    prompt = PRODUCT.prompt_generator(options(**values)).prompt(Record("1", data), feedback)
    sent: dict[str, Any] = orjson.loads(prompt.line("id", "m", Endpoint.CHAT))["body"]
    return sent


def schema(data: dict[str, Any], **values: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(data, **values)["response_format"]["json_schema"]["schema"]
    return found


def judge(answer: dict[str, Any] | str, data: dict[str, Any] | None = None, **values: Any) -> Accepted | Refused:
    text = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
    return PRODUCT.result_strategy(options(**values)).judge(Record("1", MUG if data is None else data), text)
