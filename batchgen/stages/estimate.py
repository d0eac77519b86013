"""What a job takes, from its real requests, before anything is recorded or sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from batchgen.models import BatchFile, Estimate, Usage
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.policies import ModelPolicies
from batchgen.openai_client.prices import PriceList
from batchgen.openai_client.tokens import RequestCounter
from batchgen.stages.cost_bound import lines, output_limit
from batchgen.stages.intake import JobRequest, Prepared, prepare
from batchgen.stages.token_sample import CountedTokens, count_requests

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TypicalOutput = Callable[[str, str], float | None]
"""Data type and model in; output tokens of an average answer so far out, or None."""


@dataclass(frozen=True, slots=True)
class EstimatedJob:
    """A job that was only looked at."""

    model: str
    model_reason: str
    records: int
    batches: int
    estimate: Estimate


def estimate_job(
    request: JobRequest,
    folder: Path,
    *,
    policies: ModelPolicies,
    s3: Callable[[], S3Client] | None,
    cache: Path,
    typical_output: TypicalOutput,
    exact: bool = False,
) -> EstimatedJob:
    """Read the source and count; `folder` takes the batch files meanwhile. Raises InputError."""
    prepared = prepare(request, folder, policies=policies, usage_tier=None, s3=s3, cache=cache, pack=False)
    job = prepared.job
    estimated = estimate(prepared, policies.catalog, typical_output, exact=exact)
    return EstimatedJob(job.model, job.model_reason, job.records, len(prepared.files), estimated)


def estimate(
    prepared: Prepared, catalog: ModelCatalog, typical_output: TypicalOutput, *, exact: bool = False
) -> Estimate:
    """Count what a prepared job would send; of many requests, unless `exact`, a sample."""
    job = prepared.job
    requests = sum(file.requests for file in prepared.files)
    counted = count_requests([file.requests_path for file in prepared.files], RequestCounter(job.model), exact=exact)
    most = _most_output(prepared.files)
    typical = typical_output(job.data_type, job.model)
    expected = most if typical is None else round(typical * requests)
    if expected is not None and most is not None:
        expected = min(expected, most)
    prices = catalog.prices(job.model, batch=True)
    return Estimate(
        requests=requests,
        input_tokens=counted.total,
        input_tokens_error=counted.error,
        output_tokens=expected,
        output_tokens_most=most,
        cost_usd=cost_of(prices, counted, requests, expected or 0),
        ordinary_cost_usd=cost_of(catalog.prices(job.model, batch=False), counted, requests, expected or 0),
        most_cost_usd=None if most is None else cost_of(prices, counted, requests, most, written=True),
    )


def _most_output(files: list[BatchFile]) -> int | None:
    """The most tokens that all answers may have; None where one request sets no limit."""
    most = 0
    for file in files:
        for line in lines(file.requests_path):
            limit = output_limit(orjson.loads(line)["body"])
            if limit is None:
                return None
            most += limit
    return most


def cost_of(
    prices: PriceList, counted: CountedTokens, requests: int, output_tokens: int, *, written: bool = False
) -> Decimal:
    """US dollars, all input put into the cache if `written`; a large request may cost the higher price."""

    def usage(tokens: int, output: int) -> Usage:
        return Usage(input_tokens=tokens, cache_write_tokens=tokens if written else 0, output_tokens=output)

    each = output_tokens // requests if counted.large else 0  # of large requests: as much as of any other
    large = (prices.cost(usage(tokens, each)) for tokens in counted.large)
    small = usage(counted.small, output_tokens - each * len(counted.large))
    return prices.base.cost(small) + sum(large, Decimal(0))
