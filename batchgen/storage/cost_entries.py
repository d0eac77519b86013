"""What the cost ledger holds: an entry for each iteration of a batch, and one for each call outside of batches.

Those of a batch are made from the batch alone, and whoever writes it writes them in the same step: neither is ever
newer than the other. Each entry carries what it adds to the running sums, in whole nano-dollars: Lua's numbers hold
those exactly below 9 million dollars.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import orjson

from batchgen.models import Batch, Frozen, Iteration, Usage
from batchgen.money import nano

BATCH_SERVICE = "batch"
"""The service of everything that went through the Batch API."""
_CALL = "call:"


class CostEntry(Frozen):
    """What one iteration of a batch, or one ordinary call, cost or may cost."""

    service: str = BATCH_SERVICE
    key: str
    """Unique: the batch and its iteration, or what the caller named."""
    batch_id: str = ""
    iteration: int = 0
    job_id: str = ""
    data_type: str = ""
    model: str
    catalog_model: str
    day: date
    """When it was sent, in UTC: it stays in that month, whenever it is settled."""
    requests: int = 0
    answers: int = 0
    accepted: int = 0
    usage: Usage = Usage()
    cost_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    """The most that it may cost, while that is not known better."""
    simulated: bool = False

    @property
    def field(self) -> str:
        """Its name in the ledger."""
        return self.key if self.service == BATCH_SERVICE else f"{_CALL}{self.key}"

    def line(self) -> str:
        """The entry as the ledger keeps it: what it says, and what it adds to the sums."""
        return f'{{"entry":{self.model_dump_json()},"sums":{orjson.dumps(self.sums()).decode()}}}'

    def sums(self) -> dict[str, int]:
        """What it adds to which running sums."""
        amount = nano(self.cost_usd + self.reserved_usd)
        sums = dict.fromkeys(self._accounts(), amount) if amount else {}
        if self.answers and self.service == BATCH_SERVICE:
            sums |= {
                typical_answers(self.data_type, self.model): self.answers,
                typical_output(self.data_type, self.model): self.usage.output_tokens,
            }
        return sums

    def _accounts(self) -> list[str]:
        month = month_of(self.day)
        names = [account("all", ""), account("all", "", month)]
        for scope, name in (("model", self.catalog_model), ("data_type", self.data_type)):
            if name:
                names += [account(scope, name), account(scope, name, month)]
        return names + ([account("job", self.job_id)] if self.job_id else [])


def entries_of(batch: Batch) -> dict[str, str]:
    """The lines of a batch's iterations by their names; an empty one where there is nothing (any more) to count."""
    return {_key(batch, each): _line(batch, each) for each in batch.iterations}


def parse_line(line: str) -> CostEntry:
    """The entry of a line."""
    return CostEntry.model_validate_json(line[len('{"entry":') : line.rindex(',"sums":')])


def iteration_entry(batch: Batch, each: Iteration) -> CostEntry | None:
    """The entry of an iteration, or None where it has no costs."""
    settled = each.settled_at is not None
    booked = each.reserved_at or each.sent_at or each.settled_at
    reserved = Decimal(0) if settled or each.reserved_at is None else each.most_cost_usd or Decimal(0)
    if booked is None or not (reserved or each.usage != Usage() or each.answers):
        return None
    return CostEntry(
        key=_key(batch, each),
        batch_id=batch.batch_id,
        iteration=each.number,
        job_id=batch.job_id,
        data_type=batch.data_type,
        model=batch.model,
        catalog_model=batch.catalog_model or batch.model,
        day=booked.astimezone(UTC).date(),
        requests=each.requests,
        answers=each.answers,
        accepted=each.accepted,
        usage=each.usage,
        cost_usd=each.cost_usd,
        reserved_usd=reserved,
        simulated=batch.simulated,
    )


def account(scope: str, name: str, month: str | None = None) -> str:
    """The name of a running sum: of a job, data type, model or all; of one month, or of all time."""
    return f"usd|{scope}|{name}|{month or 'ever'}"


def typical_answers(data_type: str, model: str) -> str:
    """The name of the sum of answers of a data type and model."""
    return f"answers|{data_type}|{model}"


def typical_output(data_type: str, model: str) -> str:
    """The name of the sum of their output tokens."""
    return f"output|{data_type}|{model}"


def month_of(day: date | datetime) -> str:
    """A month as the sums name it, for example 2026-11."""
    return f"{day:%Y-%m}"


def _key(batch: Batch, each: Iteration) -> str:
    return f"{batch.batch_id}:{each.number}"


def _line(batch: Batch, each: Iteration) -> str:
    entry = iteration_entry(batch, each)
    return "" if entry is None else entry.line()
