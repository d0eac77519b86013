"""Judges the answers of a declared type by its form, facts and rules."""

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
    ResultStrategy,
    Workplace,
)
from batchgen.data_types.declared.options import DeclaredOptions
from batchgen.data_types.structured.answer import AnswerForm
from batchgen.data_types.structured.duplicates.groups import duplicates_part
from batchgen.data_types.structured.duplicates.refusal import refusing
from batchgen.data_types.structured.judging import judge_structured
from batchgen.data_types.structured.report.page import write_report
from batchgen.data_types.structured.tables import write_tables


class DeclaredResultStrategy(ResultStrategy[DeclaredOptions]):
    """The reasons stand in `structured/judging.py`."""

    def __init__(self, options: DeclaredOptions, workplace: Workplace | None = None) -> None:
        super().__init__(options, workplace)
        self._form = AnswerForm(options.declaration.unchanged, options.declaration.fields)
        self._duplicates = options.declaration.duplicates.over(options.declaration.fields)

    def judge(self, record: Record, text: str, former: Feedback | None = None) -> Accepted | Refused:
        """Accept the answer as an object, its facts spelled as in the source."""
        return judge_structured(self._form, text, record.data, self.options.declaration.rules)

    def comparison(self, folder: Path) -> AbstractContextManager[Comparison] | None:
        """Compare texts where near-duplicates are to be refused."""
        return refusing(self._duplicates, folder, self.options.declaration.unchanged)

    def write_objects(self, outcomes: Callable[[], Iterator[Outcome]], facts: BatchFacts, folder: Path) -> ReportPart:
        """Write results.csv, results.parquet and report.html."""
        declaration = self.options.declaration
        write_tables(outcomes, declaration.unchanged, declaration.fields, folder)
        found = duplicates_part(outcomes, facts, self._duplicates, folder, declaration.unchanged)
        return write_report(outcomes, facts, declaration.fields, folder, others=found)
