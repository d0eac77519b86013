"""Judges an answer in this order: is it JSON, has it the form, are the facts the source's, is every text written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from batchgen.data_types.contract import (
    Accepted,
    BatchFacts,
    Feedback,
    Outcome,
    Record,
    Refused,
    ReportPart,
    Result,
    ResultStrategy,
    Workplace,
)
from batchgen.data_types.product.answer import AnswerForm, in_words
from batchgen.data_types.product.facts import fact_columns, is_unchanged
from batchgen.data_types.product.fields import FieldSpec, FieldType
from batchgen.data_types.product.options import ProductOptions
from batchgen.data_types.product.products_csv import write_products
from batchgen.data_types.tabular import is_missing


class ProductResultStrategy(ResultStrategy[ProductOptions]):
    """Refuses `invalid_json`, `schema_violation`, `fact_changed` and `empty_field`."""

    def __init__(self, options: ProductOptions, workplace: Workplace | None = None) -> None:
        super().__init__(options, workplace)
        self._forms: dict[tuple[str, ...], AnswerForm] = {}

    def judge(self, record: Record, text: str, former: Feedback | None = None) -> Accepted | Refused:
        """Accept the answer as an object, its facts spelled as in the source."""
        form = self._form(record)
        try:
            answer = form.parse(text)
        except orjson.JSONDecodeError as error:
            return Refused("invalid_json", f"The answer is not JSON: {error}")
        except ValidationError as error:
            return Refused("schema_violation", in_words(error))
        given = {name: record.data.get(name) for name in form.facts}
        for name, value in given.items():
            if not is_unchanged(value, answer[name]):
                return Refused("fact_changed", f"{name}: it is {value!r} in the source and {answer[name]!r} here")
        for spec in form.specs:
            if spec.required and is_empty(spec, answer[spec.name]):
                return Refused("empty_field", f"{spec.name}: nothing is written in it, or in one of its items")
        return Accepted(answer | given)

    def write_objects(self, outcomes: Callable[[], Iterator[Outcome]], facts: BatchFacts, folder: Path) -> ReportPart:
        """Write products.csv."""
        results = (outcome for outcome in outcomes() if isinstance(outcome, Result))
        write_products(results, folder / "products.csv", self.options)
        return ReportPart()

    def _form(self, record: Record) -> AnswerForm:
        facts = fact_columns(self.options, record.data)
        form = self._forms.get(facts)
        if form is None:
            form = self._forms[facts] = AnswerForm(facts, self.options.fields)
        return form


def is_empty(spec: FieldSpec, value: Any) -> bool:
    """Tell whether a text is missing. A product may have no attributes, but none without name or value."""
    if spec.type is FieldType.ATTRIBUTES:
        return any(is_missing(each["name"]) or is_missing(each["value"]) for each in value)
    if spec.type is FieldType.LIST:
        return not value or any(is_missing(each) for each in value)
    return is_missing(value)
