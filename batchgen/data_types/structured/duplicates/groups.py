"""What a report says of near-duplicates: how many records repeat another, in how many groups, and the first of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchgen.data_types.contract import BatchFacts, Outcome, ReportPart, Result
from batchgen.data_types.structured.duplicates.search import DuplicateSearch, NearDuplicate
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec

EXAMPLES = 10
ROOM = 100_000
"""The most sketches of a batch: other batches leave room for them."""


@dataclass(slots=True)
class DuplicateSummary:
    """Near-duplicates among accepted records."""

    compared: tuple[str, ...]
    """The fields."""
    groups: int = 0
    """Records that others repeat."""
    records: int = 0
    """Records that repeat another."""
    same_source: int = 0
    """Of these, records of which the source says nothing else."""
    examples: list[NearDuplicate] = field(default_factory=list)
    unkept: int = 0
    """Records that later ones were not compared with, for there were too many."""

    def highlights(self) -> list[str]:
        """Return what a reviewer is told first."""
        if not self.records:
            return []
        if self.records == 1:
            return ["1 record nearly repeats the texts of another"]
        groups = f", in {self.groups:,} groups" if self.groups > 1 else ""
        return [f"{self.records:,} records nearly repeat the texts of another{groups}"]

    def fields(self) -> dict[str, Any]:
        """Return it as `duplicates` in report.json."""
        found: dict[str, Any] = {
            "fields": list(self.compared),
            "groups": self.groups,
            "records": self.records,
            "same_source": self.same_source,
            "examples": [
                {"record_id": each.record_id, "of": each.of, "score": each.score, "same_source": each.same_source}
                for each in self.examples
            ],
        }
        return found | ({"not_compared_with": self.unkept} if self.unkept else {})


def near_duplicates(
    search: DuplicateSearch, results: Iterable[Result], elsewhere: Iterable[Result] = ()
) -> Iterator[NearDuplicate]:
    """Yield each result that nearly repeats an earlier one, or one of `elsewhere`, in their order; as a stream."""
    for result in elsewhere:
        if not search.has_room(beside=ROOM):
            break
        search.find_or_know(result)
    for result in results:
        found = search.find_or_know(result)
        if found is not None:
            yield found


def summarize_duplicates(
    results: Iterable[Result],
    spec: DuplicateSpec,
    folder: Path,
    *,
    elsewhere: Iterable[Result] = (),
    facts: Collection[str] = (),
) -> DuplicateSummary:
    """Count near-duplicates among the results, and of those elsewhere; `facts` are columns that are copied."""
    summary = DuplicateSummary(spec.fields)
    first: set[str] = set()
    with DuplicateSearch(spec, folder, facts=facts) as search:
        for found in near_duplicates(search, results, elsewhere):
            first.add(found.of)
            summary.records += 1
            summary.same_source += found.same_source
            if len(summary.examples) < EXAMPLES:
                summary.examples.append(found)
        summary.unkept = search.unkept
    summary.groups = len(first)
    return summary


def duplicates_part(
    outcomes: Callable[[], Iterator[Outcome]],
    facts: BatchFacts,
    spec: DuplicateSpec | None,
    folder: Path,
    columns: Collection[str],
) -> ReportPart:
    """Return what report.json says of near-duplicates; `columns` are copied unchanged. Nothing where none compared."""
    if spec is None:
        return ReportPart()
    results = (each for each in outcomes() if isinstance(each, Result))
    summary = summarize_duplicates(results, spec, folder, elsewhere=facts.elsewhere(), facts=columns)
    told = summary.highlights()
    return ReportPart({"duplicates": summary.fields()} | ({"highlights": told} if told else {}))
