"""What is known of jobs, batches, refusals, costs and models, as tools for a model: it looks, and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from batchgen.assistant.engine import Tool
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.money import dollars
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.openai_client.model_config import ModelConfig, ModelTier
from batchgen.stages.cost_report import costs_of
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.uploads import BatchUploadManager
from batchgen.summary import summarize, summarize_batch

_SHOWN_TEXT = 300
_MOST_ROWS = 50
CostsBy = Callable[[str], dict[str, Any]]
"""The report of the cost ledger, by what its rows are: `Services.costs`."""
_HIDDEN = ("proof", "objects", "openai_batch_ids")
"""Parts of a summary that answer no question and take room."""


class Listed(BaseModel):
    """Arguments: how many."""

    limit: int = Field(10, ge=1, le=50, description="How many, the newest first.")


class OfJob(BaseModel):
    """Arguments: which job."""

    job_id: str = Field(description="Id of the job, as list_jobs has it.")


class OfBatch(BaseModel):
    """Arguments: which batch."""

    batch_id: str = Field(description="Id of the batch, as get_job has it.")


class Refusals(BaseModel):
    """Arguments: of which batch, how many."""

    batch_id: str = Field(description="Id of the batch, as get_job has it.")
    limit: int = Field(5, ge=1, le=20, description="How many examples.")


class OfStatus(BaseModel):
    """Arguments: which batches."""

    status: BatchStatus | None = Field(None, description="Only batches of this status.")
    limit: int = Field(10, ge=1, le=50, description="How many.")


class OfTier(BaseModel):
    """Arguments: which models."""

    tier: ModelTier | None = Field(None, description="Only models of this tier.")


class CostsOf(BaseModel):
    """Arguments: by what."""

    by: Literal["job", "data_type", "model", "day", "month", "service"] = Field("job", description="What a row is.")


class StoredFacts:
    """Reads what the stages have stored. Raises JobNotFound, BatchNotFound, Unavailable."""

    def __init__(
        self, ids: BatchIdManager, uploads: BatchUploadManager, manager: OpenAIClientManager, costs: CostsBy
    ) -> None:
        """Take the connections, and what reads the cost ledger."""
        self._ids = ids
        self._uploads = uploads
        self._manager = manager
        self._costs = costs

    def tools(self) -> list[Tool]:
        """Everything that may be looked up."""
        return [
            Tool("list_jobs", "The newest jobs with status, counts, tokens and cost.", Listed, self._jobs),
            Tool(
                "get_job", "One job: status, counts, tokens, cost, its batches.", OfJob, lambda of: self.job(of.job_id)
            ),
            Tool("list_batches", "Batches by status, and how many there are of each.", OfStatus, self._batches),
            Tool("get_batch", "One batch with its reviews and what it waits for.", OfBatch, self._batch),
            Tool("list_refusals", "Why records of a batch were refused, with examples.", Refusals, self._refusals),
            Tool("sum_costs", "What was spent, by job, model, data type, day or month.", CostsOf, self._sum_costs),
            Tool("list_models", "Models with tier, capabilities and prices.", OfTier, self._models),
        ]

    def job(self, job_id: str) -> dict[str, Any]:
        """One job with its batches."""
        job, batches = self._ids.get_job(job_id), self._ids.job_batches(job_id)
        summary = summarize(job, batches)
        summary["model"], summary["source"] = job.model, job.source
        summary["batches"] = [_less(each) for each in summary["batches"]]
        return _less(summary) | _rates(batches)

    def batch(self, batch_id: str) -> dict[str, Any]:
        """One batch."""
        batch = self._ids.get(batch_id)
        return _less(summarize_batch(batch)) | {"model": batch.model} | _rates([batch])

    def batches_of(self, job_id: str) -> list[Batch]:
        """A job's batches; raises JobNotFound."""
        self._ids.get_job(job_id)
        return self._ids.job_batches(job_id)

    def _jobs(self, asked: Listed) -> dict[str, Any]:
        jobs = []
        for job in self._ids.jobs(limit=asked.limit):
            summary = summarize(job, self._ids.job_batches(job.job_id))
            jobs.append({name: value for name, value in summary.items() if name != "batches"} | {"model": job.model})
        return {"jobs": jobs}

    def _batches(self, asked: OfStatus) -> dict[str, Any]:
        found = islice(self._ids.iterate(status=asked.status), asked.limit)
        counts = {status.value: count for status, count in self._ids.counts().items()}
        return {"counts": counts, "batches": [_less(summarize_batch(batch)) for batch in found]}

    def _batch(self, asked: OfBatch) -> dict[str, Any]:
        return self.batch(asked.batch_id)

    def _refusals(self, asked: Refusals) -> dict[str, Any]:
        batch = self._ids.get(asked.batch_id)
        key = next((each.key for each in batch.objects if each.key.endswith("/rejected.jsonl")), None)
        examples = []
        if key is not None:
            with closing(self._uploads.lines(key)) as lines:
                for line in islice(lines, asked.limit):
                    rejected = orjson.loads(line)
                    examples.append({name: _cut(rejected.get(name)) for name in ("record_id", "reason", "detail")})
        return {"batch_id": batch.batch_id, "reasons": batch.reasons, "examples": examples}

    def _sum_costs(self, asked: CostsOf) -> dict[str, Any]:
        found = self._costs(asked.by)
        return found | {"rows": found["rows"][-_MOST_ROWS:]}

    def _models(self, asked: OfTier) -> dict[str, Any]:
        models = (each for each in self._manager.catalog if asked.tier in {None, each.tier})
        return {"models": [model_facts(each) for each in models]}


def model_facts(config: ModelConfig) -> dict[str, Any]:
    """What is worth knowing of a model, prices in US dollars per million tokens."""
    return {
        "model_id": config.model_id,
        "tier": config.tier.value,
        "capabilities": sorted(config.capabilities),
        "input_price_per_1m": float(config.input_price_per_1m),
        "output_price_per_1m": float(config.output_price_per_1m),
        "context_window": config.context_window,
        "max_tokens": config.max_tokens,
    }


def reasons_of(batches: Iterable[Batch]) -> Counter[str]:
    """How many records were refused or failed, by reason."""
    reasons: Counter[str] = Counter()
    for each in batches:
        reasons.update(each.reasons)
    return reasons


def _rates(batches: Sequence[Batch]) -> dict[str, Any]:
    """Figures that people ask for, so that nobody has to work them out."""
    records, accepted = (sum(getattr(each, name) for each in batches) for name in ("records", "accepted"))
    cost = costs_of(batches).total.cost_usd
    return {
        "reasons": dict(reasons_of(batches).most_common()),
        "accepted_percent": round(100 * accepted / records, 1) if records else None,
        "cost_per_accepted_usd": dollars(cost / accepted) if accepted else None,
    }


def _less(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name not in _HIDDEN}


def _cut(value: Any) -> Any:
    text = str(value)
    return text if len(text) <= _SHOWN_TEXT else text[:_SHOWN_TEXT] + "…"
