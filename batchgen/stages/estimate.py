"""What a job would be: counted from its real requests, with nothing recorded or sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from batchgen.models import Usage
from batchgen.openai_client.policies import ModelPolicies
from batchgen.openai_client.tokens import counter_for
from batchgen.stages.intake import JobRequest, prepare

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Estimate:
    """A job before it is sent. Tokens are those of the input, a little more than OpenAI will count."""

    model: str
    model_reason: str
    records: int
    requests: int
    batches: int
    input_tokens: int
    input_cost_usd: Decimal


def estimate_job(
    request: JobRequest, folder: Path, *, policies: ModelPolicies, s3: Callable[[], S3Client] | None, cache: Path
) -> Estimate:
    """Read the source and count; `folder` takes the batch files meanwhile. Raises InputError."""
    prepared = prepare(request, folder, policies=policies, usage_tier=None, s3=s3, cache=cache, pack=False)
    count = counter_for(prepared.job.model)
    tokens = 0
    for file in prepared.files:
        with file.requests_path.open("rb") as lines:
            tokens += sum(count(line) for line in lines)
    return Estimate(
        model=prepared.job.model,
        model_reason=prepared.job.model_reason,
        records=prepared.job.records,
        requests=sum(file.requests for file in prepared.files),
        batches=len(prepared.files),
        input_tokens=tokens,
        input_cost_usd=policies.catalog.batch_cost(prepared.job.model, Usage(input_tokens=tokens)),
    )
