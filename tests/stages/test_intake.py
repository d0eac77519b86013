"""Jobs: bad input leaves nothing behind; a name that is asked again goes on where it was."""

from __future__ import annotations

import pytest
from pipeline import Pipeline

from batchgen.errors import BadSourceRow, InputError, JobConflict, SourceEmpty, UsageError
from batchgen.lifecycle import BatchStatus
from batchgen.stages.intake import JobRequest


def create(pipeline: Pipeline, source: str, **more: object) -> str:
    return pipeline.services.processor.create_job(JobRequest("prompt", source, **more)).job_id  # type: ignore[arg-type]  # as given by each test


def broken(pipeline: Pipeline) -> str:
    path = pipeline.folder / "broken.jsonl"
    path.write_text('{"prompt": "One."}\n{"prompt": \n{"prompt": "Three."}\n')
    return str(path)


def nothing_left(pipeline: Pipeline) -> bool:
    no_jobs = not pipeline.services.ids.jobs()
    return no_jobs and not list((pipeline.folder / "state" / "work").iterdir())


def test_a_broken_row_is_named_by_its_line_and_nothing_is_left(pipeline: Pipeline) -> None:
    with pytest.raises(BadSourceRow, match="line 2"):
        create(pipeline, broken(pipeline))
    assert nothing_left(pipeline)
    assert pipeline.simulator.control.requests() == {}


def test_skipped_rows_count_as_failed(pipeline: Pipeline) -> None:
    batch = pipeline.run(broken(pipeline), skip_bad_rows=True)
    assert (batch.records, batch.accepted, batch.failed) == (3, 2, 1)
    [rejected] = pipeline.lines(batch, "rejected.jsonl")
    assert (rejected["record_id"], rejected["reason"]) == ("2", "bad_source_row")
    assert "line 2" in rejected["detail"]


def test_bad_rows_alone_are_no_job(pipeline: Pipeline) -> None:
    path = pipeline.folder / "bad.jsonl"
    path.write_text("nonsense\n")
    with pytest.raises(SourceEmpty, match="skipped as bad"):
        create(pipeline, str(path), skip_bad_rows=True)
    assert nothing_left(pipeline)


@pytest.mark.parametrize(
    "more",
    [{"name": "../up"}, {"name": ""}, {"limit": 0}, {"max_retries": -1}, {"model": "gpt-0"}, {"options": {"x": 1}}],
)
def test_what_cannot_be_used_is_refused(pipeline: Pipeline, more: dict[str, object]) -> None:
    with pytest.raises(InputError):
        create(pipeline, pipeline.prompts(1), **more)
    assert nothing_left(pipeline)


def test_a_limit_takes_the_first_records(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(10), limit=3)
    assert [line["record_id"] for line in pipeline.lines(batch)] == ["p0", "p1", "p2"]


def test_the_same_name_goes_on_with_the_same_job(pipeline: Pipeline) -> None:
    source = pipeline.prompts(3)
    batch = pipeline.run(source, name="nightly")
    assert create(pipeline, source, name="nightly") == "nightly"
    assert pipeline.services.ids.get(batch.batch_id).status is BatchStatus.READY_FOR_REVIEW
    assert len(pipeline.simulator.control.billing()["batches"]) == 1


@pytest.mark.parametrize(
    ("more", "difference"),
    [
        ({}, "source fingerprint"),
        ({"model": "gpt-4o"}, "model"),
        ({"max_retries": 9}, "max retries"),
        ({"options": {"max_output_tokens": 9}}, "options"),
    ],
)
def test_the_same_name_for_another_job_is_refused(pipeline: Pipeline, more: dict[str, object], difference: str) -> None:
    create(pipeline, pipeline.prompts(3), name="nightly")
    source = pipeline.prompts(3) if more else pipeline.source([{"prompt": str(n)} for n in range(3)])
    with pytest.raises(JobConflict, match=difference):
        create(pipeline, source, name="nightly", **more)


def test_job_names_cannot_leave_their_folder() -> None:
    for name in ("a/b", "..", "-x", "a b", "ä"):
        with pytest.raises(UsageError, match="job name"):
            JobRequest("prompt", "x", name=name).job_id()
