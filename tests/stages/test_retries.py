"""Only what failed is sent again, with the reason; each record counts its own failed tries."""

from __future__ import annotations

import orjson
from pipeline import Pipeline, StartPipeline

from batchgen.lifecycle import BatchStatus
from batchgen.simulator import Answer, AnswerRequest

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


def rows(pipeline: Pipeline, count: int) -> str:
    return pipeline.source([{"id": f"p{n}", "prompt": f"Number {n}?", "schema": SCHEMA} for n in range(count)])


def prompt_of(request: AnswerRequest) -> str:
    return str(request.body["messages"][0]["content"])


def fails_until(attempt: int, which: str, wrong: Answer) -> object:
    def script(request: AnswerRequest) -> Answer:
        if which in prompt_of(request) and request.attempt < attempt:
            return wrong
        return Answer('{"n": 1}')

    return script


def test_only_the_refused_record_goes_out_again_with_the_reason(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(fails_until(2, "Number 1?", Answer('{"n": "one"}')))
    batch = pipeline.run(rows(pipeline, 3))
    assert (batch.status, batch.accepted, batch.iteration, batch.retry_count) == (BatchStatus.READY_FOR_REVIEW, 3, 2, 1)
    [resent] = pipeline.requests_of(batch, 2)
    assert resent["custom_id"] == f"{batch.batch_id}:1"
    assert "schema_violation" in resent["body"]["messages"][-1]["content"]
    assert [line["iteration"] for line in pipeline.lines(batch)] == [1, 2, 1]


def test_max_retries_three_means_at_most_three_resends(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(fails_until(99, "Number 0?", Answer("nonsense")))
    batch = pipeline.run(rows(pipeline, 2), max_retries=3)
    assert (batch.accepted, batch.refused, batch.iteration, batch.retry_count) == (1, 1, 4, 3)
    [rejected] = pipeline.lines(batch, "rejected.jsonl")
    assert (rejected["record_id"], rejected["reason"], rejected["output"]) == ("p0", "invalid_json", "nonsense")


def test_with_no_retries_nothing_goes_out_again(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(fails_until(99, "Number 0?", Answer("nonsense")))
    batch = pipeline.run(rows(pipeline, 2), max_retries=0)
    assert (batch.iteration, batch.refused, batch.retry_count) == (1, 1, 0)


def test_nothing_accepted_at_all_is_exhausted(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(lambda _: Answer("nonsense"))
    batch = pipeline.run(rows(pipeline, 2), max_retries=1)
    assert batch.status is BatchStatus.EXHAUSTED
    assert batch.reasons == {"invalid_json": 2}
    assert len(pipeline.lines(batch, "rejected.jsonl")) == 2


def test_a_request_that_openai_refuses_ends_failed_and_leaves_the_others_alone(start_pipeline: StartPipeline) -> None:
    bad = Answer(status=400, error_code="invalid_prompt", error_message="no")
    pipeline = start_pipeline(fails_until(99, "Number 2?", bad))
    batch = pipeline.run(rows(pipeline, 3), max_retries=1)
    assert (batch.status, batch.accepted, batch.failed) == (BatchStatus.READY_FOR_REVIEW, 2, 1)
    [rejected] = pipeline.lines(batch, "rejected.jsonl")
    assert (rejected["reason"], rejected["detail"]) == ("invalid_prompt", "no")


def test_a_batch_of_failures_only_has_no_output_file_and_is_exhausted(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(lambda _: Answer(status=500))
    batch = pipeline.run(rows(pipeline, 2), max_retries=0)
    assert (batch.status, batch.failed) == (BatchStatus.EXHAUSTED, 2)
    assert batch.current.output_file_id is None


def test_refusals_cuts_and_filters_are_told_apart(start_pipeline: StartPipeline) -> None:
    answers = {
        "Number 0?": Answer(refusal="I cannot."),
        "Number 1?": Answer("{", finish_reason="length"),
        "Number 2?": Answer("{", finish_reason="content_filter"),
        "Number 3?": Answer(""),
    }
    pipeline = start_pipeline(lambda request: answers[prompt_of(request)])
    batch = pipeline.run(rows(pipeline, 4), max_retries=0)
    reasons = [line["reason"] for line in pipeline.lines(batch, "rejected.jsonl")]
    assert reasons == ["model_refusal", "truncated", "content_filter", "empty_answer"]


def test_lines_that_are_missing_doubled_or_unknown_leave_each_record_in_one_place(
    start_pipeline: StartPipeline,
) -> None:
    def script(request: AnswerRequest) -> Answer:
        if "Number 0?" in prompt_of(request) and request.attempt == 1:
            return Answer('{"n": 0}', missing=True)
        if "Number 1?" in prompt_of(request):
            return Answer('{"n": 1}', duplicates=2)
        return Answer('{"n": 2}', body_as_string=True)

    pipeline = start_pipeline(script)
    batch = pipeline.run(rows(pipeline, 3))
    assert (batch.accepted, batch.retry_count, batch.iteration) == (3, 0, 2)
    assert [line["record_id"] for line in pipeline.lines(batch)] == ["p0", "p1", "p2"]


def test_what_an_expired_batch_had_answered_is_kept_and_only_the_rest_sent_again(
    start_pipeline: StartPipeline,
) -> None:
    pipeline = start_pipeline(lambda _: Answer('{"n": 1}'))
    pipeline.simulator.control.fault("batches.run", "expire", fraction=0.5)
    batch = pipeline.run(rows(pipeline, 10))
    assert (batch.status, batch.accepted, batch.iteration, batch.retry_count) == (
        BatchStatus.READY_FOR_REVIEW, 10, 2, 0,
    )  # fmt: skip
    assert len(pipeline.requests_of(batch, 2)) == 5
    assert pipeline.simulator.control.billed_twice() == {}


def test_two_iterations_without_an_answer_count_as_a_failed_try(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(lambda _: Answer('{"n": 1}'))
    pipeline.simulator.control.fault("batches.run", "expire", fraction=0.0, times="always")
    batch = pipeline.run(rows(pipeline, 2), max_retries=0)
    assert (batch.status, batch.failed, batch.iteration) == (BatchStatus.EXHAUSTED, 2, 2)
    assert batch.reasons == {"batch_expired": 2}


def test_the_sums_stand_in_the_manifest(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(fails_until(99, "Number 0?", Answer("nonsense")))
    batch = pipeline.run(rows(pipeline, 4), max_retries=1)
    known = orjson.loads(pipeline.services.uploads.read(f"state/{batch.batch_id}/manifest.json"))["batch"]
    assert known["accepted"] + known["refused"] + known["failed"] == known["records"] == 4
