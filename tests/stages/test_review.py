"""What a person can decide, and what becomes of it."""

from __future__ import annotations

import orjson
import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.errors import BatchBusy, BatchNotFound, DecisionRefused
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.simulator import Answer, AnswerRequest
from batchgen.stages.decision import Action
from batchgen.stages.publication import read_report


def decide(pipeline: Pipeline, batch: Batch, action: Action, **more: object) -> Batch:
    return pipeline.services.reviewer.decide(batch.batch_id, action, reviewer="Ada", **more)  # type: ignore[arg-type]  # as given by each test


def test_reject_refuses_every_record(pipeline: Pipeline) -> None:
    batch = decide(pipeline, pipeline.run(pipeline.prompts(3)), Action.REJECT, note="wrong tone")
    assert (batch.status, batch.accepted, batch.refused) == (BatchStatus.EXHAUSTED, 0, 3)
    assert pipeline.lines(batch) == []
    rejected = pipeline.lines(batch, "rejected.jsonl")
    assert {(line["reason"], line["detail"]) for line in rejected} == {("rejected_by_reviewer", "wrong tone")}
    assert all(line["output"] for line in rejected)


def test_reject_of_named_records_completes_the_rest(pipeline: Pipeline) -> None:
    batch = decide(pipeline, pipeline.run(pipeline.prompts(4)), Action.REJECT, record_ids=["p1", "p3"])
    assert (batch.status, batch.accepted, batch.refused) == (BatchStatus.COMPLETED, 2, 2)
    assert [line["record_id"] for line in pipeline.lines(batch)] == ["p0", "p2"]
    assert [line["record_id"] for line in pipeline.lines(batch, "rejected.jsonl")] == ["p1", "p3"]


def test_sent_back_records_go_out_again_with_the_note_and_the_rest_waits(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(4))
    sent_back = decide(pipeline, batch, Action.RETRY, record_ids=["p2"], note="be brief")
    assert (sent_back.status, sent_back.accepted, sent_back.pending) == (BatchStatus.PENDING, 3, 1)
    [request] = pipeline.requests_of(sent_back, 2)
    assert "be brief" in request["body"]["messages"][-1]["content"]
    pipeline.services.advance(batch.job_id)
    again = pipeline.services.ids.get(batch.batch_id)
    assert (again.status, again.accepted, again.retry_count) == (BatchStatus.READY_FOR_REVIEW, 4, 1)
    assert [line["iteration"] for line in pipeline.lines(again)] == [1, 1, 2, 1]
    assert pipeline.approve(again).status is BatchStatus.COMPLETED


def test_sending_back_all_is_the_default(pipeline: Pipeline) -> None:
    sent_back = decide(pipeline, pipeline.run(pipeline.prompts(3)), Action.RETRY)
    assert (sent_back.pending, sent_back.accepted) == (3, 0)


def test_sending_back_without_tries_left_is_refused_and_decides_nothing(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(2), max_retries=0)
    with pytest.raises(DecisionRefused, match="tries left"):
        decide(pipeline, batch, Action.RETRY)
    assert pipeline.services.ids.get(batch.batch_id) == batch
    assert len(pipeline.lines(batch)) == 2


def test_each_sending_back_uses_up_a_try(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(1), max_retries=2)
    for _ in range(2):
        decide(pipeline, batch, Action.RETRY, note="again")
        pipeline.services.advance(batch.job_id)
        batch = pipeline.services.ids.get(batch.batch_id)
    with pytest.raises(DecisionRefused, match="tries left"):
        decide(pipeline, batch, Action.RETRY)
    assert (batch.iteration, batch.retry_count) == (3, 2)


@pytest.mark.parametrize(
    ("action", "more", "problem"),
    [
        (Action.RETRY, {"record_ids": ["p0", "nobody"]}, "no records nobody"),
        (Action.REJECT, {"record_ids": []}, "empty"),
        (Action.APPROVE, {"record_ids": ["p0"]}, "names no records"),
        (Action.APPROVE, {"iteration": 7}, "iteration 7"),
        (Action.REJECT, {"record_ids": ["p0::part"]}, "no records or parts of records p0::part"),
    ],
)
def test_a_decision_that_makes_no_sense_decides_nothing(
    pipeline: Pipeline, action: Action, more: dict[str, object], problem: str
) -> None:
    batch = pipeline.run(pipeline.prompts(2))
    with pytest.raises(DecisionRefused, match=problem):
        decide(pipeline, batch, action, **more)
    assert pipeline.services.ids.get(batch.batch_id) == batch


def test_an_approval_restores_what_an_interrupted_decision_had_published(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pipeline.run(pipeline.prompts(3))
    with monkeypatch.context() as crash:
        crash.setattr(pipeline.services.ids, "move", interrupted)
        with pytest.raises(KeyboardInterrupt):
            decide(pipeline, batch, Action.REJECT, record_ids=["p0"])
    approved = pipeline.approve(pipeline.services.ids.get(batch.batch_id))
    assert (approved.status, approved.accepted) == (BatchStatus.COMPLETED, 3)
    assert len(pipeline.lines(approved)) == 3


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_unknown_batch_is_told(pipeline: Pipeline) -> None:
    with pytest.raises(BatchNotFound, match="nothing-here"):
        pipeline.services.reviewer.decide("nothing-here", Action.APPROVE, reviewer="Ada")


def test_a_batch_that_another_worker_holds_is_not_decided(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchgen.stages.reviewer._PATIENCE_S", 0.1)
    batch = pipeline.run(pipeline.prompts(1))
    with pipeline.services.ids.lease(batch.batch_id), pytest.raises(BatchBusy):
        pipeline.approve(batch)


def test_objects_of_records_that_are_gone_are_deleted(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(lambda _: Answer("Nothing."))
    batch = pipeline.run(pipeline.prompts(2))
    assert {stored.key.rsplit("/", 1)[1] for stored in batch.objects} == {
        "results.jsonl", "rejected.jsonl", "report.json",
    }  # fmt: skip


def test_who_decided_when_and_why_stands_in_the_manifest(pipeline: Pipeline) -> None:
    batch = decide(pipeline, pipeline.run(pipeline.prompts(1)), Action.REJECT, note="no")
    known = orjson.loads(pipeline.services.uploads.read(f"state/{batch.batch_id}/manifest.json"))["batch"]
    [decision] = known["decisions"]
    assert (decision["reviewer"], decision["note"], decision["action"]) == ("Ada", "no", "reject")


def test_the_report_shows_counts_reasons_and_samples(pipeline: Pipeline) -> None:
    batch = decide(pipeline, pipeline.run(pipeline.prompts(3)), Action.REJECT, record_ids=["p0"], note="no")
    report = orjson.loads(pipeline.text(batch, "report.json"))
    assert (report["records"], report["accepted"], report["refused"]) == (3, 2, 1)
    assert report["rejected_samples"][0]["record_id"] == "p0"
    assert report["accepted_samples"][0]["input"] == {"prompt": "Say 1."}
    assert read_report(pipeline.services.uploads, batch) == report


def priced(pipeline: Pipeline) -> Batch:
    fields = [{"name": "title"}, {"name": "stars", "type": "integer", "required": False}]
    declaration = {"name": "mugs", "instructions": "You rate mugs.", "prompt": "{{ name }}", "fields": fields}
    rows = [{"id": f"m{at}", "name": f"mug {at}"} for at in range(4)]
    return pipeline.run(pipeline.source(rows), "mugs", options={"declaration": declaration})


def stars(request: AnswerRequest) -> Answer:
    number = int(request.body["messages"][1]["content"].split()[-1])
    return Answer(orjson.dumps({"title": "x" * (1 + number), "stars": number if number < 3 else None}).decode())


def test_records_are_rejected_by_a_rule_over_what_was_written(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(stars)
    batch = decide(pipeline, priced(pipeline), Action.REJECT, where="title|length > 2 or given.name == 'mug 0'")
    assert (batch.status, batch.accepted, batch.refused) == (BatchStatus.COMPLETED, 1, 3)
    assert [line["record_id"] for line in pipeline.lines(batch)] == ["m1"]
    assert (batch.decisions[-1].records, batch.decisions[-1].where) == (3, "title|length > 2 or given.name == 'mug 0'")


def test_records_are_sent_back_by_a_rule(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(stars)
    batch = decide(pipeline, priced(pipeline), Action.RETRY, where="stars is none", note="give stars")
    assert (batch.status, batch.accepted, batch.pending) == (BatchStatus.PENDING, 3, 1)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("stars >", "no expression"),
        ("stars > 1", "m3"),
        ("colour == 'red'", "'colour' is undefined"),
        ("colour is none or stars is none", "'colour' is undefined"),
        ("title == 'other'", "no accepted record"),
        ("''.__class__.mro()", "unsafe"),
        ("", "no expression"),
    ],
)
def test_a_rule_that_cannot_be_carried_out_decides_nothing(
    start_pipeline: StartPipeline, where: str, told: str
) -> None:
    pipeline = start_pipeline(stars)
    batch = priced(pipeline)
    with pytest.raises(DecisionRefused, match=told):
        decide(pipeline, batch, Action.REJECT, where=where)
    with pytest.raises(DecisionRefused, match="one of the two"):
        decide(pipeline, batch, Action.REJECT, where="stars == 1", record_ids=["m1"])
    assert pipeline.services.ids.get(batch.batch_id) == batch
