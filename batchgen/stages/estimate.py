"""What a job takes, from its real requests, before anything is recorded or sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from batchgen.models import Estimate, Usage
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.tokens import counter_for
from batchgen.stages.cost_bound import lines, output_limit
from batchgen.stages.intake import JobRequest, Prepared, prepare
from batchgen.stages.pricing import LARGE_REQUEST, PriceList, ordinary

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SAMPLE = 2_000
"""Requests that are counted; of more, every k-th."""
_SCORE_95 = 1.96
"""Half the width of a 95 % interval in standard errors."""

TypicalOutput = Callable[[str, str], float | None]
"""Data type and model in; output tokens of an average answer so far out, or None."""


@dataclass(frozen=True, slots=True)
class EstimatedJob:
    """A job that was only looked at."""

    model: str
    records: int
    batches: int
    estimate: Estimate


def estimate_job(
    request: JobRequest,
    folder: Path,
    *,
    catalog: ModelCatalog,
    s3: Callable[[], S3Client] | None,
    cache: Path,
    typical_output: TypicalOutput,
) -> EstimatedJob:
    """Read the source and count; `folder` takes the batch files meanwhile. Raises InputError."""
    prepared = prepare(request, folder, catalog=catalog, usage_tier=None, s3=s3, cache=cache, pack=False)
    estimated = estimate(prepared, catalog, typical_output)
    return EstimatedJob(prepared.job.model, prepared.job.records, len(prepared.files), estimated)


def estimate(prepared: Prepared, catalog: ModelCatalog, typical_output: TypicalOutput) -> Estimate:
    """Count what a prepared job would send; of more than SAMPLE requests a sample. Of no requests, nothing."""
    job = prepared.job
    requests = sum(file.requests for file in prepared.files)
    counted = count_requests(
        (line for file in prepared.files for line in lines(file.requests_path)), requests, job.model
    )
    typical = typical_output(job.data_type, job.model)
    expected = counted.output_most if typical is None else round(typical * requests)
    if expected is not None and counted.output_most is not None:
        expected = min(expected, counted.output_most)
    prices = PriceList.of(catalog, job.model)
    cost = _cost(prices, counted.input_tokens, expected or 0, requests)
    most = counted.output_most
    return Estimate(
        requests=requests,
        input_tokens=counted.input_tokens,
        input_tokens_error=counted.error,
        output_tokens=expected,
        output_tokens_most=most,
        cost_usd=cost,
        ordinary_cost_usd=ordinary(cost),
        most_cost_usd=None if most is None else _cost(prices, counted.input_tokens, most, requests),
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """The tokens of requests; `error` is half the width of the 95 % interval around the input's."""

    input_tokens: int
    error: int
    output_most: int | None


def count_requests(requests: Iterable[bytes], number: int, model: str, *, sample_size: int = SAMPLE) -> Counted:
    """Tokens a byte, from every k-th request, times the bytes of all: lengths differ more than their contents do."""
    count, step = counter_for(model), max(1, -(-number // sample_size))
    sample: list[tuple[int, int]] = []
    size, most, is_bounded = 0, 0, True
    for place, line in enumerate(requests):
        size += len(line)
        limit = output_limit(_body(line))
        most, is_bounded = most + (limit or 0), is_bounded and limit is not None
        if place % step == 0:
            sample.append((len(line), count(line)))
    output_most = most if is_bounded else None
    tokens, bytes_ = sum(tokens for _, tokens in sample), sum(length for length, _ in sample)
    if step == 1 or not bytes_:
        return Counted(tokens, 0, output_most)
    ratio = tokens / bytes_
    return Counted(round(ratio * size), math.ceil(_error(sample, ratio, number)), output_most)


def _error(sample: list[tuple[int, int]], ratio: float, number: int) -> float:
    """Half the width of the 95 % interval of a ratio estimate of a total (Cochran, Sampling Techniques, 6.4)."""
    drawn = len(sample)
    spread = sum((tokens - ratio * length) ** 2 for length, tokens in sample) / max(1, drawn - 1)
    return _SCORE_95 * number * math.sqrt((1 - drawn / number) * spread / drawn)


def _cost(prices: PriceList, input_tokens: int, output_tokens: int, requests: int) -> Decimal:
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    if input_tokens < LARGE_REQUEST * requests:
        return prices.of_small(usage)
    each = Usage(input_tokens=input_tokens // requests, output_tokens=output_tokens // requests)
    return prices.of_one(each) * requests


def _body(line: bytes) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(line)["body"]
    return body
