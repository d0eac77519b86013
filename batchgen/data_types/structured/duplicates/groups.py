"""What a report says of near-duplicates: how many records repeat another, in how many groups, and the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchgen.data_types.contract import Result
from batchgen.data_types.structured.duplicates.search import DuplicateSearch, NearDuplicate
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec

EXAMPLES = 10


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
    results: Iterable[Result], spec: DuplicateSpec, *, elsewhere: Iterable[Result] = (), folder: Path | None = None
) -> Iterator[NearDuplicate]:
    """Yield each result that nearly repeats an earlier one, or one of `elsewhere`, in their order; as a stream."""
    with DuplicateSearch(spec, folder) as search:
        for result in elsewhere:
            search.find_or_know(result)
        for result in results:
            found = search.find_or_know(result)
            if found is not None:
                yield found


def summarize_duplicates(
    results: Iterable[Result],
    spec: DuplicateSpec,
    *,
    elsewhere: Iterable[Result] = (),
    folder: Path | None = None,
    examples: int = EXAMPLES,
) -> DuplicateSummary:
    """Count the groups of near-duplicates; memory grows with the number of groups alone."""
    summary = DuplicateSummary(spec.fields)
    first: set[str] = set()
    for found in near_duplicates(results, spec, elsewhere=elsewhere, folder=folder):
        first.add(found.of)
        summary.records += 1
        summary.same_source += found.same_source
        if len(summary.examples) < examples:
            summary.examples.append(found)
    summary.groups = len(first)
    return summary
