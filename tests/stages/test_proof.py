"""Where every record ended can be proven: four lists, each with its count and fingerprint, that sum to all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson
from pipeline import Pipeline, StartPipeline

from batchgen.models import Batch, Proof
from batchgen.simulator import Answer, AnswerRequest
from batchgen.stages.decision import Action


def script(request: AnswerRequest) -> Answer:
    said = request.body["messages"][0]["content"]
    if "Say 1." in said:
        return Answer(status=400, error_code="bad", error_message="never")
    return Answer(refusal="no") if "Say 2." in said else Answer("fine")


def fingerprint(batch: Batch, rows: Iterable[int]) -> str:
    return hashlib.sha256("".join(f"{batch.batch_id}:{row}\n" for row in rows).encode()).hexdigest()


def proof_of(batch: Batch) -> Proof:
    assert batch.proof is not None
    counts = (batch.proof.accepted.count, batch.proof.refused.count, batch.proof.failed.count, batch.proof.open.count)
    assert sum(counts) == batch.records
    assert counts == (batch.accepted, batch.refused, batch.failed, batch.pending)
    return batch.proof


def test_the_lists_name_every_record_once(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(script)
    batch = pipeline.run(pipeline.prompts(5), max_retries=1)
    proof = proof_of(batch)
    assert proof.accepted.sha256 == fingerprint(batch, [0, 3, 4])
    assert proof.failed.sha256 == fingerprint(batch, [1])
    assert proof.refused.sha256 == fingerprint(batch, [2])
    assert proof.open.sha256 == fingerprint(batch, [])


def test_the_proof_follows_the_reviewer(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(3))
    rejected = pipeline.services.reviewer.decide(
        batch.batch_id, Action.REJECT, reviewer="Ada", record_ids=["p1"], note="no"
    )
    assert proof_of(rejected).refused.sha256 == fingerprint(batch, [1])
    assert proof_of(rejected).accepted.sha256 == fingerprint(batch, [0, 2])


def test_the_proof_stands_in_the_manifest_and_in_the_summary(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(3))
    proof = proof_of(batch).model_dump()
    manifest = orjson.loads(pipeline.services.uploads.read(f"state/{batch.batch_id}/manifest.json"))
    [summary] = pipeline.services.summary(batch.job_id)["batches"]
    assert manifest["batch"]["proof"] == summary["proof"] == proof


def test_lines_that_stand_twice_and_lines_of_nobody_are_counted(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.run", "duplicate_lines", count=2)
    pipeline.simulator.control.fault("batches.run", "unknown_lines", count=3)
    batch = pipeline.run(pipeline.prompts(4))
    assert (batch.accepted, batch.current.duplicates, batch.current.unknown) == (4, 2, 3)
