"""What must hold of every job that has come to its end, whatever went wrong on the way."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

import orjson
from pipeline import Pipeline

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Usage

_ENDED = {BatchStatus.READY_FOR_REVIEW, BatchStatus.EXHAUSTED}
_OK = 200


def assert_nothing_lost_or_paid_twice(pipeline: Pipeline, job_id: str, told: object = "") -> None:
    """Fail with everything that is wrong; `told` says how it came about."""
    batches = pipeline.services.ids.job_batches(job_id)
    wrong = [problem for batch in batches for problem in (*_counts(batch), *_objects(pipeline, batch))]
    wrong += _bill(pipeline, batches)
    wrong += _ledger(pipeline, job_id)
    assert not wrong, f"{told}\n" + "\n".join(wrong)


def _counts(batch: Batch) -> Iterator[str]:
    if batch.status not in _ENDED:
        yield f"{batch.batch_id} is {batch.status}: {batch.last_error}"
    if batch.pending or batch.accepted + batch.refused + batch.failed != batch.records:
        sums = f"{batch.accepted} accepted, {batch.refused} refused, {batch.failed} failed, {batch.pending} pending"
        yield f"{batch.batch_id}: {sums} of {batch.records}"


def _objects(pipeline: Pipeline, batch: Batch) -> Iterator[str]:
    expected = {"results.jsonl": batch.accepted, "rejected.jsonl": batch.refused + batch.failed}
    for stored in batch.objects:
        content = pipeline.services.uploads.read(stored.key)
        if (len(content), hashlib.sha256(content).hexdigest()) != (stored.size, stored.sha256):
            yield f"{stored.key} is not what was stored"
        name = stored.key.rsplit("/", 1)[1]
        lines = len([orjson.loads(line) for line in content.splitlines()]) if name in expected else None
        if lines != expected.pop(name, None):
            yield f"{stored.key} has {lines} lines"
    if expected:
        yield f"{batch.batch_id} lacks {', '.join(expected)}"


def _bill(pipeline: Pipeline, batches: list[Batch]) -> Iterator[str]:
    """Every answer that was billed must have been received, but for those whose line was told to be missing.

    A record may be asked again only where its answer was missing or refused: so each has one good answer at most.
    """
    billed = _billed(pipeline)
    good: Counter[str] = Counter()
    received = 0
    for batch in batches:
        for number in range(1, batch.iteration + 1):
            stored = _answers(pipeline, f"state/{batch.batch_id}/{number}/output.jsonl")
            answers = {custom_id: is_good for custom_id, is_good in stored.items() if custom_id in billed}
            received += len(answers)
            good.update(custom_id for custom_id, is_good in answers.items() if is_good)
    if asked_again := [custom_id for custom_id, count in good.items() if count > 1]:
        yield f"asked again after a good answer: {asked_again}"
    lost = billed.total() - received
    if lost > (missing := _told_to_be_missing(pipeline)):
        yield f"{billed.total()} answers were billed and {received} received, but only {missing} told to be missing"


def _ledger(pipeline: Pipeline, job_id: str) -> Iterator[str]:
    """The ledger holds each answer once: what was billed, less what OpenAI never gave out."""
    entries = [entry for entry in pipeline.services.ids.costs() if entry.job_id == job_id]
    if reserved := [entry.key for entry in entries if entry.reserved_usd]:
        yield f"still reserved: {reserved}"
    booked = sum((entry.usage for entry in entries), Usage())
    bill = pipeline.simulator.control.billing()
    more = (bill["input_tokens"] - booked.input_tokens, bill["output_tokens"] - booked.output_tokens)
    if more != (0, 0) and (min(more) < 0 or not _told_to_be_missing(pipeline)):
        yield f"{more[0]} input and {more[1]} output tokens were billed beyond those in the ledger"


def _billed(pipeline: Pipeline) -> Counter[str]:
    control = pipeline.simulator.control
    return Counter(
        request["custom_id"]
        for batch in control.billing()["batches"]
        for request in control.billed_requests(batch["batch_id"])
        if request["billed"]
    )


def _answers(pipeline: Pipeline, key: str) -> dict[str, bool]:
    """custom_id → whether the answer is good, of every billed line of a stored output."""
    try:
        lines = [orjson.loads(line) for line in pipeline.services.uploads.read(key).splitlines()]
    except FileNotFoundError:
        return {}  # there was no output file
    return {line["custom_id"]: _is_good(line["response"]["body"]) for line in lines if _is_answered(line)}


def _is_answered(line: dict[str, dict[str, object]]) -> bool:
    return bool(line["response"]) and line["response"]["status_code"] == _OK


def _is_good(body: object) -> bool:
    if isinstance(body, str):
        body = orjson.loads(body)
    match body:
        case {"choices": [{"finish_reason": "stop", "message": {"content": str(), "refusal": None}}]}:
            return True
    return False


def _told_to_be_missing(pipeline: Pipeline) -> int:
    faults = pipeline.simulator.control.faults()
    lines = sum(fault.get("count", 1) * fault["fired"] for fault in faults if fault["kind"] == "missing_lines")
    return int(lines + sum(fault["fired"] for fault in faults if fault.get("missing")))
