"""Writes report.html, by which a reviewer decides, and what report.json says of the fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from batchgen.data_types.contract import BatchFacts, Outcome, Record, Rejected, ReportPart, Result
from batchgen.data_types.report_page import render_page
from batchgen.data_types.structured.fields import FieldSpec
from batchgen.data_types.structured.report.plots import bars, field_plot
from batchgen.data_types.structured.report.samples import pick_samples
from batchgen.data_types.structured.report.statistics import MEASURES, FieldStatistics, collect_statistics

_PLOTTED = 24
"""Fields: each plot takes 50 ms."""
_OUTLYING = 12
_ACCEPTED = "accepted"


def write_report(
    outcomes: Callable[[], Iterator[Outcome]],
    facts: BatchFacts,
    specs: Sequence[FieldSpec],
    folder: Path,
    *,
    others: ReportPart | None = None,
    given: Callable[[Record], dict[str, Any]] = lambda record: record.data,
) -> ReportPart:
    """Write report.html into `folder`, and return `others` with the statistics of the fields.

    `given` says what of a record is shown as its input.
    """
    others = others or ReportPart()
    statistics = collect_statistics((each for each in outcomes() if isinstance(each, Result)), specs)
    reasons = Counter(each.reason for each in outcomes() if isinstance(each, Rejected))
    outlying = _outlying(statistics)
    highlights = [*others.fields.get("highlights", ()), *_highlights(statistics)]
    template = resources.files("batchgen.data_types.structured.report").joinpath("report.html.j2")
    render_page(
        template.read_text(encoding="utf-8"),
        folder / "report.html",
        facts=facts,
        reasons=reasons.most_common(),
        outcomes_plot=_outcomes_plot(facts, reasons) if reasons else "",
        cost_plot=_cost_plot(facts),
        statistics=statistics,
        measures=MEASURES,
        plots={each.spec.name: field_plot(each) for each in statistics[:_PLOTTED]},
        duplicates=others.fields.get("duplicates"),
        highlights=highlights,
        samples=pick_samples(outcomes(), outlying, given),
    )
    fields = others.fields | {"statistics": {each.spec.name: each.fields() for each in statistics}}
    return ReportPart(fields | ({"highlights": highlights} if highlights else {}), others.targets)


def _outcomes_plot(facts: BatchFacts, reasons: Counter[str]) -> str:
    return bars([(_ACCEPTED, facts.accepted), *reasons.most_common(12)], good=_ACCEPTED)


def _cost_plot(facts: BatchFacts) -> str:
    if len(facts.cost_by_iteration) < 2:  # noqa: PLR2004 - one bar says what the total says
        return ""
    rows = [(f"iteration {at}", float(cost)) for at, cost in enumerate(facts.cost_by_iteration, 1)]
    return bars(rows, unit="US dollars")


def _outlying(statistics: Sequence[FieldStatistics]) -> dict[int, str]:
    """Say of the records that lie farthest, the same number of each field, why they are shown."""
    shown: dict[int, str] = {}
    for place in range(_OUTLYING):
        for each in statistics:
            if place < len(each.outliers) and len(shown) < _OUTLYING:
                outlier = each.outliers[place]
                measure = MEASURES[each.spec.type]
                said = f"{each.spec.name}: {outlier.value:,g}" + ("" if measure == "value" else f" {measure}")
                shown[outlier.row] = f"{shown[outlier.row]}; {said}" if outlier.row in shown else said
    return shown


def _highlights(statistics: Sequence[FieldStatistics]) -> list[str]:
    return [
        f"{each.spec.name}: {len(each.outliers):,} of {each.present:,} values lie far from the others "
        f"(first: record {each.outliers[0].record_id})"
        for each in statistics
        if each.outliers
    ]
