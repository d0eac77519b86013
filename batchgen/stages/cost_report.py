"""What was spent, for whom, and what it would have cost on another model: everything from the cost ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from batchgen.models import Batch, Usage
from batchgen.money import dollars, exact, usd
from batchgen.openai_client.prices import PriceList
from batchgen.storage.batch_ids import Cap
from batchgen.storage.cost_entries import CostEntry, iteration_entry, month_of

DEFAULT_BASELINE = "gpt-4-turbo"
KEYS: dict[str, Callable[[CostEntry], str]] = {
    "job": lambda entry: entry.job_id,
    "batch": lambda entry: entry.batch_id,
    "iteration": lambda entry: entry.key,
    "data_type": lambda entry: entry.data_type,
    "model": lambda entry: entry.model,
    "day": lambda entry: entry.day.isoformat(),
    "month": lambda entry: month_of(entry.day),
    "service": lambda entry: entry.service,
}
"""What a report can be by."""
_PERCENT = Decimal(100)
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries count; days are those of sending, in UTC, both included. None: all.

    A model holds its snapshots and what was fine-tuned from it, as for the caps; one of these names itself alone.
    """

    since: date | None = None
    until: date | None = None
    job_id: str | None = None
    data_type: str | None = None
    model: str | None = None

    def holds(self, entry: CostEntry) -> bool:
        """Whether an entry counts."""
        return (
            self.job_id in {None, entry.job_id}
            and self.data_type in {None, entry.data_type}
            and self.model in {None, entry.model, entry.catalog_model}
            and (self.since is None or entry.day >= self.since)
            and (self.until is None or entry.day <= self.until)
        )


@dataclass(slots=True)
class Costs:
    """The sums over some entries."""

    requests: int = 0
    answers: int = 0
    accepted: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    simulated: bool = False

    def add(self, entry: CostEntry) -> None:
        """Count an entry."""
        self.requests += entry.requests
        self.answers += entry.answers
        self.accepted += entry.accepted
        self.usage += entry.usage
        self.cost_usd += entry.cost_usd
        self.reserved_usd += entry.reserved_usd
        self.simulated = self.simulated or entry.simulated

    def document(self, baseline: PriceList) -> dict[str, Any]:
        """The sums as documents have them: amounts in US dollars, as text."""
        other = baseline.base.cost(self.usage)
        saving = None if not other else (_PERCENT * (1 - self.cost_usd / other)).quantize(_TENTH)
        return {
            "requests": self.requests,
            "answers": self.answers,
            "accepted": self.accepted,
            **self.usage.model_dump(),
            "cost_usd": exact(self.cost_usd),
            "reserved_usd": exact(self.reserved_usd),
            "cost_per_accepted_usd": dollars(self.cost_usd / self.accepted) if self.accepted else None,
            "baseline_cost_usd": exact(other),
            "saving_usd": exact(other - self.cost_usd),
            "saving_percent": None if saving is None else str(saving),
            "simulated": self.simulated,
        }


EVERYTHING = Wanted()


class CostReport:
    """Adds up entries by one of the KEYS. What is reserved is added up for the caps, too, whatever is wanted."""

    def __init__(self, by: str, wanted: Wanted) -> None:
        """Start at nothing."""
        self._by = by
        self._key = KEYS[by]
        self._wanted = wanted
        self._seen: set[str] = set()
        self._reserved: Counter[str] = Counter()
        self.rows: dict[str, Costs] = {}
        self.total = Costs()

    def add(self, entries: Iterable[CostEntry]) -> CostReport:
        """Count entries; one that comes twice counts once."""
        for entry in entries:
            if entry.field in self._seen:
                continue
            self._seen.add(entry.field)
            if entry.reserved_usd:
                self._reserved.update(entry.sums())
            if self._wanted.holds(entry):
                self.rows.setdefault(self._key(entry), Costs()).add(entry)
                self.total.add(entry)
        return self

    def document(self, baseline: str, prices: PriceList, caps: Sequence[tuple[Cap, int]] = ()) -> dict[str, Any]:
        """The report; `prices` are the ordinary ones of the baseline, `caps` come with what their sums are."""
        return {
            "by": self._by,
            "baseline": baseline,
            "rows": [{self._by: key, **self.rows[key].document(prices)} for key in sorted(self.rows)],
            "total": self.total.document(prices),
            "budgets": [self._use(cap, taken) for cap, taken in caps],
        }

    def _use(self, cap: Cap, taken: int) -> dict[str, str]:
        return {
            "cap": cap.label,
            "max_usd": exact(usd(cap.nano)),
            "used_usd": exact(usd(taken)),
            "reserved_usd": exact(usd(self._reserved[cap.account])),
            "left_usd": exact(usd(max(0, cap.nano - taken))),
        }


def costs_of(batches: Iterable[Batch]) -> CostReport:
    """What each iteration of these batches cost so far, from what they hold themselves."""
    entries = (iteration_entry(batch, each) for batch in batches for each in batch.iterations)
    return CostReport("iteration", EVERYTHING).add(entry for entry in entries if entry is not None)
