"""Judges a product's answer, and writes the products for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from batchgen.data_types.contract import (
    Accepted,
    BatchFacts,
    Comparison,
    Feedback,
    Outcome,
    Record,
    Refused,
    ReportPart,
    Result,
    ResultStrategy,
    Workplace,
)
from batchgen.data_types.product.duplicates import compared_texts
from batchgen.data_types.product.facts import DEFAULT_FACTS, fact_columns
from batchgen.data_types.product.options import ProductOptions
from batchgen.data_types.product.products_csv import write_products
from batchgen.data_types.structured.answer import AnswerForm
from batchgen.data_types.structured.duplicates.groups import duplicates_part
from batchgen.data_types.structured.duplicates.refusal import refusing
from batchgen.data_types.structured.judging import judge_structured
from batchgen.data_types.structured.report.page import write_report
from batchgen.data_types.structured.tables import fact_names, write_parquet


class ProductResultStrategy(ResultStrategy[ProductOptions]):
    """Judges by form, facts and rules; the reasons stand in `structured/judging.py`."""

    def __init__(self, options: ProductOptions, workplace: Workplace | None = None) -> None:
        super().__init__(options, workplace)
        self._forms: dict[tuple[str, ...], AnswerForm] = {}
        self._duplicates = compared_texts(options)
        self._facts = options.facts or DEFAULT_FACTS

    def judge(self, record: Record, text: str, former: Feedback | None = None) -> Accepted | Refused:
        """Accept the answer as an object, its facts spelled as in the source."""
        form = self._form(record)
        return judge_structured(form, text, record.data, self.options.rules)

    def comparison(self, folder: Path) -> AbstractContextManager[Comparison] | None:
        """Compare texts where near-duplicates are to be refused."""
        return refusing(self._duplicates, folder, self._facts)

    def write_objects(self, outcomes: Callable[[], Iterator[Outcome]], facts: BatchFacts, folder: Path) -> ReportPart:
        """Write products.csv and report.html for people and products.parquet for programs."""
        results = (outcome for outcome in outcomes() if isinstance(outcome, Result))
        write_products(results, folder / "products.csv", self.options)
        specs = [spec for spec in self.options.fields if spec.name not in (self.options.facts or ())]
        write_parquet(outcomes, fact_names(outcomes, specs), specs, folder / "products.parquet")
        found = duplicates_part(outcomes, facts, self._duplicates, folder, self._facts)
        return write_report(outcomes, facts, specs, folder, others=found)

    def _form(self, record: Record) -> AnswerForm:
        facts = fact_columns(self.options, record.data)
        form = self._forms.get(facts)
        if form is None:
            form = self._forms[facts] = AnswerForm(facts, self.options.fields)
        return form
