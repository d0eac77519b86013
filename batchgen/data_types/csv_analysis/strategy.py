"""Judges an analysis: its form, its language, and that it speaks of no column that is not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchgen.data_types.contract import (
    Accepted,
    BatchFacts,
    Feedback,
    Outcome,
    Record,
    Refused,
    ReportPart,
    ResultStrategy,
    Workplace,
)
from batchgen.data_types.csv_analysis.generator import FIELDS
from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from batchgen.data_types.structured.answer import AnswerForm
from batchgen.data_types.structured.judging import judge_structured
from batchgen.data_types.structured.report.page import write_report
from batchgen.data_types.structured.rules import Rules, texts

_NAMED = re.compile(r"`([^`\n]+)`")


class CsvAnalysisResultStrategy(ResultStrategy[CsvAnalysisOptions]):
    """Refuses what structured answers are refused for, `unknown_column`, and `no_answer` to a question."""

    def __init__(self, options: CsvAnalysisOptions, workplace: Workplace | None = None) -> None:
        super().__init__(options, workplace)
        specs = [spec.model_copy(update={"language": options.language}) for spec in FIELDS]
        self._form = AnswerForm((), tuple(specs))

    def judge(self, record: Record, text: str, former: Feedback | None = None) -> Accepted | Refused:
        """Accept the analysis as an object, with the file, the question and the number of rows."""
        verdict = judge_structured(self._form, text, record.data, Rules())
        if isinstance(verdict, Refused):
            return verdict
        profile, question = record.data["profile"], record.data["question"]
        known = {*(column["name"] for column in profile["columns"]), *profile["not_profiled"]}
        unknown = sorted({name for part in texts(verdict.output) for name in _NAMED.findall(part)} - known)
        if unknown:
            return Refused("unknown_column", f"The table has no column {', '.join(map(repr, unknown[:5]))}.")
        if question and not (verdict.output["answer"] or "").strip():
            return Refused("no_answer", "The question is not answered: write the answer into `answer`.")
        about = {"file": record.data["file"], "question": question, "rows": profile["rows"]}
        return replace(verdict, output=about | verdict.output)

    def write_objects(self, outcomes: Callable[[], Iterator[Outcome]], facts: BatchFacts, folder: Path) -> ReportPart:
        """Write report.html: the analyses beside what they are about."""
        return write_report(outcomes, facts, FIELDS, folder, given=_about)


def _about(record: Record) -> dict[str, Any]:
    profile = record.data["profile"]
    columns = ", ".join(column["name"] for column in profile["columns"])
    return {
        "file": record.data["file"],
        "question": record.data["question"],
        "rows": profile["rows"],
        "columns": columns,
    }
