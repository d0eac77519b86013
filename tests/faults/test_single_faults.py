"""Every fault the simulator knows of a file, a batch or a request in it, alone: the job ends, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.simulator.faults import HTTP_OPERATIONS, KINDS
from batchgen.stages.intake import JobRequest
from faults.outcome import assert_nothing_lost_or_paid_twice

RECORDS, RECORDS_A_BATCH = 12, 6
ON_A_REQUEST: dict[str, dict[str, Any]] = {
    "error": {"status": 500, "retry_after": 0.01},
    "drop_request": {},
    "drop_answer": {},
    "other_answer": {},
    "delay": {"seconds": 0.1},
}
ON_A_DOWNLOAD = [
    ("truncate", {"at": "middle", "ending": "clean"}),
    ("truncate", {"at": "line", "ending": "clean"}),
    ("truncate", {"at": "middle", "ending": "reset"}),
    ("truncate", {"at": "line", "ending": "reset"}),
    ("empty", {}),
]
ON_A_BATCH: list[tuple[str, dict[str, Any]]] = [
    ("fail", {"code": "token_limit_exceeded", "message": "queue full"}),
    ("fail", {"code": "invalid_request", "message": "bad line", "line": 2}),
    ("fail", {"code": "invalid_file", "message": "bad file"}),
    ("hang", {"status": "validating"}),
    ("hang", {"status": "in_progress"}),
    ("hang", {"status": "finalizing"}),
    ("expire", {"fraction": 0.5}),
    ("expire", {"fraction": 0.0}),
    ("cancel", {"fraction": 0.5}),
    ("slow", {"seconds": 0.3}),
    ("hide", {"seconds": 0.3}),
    ("wrong_counts", {"total": 1, "completed": 9, "failed": 5}),
    ("duplicate_lines", {"count": 3}),
    ("missing_lines", {"count": 3}),
    ("unknown_lines", {"count": 3}),
    ("empty_error_file", {}),
]
ANSWERS: list[dict[str, Any]] = [
    {"status": 400},
    {"status": 500},
    {"error_code": "request_timeout"},
    {"refusal": "I will not."},
    {"text": "cut", "finish_reason": "length"},
    {"text": "no", "finish_reason": "content_filter"},
    {"text": "as text", "body_as_string": True},
    {"text": "paid, not sent", "missing": True},
    {"text": "sent twice", "duplicates": 1},
    {"body": {}},
]
NOT_NEEDED = {"files.list", "files.delete", "batches.cancel"}
"""A job can end without these."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault."""

    operation: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.operation, self.kind, *(f"{name}={value}" for name, value in self.options.items())])


_OF_BATCHES = [name for name in HTTP_OPERATIONS if name.startswith(("files.", "batches."))]
_ON_REQUESTS = [
    Case(operation, kind, options)
    for operation in _OF_BATCHES
    for kind, options in ON_A_REQUEST.items()
    if (operation not in NOT_NEEDED or kind == "error") and (kind != "delay" or operation == "files.create")
]
CASES = [
    *_ON_REQUESTS,
    Case("batches.create", "other_answer", {"body": "{}", "content_type": "application/json"}),
    Case("batches.list", "other_answer", {"body": "{}", "content_type": "application/json"}),
    Case("batches.retrieve", "other_answer", {"body": "", "content_type": "application/json"}),
    *(Case("files.content", kind, options) for kind, options in ON_A_DOWNLOAD),
    *(Case("batches.run", kind, options) for kind, options in ON_A_BATCH),
    *(Case("requests", "answer", options) for options in ANSWERS),
]


def test_every_kind_has_a_case() -> None:
    assert {case.kind for case in CASES} == set(KINDS)


@pytest.fixture(scope="module")
def one_pipeline(
    pipelines_in: Callable[[Path], AbstractContextManager[StartPipeline]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """The pipeline of all cases: to start one for each would take longer than the cases."""
    with pipelines_in(tmp_path_factory.mktemp("single-faults")) as start:
        yield start()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_alone_loses_nothing_and_pays_nothing_twice(
    one_pipeline: Pipeline, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = one_pipeline
    # A sweep over the list needs two batches under way, a look at one batch only one.
    requests = RECORDS if case.operation == "batches.retrieve" else RECORDS_A_BATCH
    monkeypatch.setattr("batchgen.storage.batch_files.FileLimits.__init__.__defaults__", (requests, 10**6, None))
    control = pipeline.simulator.control
    control.reset()
    control.config(window_seconds=1)  # what hangs expires
    control.fault(case.operation, case.kind, **case.options)
    job = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(RECORDS)))
    pipeline.services.advance(job.job_id)
    [fault] = control.faults()
    assert fault["fired"] or case.operation in NOT_NEEDED
    assert_nothing_lost_or_paid_twice(pipeline, job.job_id)
    if case.operation != "requests":
        assert pipeline.services.summary(job.job_id)["accepted"] == RECORDS
