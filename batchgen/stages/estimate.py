"""What a job would be: counted from its real requests, with nothing recorded or sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from batchgen.models import Usage
from batchgen.openai_client.policies import ModelPolicies
from batchgen.openai_client.tokens import RequestCounter
from batchgen.stages.intake import JobRequest, prepare
from batchgen.stages.token_sample import CountedTokens, count_requests

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from batchgen.openai_client.catalog import ModelCatalog


@dataclass(frozen=True, slots=True)
class Estimate:
    """A job before it is sent. Tokens are those of the input."""

    model: str
    model_reason: str
    records: int
    requests: int
    batches: int
    input_tokens: int
    input_tokens_error: int
    """How far the sum may be off where a sample was counted, in 95 of 100 cases; 0 where every request was."""
    input_cost_usd: Decimal


def estimate_job(
    request: JobRequest,
    folder: Path,
    *,
    policies: ModelPolicies,
    s3: Callable[[], S3Client] | None,
    cache: Path,
    exact: bool = False,
) -> Estimate:
    """Read the source and count; `folder` takes the batch files meanwhile. Raises InputError."""
    prepared = prepare(request, folder, policies=policies, usage_tier=None, s3=s3, cache=cache, pack=False)
    model = prepared.job.model
    counted = count_requests([file.requests_path for file in prepared.files], RequestCounter(model), exact=exact)
    return Estimate(
        model=model,
        model_reason=prepared.job.model_reason,
        records=prepared.job.records,
        requests=sum(file.requests for file in prepared.files),
        batches=len(prepared.files),
        input_tokens=counted.total,
        input_tokens_error=counted.error,
        input_cost_usd=input_cost(counted, model, policies.catalog),
    )


def input_cost(counted: CountedTokens, model: str, catalog: ModelCatalog) -> Decimal:
    """US dollars of the input in a batch; a large request may cost the higher price."""
    large = (catalog.batch_cost(model, Usage(input_tokens=tokens)) for tokens in counted.large)
    return catalog.batch_cost(model, Usage(input_tokens=counted.small), largest=0) + sum(large, Decimal(0))
